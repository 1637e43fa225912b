"""A submission held against the catalogs: names known, arguments legal, the model fit for the data set."""

from dataclasses import replace
from typing import Any

from service.jobs.schemas import JobBody
from service.problems import Refused, invalid
from sparseift import catalog
from sparseift.cards import DatasetCard, ModelCard
from sparseift.records import JobSpec, Named, Plan
from sparseift.training import recipes


def accept(body: JobBody) -> JobSpec:
    """The job with every argument filled in.

    Raises:
        UnknownName: a model, data set, family, argument or training setting that does not exist.
        InvalidValue: an argument or training setting outside its range.
        Refused: a model for another kind of data.
    """
    spec = body.to_spec()
    model: ModelCard = catalog.get("model", spec.model.name)
    dataset: DatasetCard = catalog.get("dataset", spec.dataset.name)
    for family in spec.families:
        catalog.get("family", family)
    if model.task != dataset.task:
        fitting = ", ".join(
            name for name in sorted(catalog.table("dataset")) if catalog.get("dataset", name).task == model.task
        )
        raise invalid(
            "dataset.name",
            f"the model '{model.name}' takes {model.task} and the data set '{dataset.name}' holds {dataset.task}; "
            f"data sets of {model.task} are {fitting}.",
        )
    recipes.resolve(dataset.task, spec.training)
    return replace(
        spec,
        model=Named(spec.model.name, model.resolve(spec.model.arguments)),
        dataset=Named(spec.dataset.name, dataset.resolve(spec.dataset.arguments)),
    )


def check_feasible(plan: Plan) -> None:
    """Refuse a plan in which nothing but dense could be trained.

    Raises:
        Refused: with each point's reason.
    """
    if any(p.feasible for p in plan.points):
        return
    reasons: list[dict[str, Any]] = [
        {"family": p.family, "nominal_sparsity": p.nominal_sparsity, "reason": p.reason} for p in plan.points
    ]
    first = f" The first: {plan.points[0].reason}" if plan.points else ""
    raise Refused(
        "infeasible",
        f"None of the {len(reasons)} points of this space has sizes that meet the dense model's FLOPs.{first}",
        nearest=[],
        reasons=reasons,
    )

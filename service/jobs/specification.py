"""A submission held against the catalogs: names known, arguments legal, the model fit for the data set."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from service.jobs import progress
from service.jobs.job_body import JobBody
from service.problems import at_field, invalid
from sparseift import catalog
from sparseift.cards import DatasetCard, ModelCard
from sparseift.errors import InvalidValue, UnknownName
from sparseift.masks.schedules import SEARCHABLE_METHODS
from sparseift.records import JobSpec, Named, Plan
from sparseift.training import recipes
from store import jobs
from store.errors import NotFound

T = TypeVar("T")


def accept(body: JobBody) -> JobSpec:
    """The job with every argument filled in.

    Raises:
        Refused: a model, data set, family, argument or training setting that does not exist, a value outside its
            range, a model for another kind of data; always with the field that is wrong.
    """
    spec = body.to_spec()
    with _placed("model.name"):
        model: ModelCard = catalog.get("model", spec.model.name)
    with _placed("dataset.name"):
        dataset: DatasetCard = catalog.get("dataset", spec.dataset.name)
    for index, family in enumerate(spec.families):
        with _placed(f"families.{index}"):
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
    model_arguments = _resolved("model.arguments", model.resolve, spec.model.arguments)
    dataset_arguments = _resolved("dataset.arguments", dataset.resolve, spec.dataset.arguments)
    recipe = _resolved("training", lambda given: recipes.resolve(dataset.task, given), spec.training)
    _check_momentum(spec, recipe)
    if spec.budget.early_stopping != "none" and recipe.evaluations < 2:
        raise invalid(
            "training.evaluations",
            f"it is {recipe.evaluations}, so a trial is measured at its end alone and cannot be stopped before; "
            "budget.early_stopping needs at least 2.",
        )
    with _placed("training.batch_size"):
        recipe.total_steps(dataset.shape(dataset_arguments).train_samples)
    return replace(
        spec,
        model=Named(spec.model.name, model_arguments),
        dataset=Named(spec.dataset.name, dataset_arguments),
    )


def _check_momentum(spec: JobSpec, recipe: recipes.VisionRecipe | recipes.LanguageRecipe) -> None:
    """'snfs' grows where momentum is largest, so the optimizer must keep some: else every such trial would fail.

    Raises:
        Refused: at the setting that takes momentum away.
    """
    field = "momentum" if isinstance(recipe, recipes.VisionRecipe) else "beta1"
    if "snfs" in spec.space.methods and getattr(recipe, field) == 0.0:
        others = ", ".join(method for method in SEARCHABLE_METHODS if method != "snfs")
        raise invalid(
            f"training.{field}",
            f"it is 0, so the optimizer has no momentum, by which the method 'snfs' of space.methods grows; make it "
            f"positive, or leave the methods to {others}.",
        )


def check_limits(spec: JobSpec, plan: Plan) -> None:
    """A limit on FLOPs must leave something to search with after the baseline, the confirmations and the ladder.

    Raises:
        Refused: with what they cost.
    """
    limit, planned = spec.budget.training_flops, progress.planned(spec, plan)
    larger = sum(spec.ladder) * spec.budget.confirm_seeds  # in dense trainings
    finals = (planned.baseline + planned.confirm + larger) * plan.dense_training_flops
    if limit is not None and limit <= finals:
        raise invalid(
            "budget.training_flops",
            f"it is {limit:.4g}, and the baseline, the confirmations and the ladder alone take {finals:.4g}; "
            "leave more to search.",
        )


def check_origins(spec: JobSpec, session: Session, project: str | None) -> None:
    """Earlier jobs that a search starts from have ended, so that their answer stays, and are on the same data.

    Args:
        project: whose jobs may be named; None: every project's.

    Raises:
        Refused: one that is not there, goes on, or is on other data.
    """
    for index, job_id in enumerate(spec.start_from):
        field = f"start_from.{index}"
        try:
            earlier = jobs.get(session, job_id)
        except NotFound as error:
            raise invalid(field, str(error)) from error
        if project not in (None, earlier.project):
            raise invalid(field, f"There is no job '{job_id}'.")  # as if it were not there
        if earlier.state not in progress.TERMINAL:
            raise invalid(field, f"job '{job_id}' is {earlier.state}; only a job that has ended can be started from.")
        if JobSpec.from_json(earlier.spec).dataset != spec.dataset:
            raise invalid(field, f"job '{job_id}' is not on this data set.")


@contextmanager
def _placed(field: str) -> Iterator[None]:
    """Inside, the library's complaints are about that field."""
    try:
        yield
    except (UnknownName, InvalidValue) as error:
        raise at_field(field, error) from error


def _resolved(field: str, resolve: Callable[[dict[str, Any]], T], given: dict[str, Any]) -> T:
    """`resolve(given)`; a complaint is placed at the one entry that causes it alone, else at the whole field."""
    try:
        return resolve(given)
    except (UnknownName, InvalidValue) as whole:
        for name, value in given.items():
            try:
                resolve({name: value})
            except (UnknownName, InvalidValue) as alone:
                if str(alone) == str(whole):
                    raise at_field(f"{field}.{name}", whole) from whole
        raise at_field(field, whole) from whole

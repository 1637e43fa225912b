"""From a job to its plan: every point of the space solved before a slot is used. Pure and deterministic."""

from typing import Any

import torch

from sparseift import catalog
from sparseift.building import dense_point, example_of, plan_point
from sparseift.cards import DatasetCard, ModelCard
from sparseift.errors import Infeasible, InvalidValue
from sparseift.families.family import Family, check_nonlinearity
from sparseift.families.wide import wide_size
from sparseift.flops import count
from sparseift.records import DENSE, DataShape, JobSpec, Plan, Point
from sparseift.training.recipes import resolve
from sparseift.training_flops import training_flops

BYTES_PER_PARAMETER = 16  # float32 weight, gradient and two optimizer moments; masks add one byte per masked weight


def plan(spec_json: dict[str, Any]) -> dict[str, Any]:
    """`make_plan` in plain JSON, for callers in another process."""
    return make_plan(JobSpec.from_json(spec_json)).to_json()


def make_plan(spec: JobSpec) -> Plan:
    """Solve every (family, nominal sparsity) of a job's space.

    Raises:
        UnknownName, InvalidValue: a name, argument or override that the catalogs and recipes do not allow.
        NothingToTransform: the model has no layer to transform.
        Infeasible: no point of the whole space is feasible; the message gives a reason per family.
    """
    card: ModelCard = catalog.get("model", spec.model.name)
    dataset: DatasetCard = catalog.get("dataset", spec.dataset.name)
    if card.task != dataset.task:
        raise InvalidValue(
            f"The model '{card.name}' takes {card.task}; the data set '{dataset.name}' has {dataset.task}."
        )
    check_nonlinearity(spec.nonlinearity)
    shape = dataset.shape(dataset.resolve(spec.dataset.arguments))
    recipe = resolve(shape.task, spec.training)
    points = tuple(
        _point(spec, card, shape, family, nominal)
        for family in spec.families
        if family != DENSE
        for nominal in _nominals(spec, card, catalog.get("family", family))
    )
    dense = dense_point(card, spec.model.arguments, shape)
    if points and not any(p.feasible for p in points):
        reasons = dict.fromkeys(f"{p.family} at {p.nominal_sparsity:g}: {p.reason}" for p in points)
        raise Infeasible(f"No point of the space is feasible. {' '.join(reasons)}")
    steps, batch = recipe.total_steps(shape.train_samples), recipe.batch_size
    spent = training_flops(
        None,
        sparse_forward=dense.forward_flops,
        unmasked_forward=dense.forward_flops,
        step=steps,
        total_steps=steps,
        batch_size=batch,
    )
    return Plan(
        dataset.metric, steps, batch, dense, points, spent, _memory_bytes(spec, card, shape, dense, points, batch)
    )


def _nominals(spec: JobSpec, card: ModelCard, family: Family) -> tuple[float, ...]:
    """The space's sparsities as the family has them: one for each distinct size, so that no two points are the same."""
    width = int(card.resolve(spec.model.arguments)[card.width])
    multiple = int(card.resolve(spec.model.arguments)[card.width_multiple]) if card.width_multiple else 1
    chosen: dict[float, float] = {}
    for sparsity in sorted(spec.space.sparsities):
        nominal = round(family.snap(sparsity), 6)
        size = nominal if family.is_local else float(wide_size(width, nominal, multiple))
        chosen.setdefault(size, nominal)
    return tuple(chosen.values())


def _point(spec: JobSpec, card: ModelCard, shape: DataShape, family: str, nominal: float) -> Point:
    try:
        return plan_point(
            card, spec.model.arguments, shape, family, nominal, scope=spec.scope, nonlinearity=spec.nonlinearity
        )
    except Infeasible as refusal:
        return Point(family, nominal, feasible=False, reason=str(refusal))


def _memory_bytes(
    spec: JobSpec, card: ModelCard, shape: DataShape, dense: Point, points: tuple[Point, ...], batch: int
) -> int:
    """Estimate of one training of the largest point: parameters with their optimizer state, and activations.

    Activations are the dense model's, scaled by the square root of the executed FLOPs' growth (a k times wider layer
    executes k² the FLOPs on k times the activations): an estimate, said so wherever it is shown.
    """
    with torch.device("meta"):
        model = catalog.load(card.build)(shape, **card.resolve(spec.model.arguments))
    activations = count(model, example_of(shape)).activation_bytes * batch
    feasible = [dense, *(p for p in points if p.feasible)]
    growth = max(p.executed_flops / dense.executed_flops for p in feasible)
    return int(max(p.parameters for p in feasible) * BYTES_PER_PARAMETER + activations * growth**0.5)

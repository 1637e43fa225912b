"""From a job to its plan: every point of the space solved before a slot is used. Pure and deterministic."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift import catalog
from sparseift.building import dense_point, example_of, ladder_arguments, plan_model, plan_point, skeleton_of
from sparseift.cards import DatasetCard, ModelCard
from sparseift.errors import Infeasible, InvalidValue
from sparseift.families.family import Family, check_nonlinearity
from sparseift.families.wide import wide_size
from sparseift.isoflop import with_nearest
from sparseift.memory import training_memory
from sparseift.records import DENSE, DataShape, JobSpec, Plan, Point
from sparseift.training.recipes import resolve
from sparseift.training_flops import training_flops


def plan(spec_json: dict[str, Any]) -> dict[str, Any]:
    """`make_plan` in plain JSON, for callers in another process."""
    return make_plan(JobSpec.from_json(spec_json)).to_json()


def make_plan(spec: JobSpec) -> Plan:
    """Solve every (family, nominal sparsity) of a job's space.

    Raises:
        UnknownName, InvalidValue: a name, argument or override that the catalogs and recipes do not allow, or rungs of
            the ladder that are one model.
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
    steps, batch = recipe.total_steps(shape.train_samples), recipe.batch_size
    points = tuple(
        _point(spec, card, shape, batch, family, nominal, asked)
        for family in spec.families
        if family != DENSE
        for nominal, asked in _nominals(spec, card, catalog.get("family", family)).items()
    )
    dense = _with_memory(
        dense_point(card, spec.model.arguments, shape),
        skeleton_of(card, spec.model.arguments, shape, DENSE, 0.0),
        shape,
        batch,
    )
    if points and not any(p.feasible for p in points):
        raise _refusal(spec, card, shape, points)
    spent = training_flops(
        None,
        sparse_forward=dense.forward_flops,
        unmasked_forward=dense.forward_flops,
        step=steps,
        total_steps=steps,
        batch_size=batch,
    )
    ladder = tuple(_rung(spec, card, shape, batch, multiple) for multiple in spec.ladder)
    _check_distinct(spec.ladder, ladder, dense)
    memory = max(point.training_memory_bytes or 0 for point in (dense, *points, *ladder))
    return Plan(dataset.metric, steps, batch, dense, points, spent, memory, ladder)


def _refusal(spec: JobSpec, card: ModelCard, shape: DataShape, points: tuple[Point, ...]) -> Infeasible:
    """Why no point is feasible, family by family, and the nearest sparsities that are."""
    sentences, nearest = [], set[float]()
    for family in dict.fromkeys(p.family for p in points):
        first = next(p for p in points if p.family == family)

        def attempt(nominal: float, family: str = family) -> Point:
            return plan_point(
                card, spec.model.arguments, shape, family, nominal, scope=spec.scope, nonlinearity=spec.nonlinearity
            )

        advised = with_nearest(Infeasible(first.reason), first.nominal_sparsity, attempt)
        sentences.append(f"{family} at {first.nominal_sparsity:g}: {advised}")
        nearest.update(advised.nearest)
    return Infeasible(f"No point of the space is feasible. {' '.join(sentences)}", sorted(nearest))


def _nominals(spec: JobSpec, card: ModelCard, family: Family) -> dict[float, tuple[float, ...]]:
    """Nominal sparsity -> those asked for that it stands for: one for each distinct size, so that no point is twice."""
    resolved = card.resolve(spec.model.arguments)
    multiple = int(resolved[card.width_multiple]) if card.width_multiple else 1
    chosen: dict[float, tuple[float, list[float]]] = {}
    for sparsity in sorted(spec.space.sparsities):
        nominal = size = round(family.snap(sparsity), 6)
        if not family.is_local:
            with suppress(Infeasible):  # no wider than dense: a point of its own, refused when it is planned
                size = float(wide_size(int(resolved[card.width]), nominal, multiple))
        chosen.setdefault(size, (nominal, []))[1].append(sparsity)
    return {nominal: tuple(asked) for nominal, asked in chosen.values()}


def _point(
    spec: JobSpec, card: ModelCard, shape: DataShape, batch: int, family: str, nominal: float, asked: tuple[float, ...]
) -> Point:
    try:
        point, model = plan_model(
            card, spec.model.arguments, shape, family, nominal, scope=spec.scope, nonlinearity=spec.nonlinearity
        )
    except Infeasible as refusal:
        return Point(family, nominal, feasible=False, reason=str(refusal))
    point = _with_memory(point, model, shape, batch)
    moved = [s for s in asked if abs(s - nominal) > 1e-5]
    if not moved:
        return point
    listed = ", ".join(f"{s:g}" for s in moved)
    return replace(point, reason=f"Stands for {listed} too, which give {family} the same size.")


def _rung(spec: JobSpec, card: ModelCard, shape: DataShape, batch: int, multiple: float) -> Point:
    """The dense model of a rung of the job's ladder."""
    wider, ratio = ladder_arguments(card, spec.model.arguments, shape, multiple, spec.scope)
    point = replace(dense_point(card, wider, shape), flop_ratio=ratio)
    return _with_memory(point, skeleton_of(card, wider, shape, DENSE, 0.0), shape, batch)


def _check_distinct(multiples: tuple[float, ...], ladder: tuple[Point, ...], dense: Point) -> None:
    """Every rung must be a model of its own: widths are whole numbers, so that near multiples may share the nearest.

    Raises:
        InvalidValue: with the multiples, and the width that they give.
    """
    known = {dense.forward_flops: "the dense baseline"}
    for multiple, point in zip(multiples, ladder, strict=True):
        if (other := known.get(point.forward_flops)) is not None:
            raise InvalidValue(
                f"The ladder's ×{multiple:g} and {other} are one dense model, of {point.scale} and "
                f"{point.flop_ratio:.4g} times the baseline's FLOPs: the nearest that there is; leave ×{multiple:g} "
                "out, or move it further away."
            )
        known[point.forward_flops] = f"×{multiple:g}"


def _with_memory(point: Point, model: nn.Module, shape: DataShape, batch: int) -> Point:
    """The point with the memory of one training of its model: what the step keeps, and its masks."""
    optimizer = "adamw" if shape.task == "text" else "sgd_momentum"  # of the recipes
    memory = training_memory(model, example_of(shape), batch, optimizer=optimizer, loss=_cross_entropy)
    # a mask and what was ever active: a byte each for every weight, at most; dense has neither
    masks = 0 if point.family == DENSE else 2 * point.parameters
    return replace(point, training_memory_bytes=memory.total + masks)


def _cross_entropy(logits: Tensor) -> Tensor:
    """(…, outputs) against any targets: only what it keeps matters."""
    logits = logits.flatten(0, -2)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))

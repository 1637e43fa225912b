"""One trial, from its specification to its result: the only function that a worker calls."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from sparseift import catalog
from sparseift.building import build_sparse, example_of, ladder_arguments
from sparseift.cards import DatasetCard, ModelCard
from sparseift.datasets.splits import Splits
from sparseift.errors import InvalidValue
from sparseift.flops import count, nonzero_flops
from sparseift.masks.schedules import SEARCHABLE_METHODS, MaskSchedule
from sparseift.masks.state import masks_of, sparsity_of
from sparseift.records import Progress, TrialResult, TrialSpec, derive_seed
from sparseift.training import language, layers, vision
from sparseift.training.journal import Journal, Outlets, Stopped
from sparseift.training.recipes import LanguageRecipe, VisionRecipe, resolve
from sparseift.training_flops import training_flops

__all__ = ["Stopped", "run"]


def run(
    trial: TrialSpec,
    *,
    data_folder: Path,
    checkpoint_folder: Path | None,
    report: Callable[[Progress], None],
    resume_from: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    saved: Callable[[int, Path], None] = lambda _step, _path: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrialResult:
    """Train a trial to its end.

    Equal trials give equal results on the same device and number of threads, interrupted and resumed or not.

    Args:
        data_folder: of all data sets. checkpoint_folder: of this trial's checkpoints; None keeps none.
        report: called with every report, in the calling thread.
        resume_from: a checkpoint of this trial.
        device: "cpu", "cuda" or "cuda:1". threads: of the CPU; None leaves torch's setting.
        saved: called with (step, folder) of every checkpoint.
        should_stop: asked after every step.

    Raises:
        Stopped: `should_stop` said so; a checkpoint was saved.
        Diverged: the loss is no longer finite.
        CheckpointError: `resume_from` cannot be read or is another trial's.
        InvalidValue: the schedule has a density ramp, which no job can ask for.
        DataError, UnknownName, InvalidValue, NothingToTransform, Infeasible: as planning would have said.
    """
    place = torch.device(device)
    previous_threads = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []), _Deterministic(place):
            return _run(trial, data_folder, place, Outlets(report, saved, should_stop, checkpoint_folder, resume_from))
    finally:
        torch.set_num_threads(previous_threads)


def _run(trial: TrialSpec, data_folder: Path, device: torch.device, outlets: Outlets) -> TrialResult:
    dataset: DatasetCard = catalog.get("dataset", trial.dataset.name)
    dataset_arguments = dataset.resolve(trial.dataset.arguments)
    shape = dataset.shape(dataset_arguments)
    recipe = resolve(shape.task, trial.training)
    total_steps = recipe.total_steps(shape.train_samples)

    # The model; a dense one has no masks, and a static schedule leaves it alone.
    card: ModelCard = catalog.get("model", trial.model.name)
    configuration = trial.configuration
    schedule = configuration.schedule or MaskSchedule(method="static")
    if schedule.ramp is not None:  # sizes are solved for one density, and FLOPs counted at it
        raise InvalidValue(
            f"The schedule of a trial ('{schedule.method}') has a density ramp. Trials keep their density, so that "
            f"they have equal FLOPs at every step; the methods are {', '.join(SEARCHABLE_METHODS)}. Ramps are for "
            "sparseift.MaskTrainer."
        )
    arguments, ratio = card.resolve(trial.model.arguments), 1.0
    if configuration.flop_multiple != 1.0:  # a rung of the ladder: the dense model, wider
        arguments, ratio = ladder_arguments(card, arguments, shape, configuration.flop_multiple, trial.scope)
    model, point = build_sparse(
        card,
        arguments,
        shape,
        configuration.family,
        configuration.nominal_sparsity,
        scope=trial.scope,
        nonlinearity=trial.nonlinearity,
        distribution=schedule.distribution,
        seed=trial.seed,
    )
    is_sparse = bool(masks_of(model))

    def flops_after(step: int) -> float:
        return training_flops(
            configuration.schedule,
            sparse_forward=point.forward_flops,
            unmasked_forward=point.executed_flops,
            step=step,
            total_steps=total_steps,
            batch_size=recipe.batch_size,
        )

    # The training.
    splits = _load(dataset.load, data_folder, tuple(dataset_arguments.items()))
    layers.write(outlets.folder, 0, layers.table(model, count(model, example_of(shape))))  # for those who look on
    journal = Journal(recipe, total_steps, flops_after, outlets, trial.to_json(), is_sparse=is_sparse)
    torch.manual_seed(derive_seed(trial.seed, "dropout"))
    settings: dict[str, Any] = {
        "schedule": schedule,
        "seed": trial.seed,
        "device": device,
        "evaluate_test": trial.evaluate_test,
    }
    if isinstance(recipe, VisionRecipe):
        value, test_value = vision.train(model, splits, recipe, journal, **settings)
    else:
        assert isinstance(recipe, LanguageRecipe)
        value, test_value = language.train(model, splits, recipe, journal, **settings)

    # What was trained, counted again on the model as it now is.
    counted = count(model, example_of(shape))
    layers.write(outlets.folder, total_steps, layers.table(model, counted))  # dynamic masks have moved between layers
    masks = masks_of(model)
    parameters = sum(p.numel() for p in model.parameters())
    zeros = sum(mask.numel() - int(torch.count_nonzero(mask)) for mask in masks.values())
    return TrialResult(
        value=value,
        test_value=test_value,
        forward_flops=nonzero_flops(counted, masks),
        executed_flops=counted.total,
        flop_ratio=point.flop_ratio * ratio,  # masks keep their counts, so the plan's ratio still holds
        training_flops=flops_after(total_steps),
        sparsity=sparsity_of(model),
        parameters=parameters,
        nonzero_parameters=parameters - zeros,
        seconds=journal.seconds,
    )


@lru_cache(maxsize=2)
def _load(reference: str, folder: Path, arguments: tuple[tuple[str, Any], ...]) -> Splits[Any]:
    """The data, kept between the trials of one process."""
    splits: Splits[Any] = catalog.load(reference)(folder, **dict(arguments))
    return splits


class _Deterministic:
    """On CUDA, only kernels that give the same bits every time, where torch has them; the CPU's already do."""

    def __init__(self, device: torch.device) -> None:
        self._on = device.type == "cuda"

    def __enter__(self) -> None:
        if self._on:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it starts
            self._before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.benchmark = False

    def __exit__(self, *_: object) -> None:
        if self._on:
            torch.use_deterministic_algorithms(self._before[0])
            torch.backends.cudnn.benchmark = self._before[1]

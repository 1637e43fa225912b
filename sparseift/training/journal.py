"""What a training loop tells the world after each step: reports, checkpoints, and whether it was asked to stop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparseift.errors import CheckpointError, Diverged
from sparseift.masks.trainer import MaskTrainer
from sparseift.records import Progress
from sparseift.training import checkpoint
from sparseift.training.recipes import Recipe
from sparseift.training.schedules import is_due


class Stopped(Exception):
    """The run was asked to stop, and did; no error, so not in the error tree.

    Attributes:
        step: optimizer steps done.
        path: the checkpoint from which it can go on; None where checkpoints have no folder.
    """

    def __init__(self, step: int, path: Path | None) -> None:
        self.step, self.path = step, path
        super().__init__(f"Stopped after step {step}.")


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where a run's news go.

    Attributes:
        report: called with every report. saved: called with (step, folder) of every checkpoint.
        should_stop: asked after every step.
        folder: of the checkpoints; None keeps none. resume_from: a checkpoint to go on from.
    """

    report: Callable[[Progress], None]
    saved: Callable[[int, Path], None]
    should_stop: Callable[[], bool]
    folder: Path | None
    resume_from: Path | None


class Journal:
    """Keeps a run's books. `begin` once, `after_step` after every step; nothing else in a loop needs the world.

    Args:
        recipe: how many reports and checkpoints there are.
        total_steps: optimizer steps of the run.
        flops_after: from steps done to training FLOPs spent.
        outlets: where news go.
        record: JSON that marks a checkpoint as this trial's.
        is_sparse: whether the model has masks.
    """

    def __init__(
        self,
        recipe: Recipe,
        total_steps: int,
        flops_after: Callable[[int], float],
        outlets: Outlets,
        record: dict[str, Any],
        *,
        is_sparse: bool,
    ) -> None:
        self.total_steps = total_steps
        self._recipe, self._flops_after, self._outlets = recipe, flops_after, outlets
        self._record, self._is_sparse = record, is_sparse
        self._started_s = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since this attempt began."""
        return time.monotonic() - self._started_s

    def begin(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, masks: MaskTrainer, device: torch.device
    ) -> int:
        """Take over what is to be saved, and go back to the checkpoint if there is one.

        Returns:
            Optimizer steps already done.

        Raises:
            CheckpointError: the checkpoint cannot be read, or is another trial's.
        """
        self._model, self._optimizer, self._masks, self._device = model, optimizer, masks, device
        self._loss_sum = torch.zeros((), device=device)  # nats, since the last report; stays on the device
        self._losses = 0
        self._has_updated = False  # the masks, since the last report
        self._last_churn = masks.last_churn
        path = self._outlets.resume_from
        if path is None:
            return 0
        step, state, record = checkpoint.load(path)
        if record != self._record:
            raise CheckpointError(f"{path} belongs to another trial.")
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path} does not fit the model: {error}.") from error
        _lay_out_like_parameters(optimizer)
        masks.load_state_dict(state["masks"])
        checkpoint.set_random_state(state["random"], device)
        self._loss_sum.copy_(state["loss_sum"])
        self._losses = state["losses"]
        self._has_updated = state.get("has_updated", False)  # checkpoints of earlier versions do not say
        self._last_churn = masks.last_churn
        return step

    def is_evaluation(self, done: int) -> bool:
        """Whether the validation metric is measured after step `done` (1-based)."""
        return is_due(done, self.total_steps, self._recipe.evaluations)

    def after_step(self, done: int, loss: Tensor, value: float | None) -> None:
        """Book a step; report, save and stop where it is time to.

        Args:
            done: optimizer steps done, 1-based.
            loss: of the step (nats), a scalar on the device.
            value: the validation metric, where `is_evaluation`.

        Raises:
            Diverged: the loss or the metric is not finite.
            Stopped: somebody asked for it; a checkpoint was saved.
        """
        self._loss_sum += loss.detach()
        self._losses += 1
        if self._masks.last_churn is not self._last_churn:  # every update makes a number of its own, equal or not
            self._has_updated, self._last_churn = True, self._masks.last_churn
        if value is not None or is_due(done, self.total_steps, self._recipe.reports):
            self._report(done, value)
        path = None
        if is_due(done, self.total_steps, self._recipe.checkpoints):
            path = self._save(done)
        if done < self.total_steps and self._outlets.should_stop():
            raise Stopped(done, path or self._save(done))

    def _report(self, done: int, value: float | None) -> None:
        mean = self._loss_sum.item() / self._losses
        if not math.isfinite(mean) or not math.isfinite(value or 0.0):
            raise Diverged(f"The training loss is {mean} and the validation metric {value} after step {done}.")
        self._loss_sum.zero_()
        self._losses = 0
        masks = self._masks
        self._outlets.report(
            Progress(
                step=done,
                total_steps=self.total_steps,
                train_loss=mean,
                value=value,
                training_flops=self._flops_after(done),
                sparsity=masks.sparsity() if self._is_sparse else None,
                # None where masks stood still: repeats of the last update's would outweigh the others in a mean
                churn=masks.last_churn if self._is_sparse and self._has_updated else None,
                itop=masks.itop() if self._is_sparse else None,
                seconds=self.seconds,
            )
        )
        self._has_updated = False

    def _save(self, done: int) -> Path | None:
        folder = self._outlets.folder
        if folder is None:
            return None
        state = {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "masks": self._masks.state_dict(),
            "random": checkpoint.random_state(self._device),
            "loss_sum": self._loss_sum,
            "losses": self._losses,
            "has_updated": self._has_updated,
        }
        path = checkpoint.save(folder, done, state, self._record)
        self._outlets.saved(done, path)
        return path


def _lay_out_like_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Give loaded state its parameters' strides: fused kernels pair elements by their place in memory.

    `Optimizer.load_state_dict` keeps those of the checkpoint, whose tensors are contiguous, while a parameter may be
    channels_last.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype, device=value.device).copy_(value)

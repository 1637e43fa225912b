"""Keeps a model sparse while a torch optimizer trains it, and moves its masks by a schedule.

"project" mode leaves gradients and optimizer state alone; after `optimizer.step()` the masked parameters are multiplied
by their masks in one foreach call. For elementwise optimizers (SGD with momentum, Adam(W), …) that is the trajectory of
masking gradients, parameters and state at every step, and `p.grad` is the dense gradient that RigL needs. Optimizers
that are not elementwise (Muon, Adafactor) are stepped in "grad" mode, chosen by itself: their gradients are masked
before the step too, and the dense ones are kept aside for a mask update that is due.
"""

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from sparseift.errors import CheckpointError, InvalidValue
from sparseift.masks.optimizers import needs_masked_gradients, reset_state
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.scores import DYNAMIC_METHODS
from sparseift.masks.state import masks_of, owner_of, sparsity_of
from sparseift.masks.update import drop_and_grow, fill_at


class SkippedUpdate(UserWarning):
    """A mask update that was skipped because a gradient was missing or not finite."""


class MaskTrainer:
    """Attach it once, after the optimizer was made; the training loop stays as it is. Does nothing without masks.

    Step order as in the official code: backward → optimizer step → projection → mask update on schedule steps, so no
    weight update is skipped.

    Args:
        model: whose masks are `<weight>_mask` buffers (`transform`, `widen`, `build_sparse` attach them).
        optimizer: any `torch.optim.Optimizer` that holds every masked parameter, but LBFGS.
        schedule: when masks change and how.
        total_steps: optimizer steps of the whole run; T_end and the annealing are fractions of it.
        seed: of random growth.

    Raises:
        InvalidValue: LBFGS, or a masked parameter that the optimizer does not hold.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, schedule: MaskSchedule, total_steps: int, seed: int
    ) -> None:
        self._model, self._optimizer, self._schedule, self._total_steps = model, optimizer, schedule, total_steps
        self._refresh()
        device = next(iter(self._weights.values())).device if self._weights else torch.device("cpu")
        self._generator = torch.Generator(device=device).manual_seed(seed)
        self._ever_active = {name: mask.bool() for name, mask in self._masks.items()}
        self._dense_gradients: dict[str, Tensor] = {}  # "grad" mode: of the step whose update is due
        self.step = 0
        self.skipped_updates = 0
        self.last_churn: float | None = None
        self._handles = [optimizer.register_step_post_hook(self._after_step)]
        if self._weights and needs_masked_gradients(optimizer):
            self._handles.append(optimizer.register_step_pre_hook(self._mask_gradients))
        for owner in {id(m): m for m in (owner_of(model, name)[0] for name in self._masks)}.values():
            handle = owner.register_load_state_dict_post_hook(self._after_load)  # type: ignore[no-untyped-call]
            self._handles.append(handle)
        self._project()

    def _refresh(self) -> None:
        """Read weights and masks from the model, where they live, and check that the optimizer holds the weights."""
        parameters = dict(self._model.named_parameters())
        self._masks = masks_of(self._model)
        self._weights = {name: parameters[name] for name in self._masks}
        self._groups = {id(p): group for group in self._optimizer.param_groups for p in group["params"]}
        missing = [name for name, weight in self._weights.items() if id(weight) not in self._groups]
        if missing:
            raise InvalidValue(f"The optimizer does not hold the masked parameters {', '.join(missing)}.")
        self._factors = _factors(self._masks, self._weights)

    def _after_step(self, _optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None:
        self.step += 1
        self._project()
        if self._schedule.is_update_step(self.step, self._total_steps):
            self._update()
        self._dense_gradients = {}

    def _after_load(self, _module: nn.Module, _incompatible: Any) -> None:
        self._refresh()

    @torch.no_grad()
    def _mask_gradients(self, _optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None:
        gradients = self._gradients()
        if self._schedule.is_update_step(self.step + 1, self._total_steps):
            self._dense_gradients = {name: g.clone() for name, g in gradients.items()}
        factors = dict(zip(self._weights, self._factors, strict=True))
        if gradients:
            torch._foreach_mul_(list(gradients.values()), [factors[name] for name in gradients])

    def _gradients(self) -> dict[str, Tensor]:
        """Of the masked weights that have one; frozen and unused weights have none."""
        return {name: weight.grad for name, weight in self._weights.items() if weight.grad is not None}

    @torch.no_grad()
    def _project(self) -> None:
        if self._weights:
            torch._foreach_mul_(list(self._weights.values()), self._factors)

    @torch.no_grad()
    def _update(self) -> None:
        """One mask update of every layer that has a gradient; of none when a gradient is not finite."""
        self._refresh()  # the model may have been moved or cast since, which replaces its buffers
        if not self._weights:
            return
        gradients = self._dense_gradients or self._gradients()
        if not gradients or not _all_finite(gradients.values()):
            self.skipped_updates += 1
            why = "a gradient is not finite" if gradients else "no masked weight has a gradient"
            text = f"The mask update after step {self.step} was skipped: {why}."
            warnings.warn(text, SkippedUpdate, stacklevel=2)
            return
        method = DYNAMIC_METHODS[self._schedule.method]
        fraction = self._schedule.drop_fraction_at(self.step, self._total_steps)
        changed = active = 0
        for name, gradient in gradients.items():
            weight, mask = self._weights[name], self._masks[name]
            change = drop_and_grow(weight, gradient, mask, method, fraction, self._generator)
            fill_at(weight, change.dropped)
            reset_state(self._groups[id(weight)], self._optimizer.state.get(weight, {}), weight, change.grown)
            self._ever_active[name].logical_or_(mask)
            changed += change.grown.numel()
            active += int(mask.sum())
        self.last_churn = changed / max(1, active)
        self._factors = _factors(self._masks, self._weights)

    @torch.no_grad()
    def clip_grad_norm_(self, max_norm: float) -> Tensor:
        """As `torch.nn.utils.clip_grad_norm_` over all parameters, but masked entries do not count.

        The gradients are scaled as a whole, so growth still sees the dense gradient.

        Returns:
            The norm before clipping, a scalar tensor; no host sync.
        """
        masked = {id(w): f for w, f in zip(self._weights.values(), self._factors, strict=True)}
        owners = [p for p in self._model.parameters() if p.grad is not None]
        if not owners:
            return torch.zeros(())
        gradients = [p.grad for p in owners if p.grad is not None]
        seen = list(gradients)
        under_mask = [i for i, p in enumerate(owners) if id(p) in masked]
        if under_mask:
            products = torch._foreach_mul(
                [gradients[i] for i in under_mask], [masked[id(owners[i])] for i in under_mask]
            )
            for i, product in zip(under_mask, products, strict=True):
                seen[i] = product
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(seen)))
        torch._foreach_mul_(gradients, torch.clamp(max_norm / (norm + 1e-6), max=1.0))
        return norm

    def sparsity(self) -> float:
        """Share of masked weights that are zero; 0 for a model without masks."""
        return sparsity_of(self._model)

    def itop(self) -> float:
        """In-time over-parameterisation: share of maskable weights ever active (Liu et al. 2021); 1 if dense."""
        total = sum(m.numel() for m in self._ever_active.values())
        return sum(int(m.sum()) for m in self._ever_active.values()) / total if total else 1.0

    def state_dict(self) -> dict[str, Tensor]:
        """What a resume needs beyond the model's and the optimizer's own states."""
        return {
            "step": torch.tensor(self.step),
            "skipped_updates": torch.tensor(self.skipped_updates),
            "last_churn": torch.tensor(
                float("nan") if self.last_churn is None else self.last_churn, dtype=torch.float64
            ),
            "generator": self._generator.get_state(),
            **{f"ever_active.{name}": m.to(torch.uint8) for name, m in self._ever_active.items()},
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Inverts `state_dict`; load the model's state first.

        Raises:
            CheckpointError: the state is of another model.
        """
        names = {f"ever_active.{name}" for name in self._ever_active}
        if {key for key in state if key.startswith("ever_active.")} != names or "step" not in state:
            raise CheckpointError("The mask state in the checkpoint belongs to a model with other masks.")
        self.step = int(state["step"])
        self.skipped_updates = int(state["skipped_updates"])
        churn = float(state["last_churn"])
        self.last_churn = None if churn != churn else churn
        self._generator.set_state(state["generator"].cpu())
        for name, ever in self._ever_active.items():
            ever.copy_(state[f"ever_active.{name}"])
        self._factors = _factors(self._masks, self._weights)

    def remove(self) -> None:
        """Take the hooks off; the model keeps its masks."""
        for handle in self._handles:
            handle.remove()


def _factors(masks: dict[str, Tensor], weights: dict[str, nn.Parameter]) -> list[Tensor]:
    """What the projection multiplies by: uint8 masks on CPU (fastest there), the weights' dtype on an accelerator.

    (CUDA's one-launch foreach path needs a single dtype; on CPU uint8 multiplies 2.7x faster than bool.)
    """
    return [m if m.device.type == "cpu" else m.to(weights[name].dtype) for name, m in masks.items()]


def _all_finite(gradients: Iterable[Tensor]) -> bool:
    """One host sync for all of them."""
    return bool(torch.stack([torch.isfinite(g).all() for g in gradients]).all())

"""Keeps a model sparse while a torch optimizer trains it, and moves its masks by a schedule.

"project" mode leaves gradients and optimizer state alone; after `optimizer.step()` the masked parameters are multiplied
by their masks in one foreach call. For elementwise optimizers (SGD with momentum, Adam(W), …) that is the trajectory of
masking gradients, parameters and state at every step, and `p.grad` is the dense gradient that RigL needs. Optimizers
that are not elementwise (Muon, Adafactor) are stepped in "grad" mode, chosen by itself: their gradients are masked
before the step too, and the dense ones are kept aside for a mask update that is due.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sparseift.errors import CheckpointError, InvalidValue
from sparseift.families.kinds import is_hugging_face_conv1d
from sparseift.masks.checks import check_fit
from sparseift.masks.factors import factor_of, is_factor_of
from sparseift.masks.gradients import add_up, after_closure
from sparseift.masks.hooks import watch
from sparseift.masks.metrics import itop
from sparseift.masks.optimizers import check_momentum, momentum_of, needs_masked_gradients, reset_state
from sparseift.masks.saved import checked_generator, plain_name
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.scores import DYNAMIC_METHODS
from sparseift.masks.sharding import all_finite, fill, is_sharded, local, part_of, total_norm, whole
from sparseift.masks.state import masks_of, owner_of, sparsity_of, targets_of
from sparseift.masks.structures import Layout, parse
from sparseift.masks.update import drop_and_grow


class SkippedUpdate(UserWarning):
    """A mask update that was skipped because a gradient was missing or not finite."""


class NoUpdate(UserWarning):
    """A schedule that moves masks, and a run too short for it to do so once."""


class KeptState(UserWarning):
    """Optimizer state of grown weights that could not be reset, because it is quantised (8-bit optimizers)."""


class MaskTrainer:
    """Attach it once, after the optimizer was made; the training loop stays as it is. Does nothing without masks.

    Step order as in the official code: backward → optimizer step → projection → mask update on schedule steps, so no
    weight update is skipped. Under DDP give it the wrapped model, under FSDP2 (`fully_shard`) the sharded one: every
    process must have one, with the same seed. (DDP sends buffers, masks among them, at every forward; where no batch
    norm needs that, `broadcast_buffers=False` saves a byte per masked weight and step.)

    Args:
        model: whose masks are `<weight>_mask` buffers (`transform`, `widen`, `build_sparse` attach them).
        optimizer: any `torch.optim.Optimizer` that holds every masked parameter, but LBFGS.
        schedule: when masks change and how.
        total_steps: optimizer steps of the whole run; T_end and the annealing are fractions of it.
        seed: of random growth.
        mask_gradients: whether the optimizer must see masked gradients only; None knows it for the common optimizers.

    Raises:
        InvalidValue: total_steps below 1; a model that has a trainer already; LBFGS; a masked parameter that the
            optimizer does not hold; masks that do not obey the schedule's
            structure; a ramp without start and final counts (`attach_masks`' targets), or counts without a ramp, or no
            update to reach them; "snfs" with an optimizer that has no momentum of masked weights.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: MaskSchedule,
        total_steps: int,
        seed: int,
        *,
        mask_gradients: bool | None = None,
    ) -> None:
        self._model, self._optimizer, self._schedule, self._total_steps = model, optimizer, schedule, total_steps
        if total_steps < 1:
            raise InvalidValue(f"total_steps is {total_steps}; a run has at least 1.")
        parsed = parse(schedule.structure)
        self._layouts = {
            name: parsed.layout(tuple(mask.shape), is_hugging_face_conv1d(owner_of(model, name)[0]))
            for name, mask in masks_of(model).items()
        }
        self._factors: list[Tensor] = []
        self._gradient_sums: dict[str, Tensor] = {}  # dense, of the steps that count in the update that is due
        self._ever_active: dict[str, Tensor] = {}
        self._refresh()
        self._targets = targets_of(model)
        check_fit(schedule, total_steps, self._masks, self._layouts, self._targets)
        if self._weights and schedule.is_dynamic and not schedule.count_updates(total_steps):
            text = f"A run of {total_steps} steps makes no mask update with delta_t_steps {schedule.delta_t_steps}."
            warnings.warn(text, NoUpdate, stacklevel=2)
        self._generator = torch.Generator().manual_seed(seed)  # on the CPU: a seed grows the same wherever weights are
        self._ever_active = {name: mask.bool() for name, mask in self._masks.items()}
        self.step = 0
        self.skipped_updates = 0
        self.last_churn: float | None = None
        self._is_late = False  # a ramp's update was skipped, and is made up for at the next step
        self._has_reported_kept = False
        self._has_loaded = False  # a state, so that weights and masks must be read anew
        required = bool(self._weights) and needs_masked_gradients(optimizer)
        self._masks_gradients = required if mask_gradients is None else mask_gradients
        if self._weights and schedule.method == "snfs":
            groups = {id(g): g for g in (self._groups[id(w)] for w in self._weights.values())}
            check_momentum(type(optimizer).__name__, list(groups.values()), self._masks_gradients)
        owners = {id(m): m for m in (owner_of(model, name)[0] for name in self._masks)}
        self._handles = watch(owners.values(), self._after_load)
        self._handles.append(optimizer.register_step_post_hook(self._after_step))
        if self._weights and (self._masks_gradients or schedule.gradient_steps > 1):
            self._handles.append(optimizer.register_step_pre_hook(self._before_step))
        self._project()

    def _refresh(self) -> None:
        """Read weights and masks from the model, where they live, and check that the optimizer holds the weights."""
        parameters, masks = dict(self._model.named_parameters()), masks_of(self._model)
        if masks.keys() != self._layouts.keys():
            raise InvalidValue(
                f"Masks were added or removed behind a MaskTrainer's back ({_difference(masks, self._layouts)}); call "
                "its remove() first and make a new one afterwards."
            )
        self._masks: dict[str, Tensor] = masks
        self._weights: dict[str, nn.Parameter] = {name: parameters[name] for name in masks}
        self._groups = {id(p): group for group in self._optimizer.param_groups for p in group["params"]}
        missing = [name for name, weight in self._weights.items() if id(weight) not in self._groups]
        if missing:
            raise InvalidValue(
                f"The optimizer does not hold the masked parameters {', '.join(missing)}; one optimizer must hold all, "
                "other parameters may have others."
            )
        for name, ever in self._ever_active.items():
            self._ever_active[name] = ever.to(masks[name].device)
        for name, total in self._gradient_sums.items():
            if not is_sharded(total):
                self._gradient_sums[name] = total.to(self._weights[name])
        self._refresh_factors()

    def _refresh_factors(self) -> None:
        before: list[Tensor] | list[None] = self._factors or [None] * len(self._weights)
        pairs = zip(self._masks.values(), self._weights.values(), before, strict=True)
        self._factors = [factor_of(mask, weight, previous) for mask, weight, previous in pairs]

    def _settle(self) -> None:
        """Catch up with a state that was loaded, and with a model that was moved or cast, since the last step."""
        if self._has_loaded:
            self._refresh()
            self._targets = targets_of(self._model)
            for name, mask in self._masks.items():
                self._ever_active[name].logical_or_(mask)
            self._has_loaded = False
        elif not all(map(is_factor_of, self._factors, self._weights.values())):
            self._refresh()

    def _is_due(self, step: int) -> bool:
        return self._is_late or self._schedule.is_update_step(step, self._total_steps)

    def _before_step(self, _optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        """See the gradients before the optimizer does: now, or once its closure has computed them."""
        return after_closure(args, kwargs, self._see_gradients)

    @torch.no_grad()
    def _see_gradients(self) -> None:
        """Set dense gradients aside where an update sums them or the optimizer is to see masked ones; mask these."""
        self._settle()
        if self._is_late or self._schedule.is_gradient_step(self.step + 1, self._total_steps):
            # GradScaler lends a fused optimizer its scale, which the step is about to undo.
            add_up(self._gradient_sums, self._gradients(), vars(self._optimizer).get("grad_scale"))
        gradients = self._gradients()
        if gradients and self._masks_gradients:
            factors = dict(zip(self._weights, self._factors, strict=True))
            torch._foreach_mul_([local(g) for g in gradients.values()], [factors[name] for name in gradients])

    def _after_step(self, _optimizer: torch.optim.Optimizer, _args: Any, _kwargs: Any) -> None:
        self.step += 1
        self._settle()
        self._project()
        if self._is_due(self.step):
            self._update()
            self._gradient_sums = {}

    def _after_load(self) -> None:
        self._has_loaded = True  # every module that holds masks says so: they are read once, when they are needed

    def _gradients(self) -> dict[str, Tensor]:
        """Of the masked weights that have one; frozen and unused weights have none."""
        return {name: weight.grad for name, weight in self._weights.items() if weight.grad is not None}

    @torch.no_grad()
    def _project(self) -> None:
        if self._weights:
            torch._foreach_mul_([local(w) for w in self._weights.values()], self._factors)

    @torch.no_grad()
    def _update(self) -> None:
        """One mask update of every layer that has a gradient; of none when a gradient is not finite.

        A layer on a ramp goes its way without a gradient too (it may be frozen): it drops by |w| alone and grows at
        random, so that every run ends with the final counts.
        """
        self._refresh()  # the model may have been moved or cast since, which replaces its buffers
        if not self._weights:
            return
        method = DYNAMIC_METHODS[self._schedule.method]
        signals = gradients = self._gradient_sums or self._gradients()
        if gradients and method.signal == "momentum":
            signals = {name: momentum_of(self._optimizer, self._weights[name]) for name in gradients}
        updated = [name for name in self._weights if name in signals or name in self._targets]
        found = {id(t): t for t in (*gradients.values(), *signals.values())}.values()
        if not updated or (found and not all_finite(found)):
            self._skip("a gradient is not finite" if found else "no masked weight has a gradient")
            return
        self._is_late = False
        fraction = self._schedule.drop_fraction_at(self.step, self._total_steps)
        changed = active = 0
        for name in updated:
            weight, mask = self._weights[name], self._masks[name]
            values, trains = whole(weight), name in signals
            change = drop_and_grow(
                values, whole(signals[name]) if trains else values, mask, method if trains else DYNAMIC_METHODS["set"],
                fraction if trains else 0.0, self._generator, self._layouts[name], self._target(name),
            )  # fmt: skip
            fill(weight, change.dropped)
            # An optimizer that sees masked gradients is to find nothing in its state either where weights are off.
            fresh = torch.cat([change.grown, change.dropped]) if self._masks_gradients else change.grown
            kept = reset_state(self._groups[id(weight)], self._optimizer.state.get(weight, {}), weight, fresh)
            self._report_kept(kept)
            self._ever_active[name].logical_or_(mask)
            changed += change.grown.numel()
            active += int(mask.sum())
        self.last_churn = changed / max(1, active)
        self._refresh_factors()

    def _skip(self, why: str) -> None:
        """Count and report an update that did not happen; that of a ramp is made up for at the next step."""
        self.skipped_updates += 1
        self._is_late = self._schedule.ramp is not None
        text = f"The mask update after step {self.step} was skipped: {why}."
        if (
            self._is_late
            and self.step >= self._schedule.count_updates(self._total_steps) * self._schedule.delta_t_steps
        ):
            counts = {name: int(self._masks[name].sum()) for name in self._targets}
            left = [f"{n} ({counts[n]} active, not {final})" for n, (_, final) in self._targets.items()
                    if counts[n] != final]  # fmt: skip
            text += f" It was the last, and only a further step can bring to the final counts: {', '.join(left)}."
        warnings.warn(text, SkippedUpdate, stacklevel=2)

    def _report_kept(self, keys: tuple[str, ...]) -> None:
        """Warn, once a run, of state that could not be reset."""
        if keys and not self._has_reported_kept:
            self._has_reported_kept = True
            text = (
                f"{type(self._optimizer).__name__} keeps {', '.join(keys)} in a form that is not floating-point "
                "(quantised); grown weights take over what it holds of them instead of starting afresh."
            )
            warnings.warn(text, KeptState, stacklevel=2)

    def _target(self, name: str) -> int | None:
        """Active weights after this update; None where the count never changes."""
        if name not in self._targets:
            return None
        start, final = self._targets[name]
        remaining = self._schedule.ramp_remaining(self.step, self._total_steps)
        return self._layouts[name].snap(final + (start - final) * remaining) if remaining else final

    @torch.no_grad()
    def clip_grad_norm_(self, max_norm: float) -> Tensor:
        """As `torch.nn.utils.clip_grad_norm_` over all parameters, but masked entries do not count.

        The gradients are scaled as a whole, so growth still sees the dense gradient.

        Returns:
            The norm before clipping, a scalar tensor; no host sync.
        """
        self._settle()
        masked = {id(w): f for w, f in zip(self._weights.values(), self._factors, strict=True)}
        owners = [p for p in self._model.parameters() if p.grad is not None]
        if not owners:
            return torch.zeros(())
        whole_gradients = [p.grad for p in owners if p.grad is not None]
        gradients = [local(g) for g in whole_gradients]
        seen = list(gradients)
        under_mask = [i for i, p in enumerate(owners) if id(p) in masked]
        if under_mask:
            products = torch._foreach_mul(
                [gradients[i] for i in under_mask], [masked[id(owners[i])] for i in under_mask]
            )
            for i, product in zip(under_mask, products, strict=True):
                seen[i] = product
        norm = total_norm(torch.stack(torch._foreach_norm(seen)), whole_gradients)
        torch._foreach_mul_(gradients, torch.clamp(max_norm / (norm + 1e-6), max=1.0))
        return norm

    def sparsity(self) -> float:
        """Share of masked weights that are zero; 0 for a model without masks."""
        return sparsity_of(self._model)

    def itop(self) -> float:
        """In-time over-parameterisation: share of maskable weights ever active (Liu et al. 2021); 1 if dense."""
        with torch.no_grad():
            self._settle()
        return itop(self._ever_active)

    @torch.no_grad()
    def state_dict(self) -> dict[str, Tensor]:
        """What a resume needs beyond the model's and the optimizer's own states."""
        self._settle()
        return {
            "step": torch.tensor(self.step),
            "skipped_updates": torch.tensor(self.skipped_updates),
            "last_churn": torch.tensor(
                float("nan") if self.last_churn is None else self.last_churn, dtype=torch.float64
            ),
            "is_late": torch.tensor(self._is_late),
            "generator": self._generator.get_state(),
            **{f"ever_active.{plain_name(name)}": m.to(torch.uint8) for name, m in self._ever_active.items()},
            **{f"gradient_sum.{plain_name(name)}": whole(s) for name, s in self._gradient_sums.items()},
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Inverts `state_dict`; load the model's state first.

        Raises:
            CheckpointError: the state is of another model.
        """
        self._settle()
        names = {plain_name(name): name for name in self._ever_active}
        if {key for key in state if key.startswith("ever_active.")} != {f"ever_active.{name}" for name in names}:
            raise CheckpointError("The mask state in the checkpoint belongs to a model with other masks.")
        generator = checked_generator(state, {plain: tuple(self._masks[name].shape) for plain, name in names.items()})
        self.step = int(state["step"])
        self.skipped_updates = int(state["skipped_updates"])
        churn = float(state["last_churn"])
        self.last_churn = None if churn != churn else churn
        self._is_late = bool(state.get("is_late", False))
        self._generator.set_state(generator)
        for plain, name in names.items():
            self._ever_active[name].copy_(state[f"ever_active.{plain}"])
        self._gradient_sums = {}
        for name, weight in self._weights.items():
            if (key := f"gradient_sum.{plain_name(name)}") in state:
                self._gradient_sums[name] = torch.empty_like(weight)
                local(self._gradient_sums[name]).copy_(part_of(state[key].to(local(weight).device), weight))
        self._refresh_factors()

    def remove(self) -> None:
        """Take the hooks off; the model keeps its masks."""
        for handle in self._handles:
            handle.remove()


def _difference(masks: Mapping[str, Tensor], before: Mapping[str, Layout]) -> str:
    added, removed = sorted(masks.keys() - before.keys()), sorted(before.keys() - masks.keys())
    return "; ".join(f"{what} {', '.join(names)}" for what, names in (("added", added), ("removed", removed)) if names)

"""Training FLOPs by the formulas of the RigL and Sparse-IFT papers; no torch here.

Three ledgers are kept apart everywhere: *algorithmic* FLOPs (non-zeros only, what papers count and this module
returns), *executed* FLOPs (what masked-dense kernels do) and measured time. 1 MAC = 2 FLOPs.
"""

from sparseift.errors import InvalidValue
from sparseift.masks.schedules import MaskSchedule


def training_flops(
    schedule: MaskSchedule | None,
    *,
    sparse_forward: int,
    unmasked_forward: int,
    step: int,
    total_steps: int,
    batch_size: int,
    start_forward: int | None = None,
) -> float:
    """FLOPs spent by the first `step` optimizer steps, mask updates included.

    A backward pass costs twice a forward pass, so dense, static, SET and gradual pruning spend 3·f_S per sample. RigL
    and GraNet compute the dense gradient at each update and spend (3·f_S·ΔT + 2·f_S + f_U) / (ΔT + 1) per sample until
    the last update and 3·f_S after it (Evci et al. 2020, appendix H; Sparse-IFT's official code counts alike); summed
    over n steps, the dense gradient is paid n times. SNFS needs the momentum of every weight, so a dense gradient at
    every step: 2·f_S + f_U (the same appendix), here until the last update, because nothing reads it afterwards.

    With a ramp f_S is a step's own: between updates it stays, and an update moves it from `start_forward` towards
    `sparse_forward` by the ramp's factor, which all layers share (counts are whole units, so up to that rounding).

    Args:
        schedule: of the masks; None for a dense model.
        sparse_forward: f_S, forward FLOPs per sample, non-zeros only, at the final density.
        unmasked_forward: f_U, forward FLOPs per sample of the transformed network without masks.
        step: optimizer steps done, of `total_steps`.
        batch_size: samples per step.
        start_forward: forward FLOPs per sample, non-zeros only, at the ramp's start density; needed with a ramp.

    Returns:
        FLOPs.

    Raises:
        InvalidValue: a schedule with a ramp, and no `start_forward`.
    """
    plain_rate = 3.0 * sparse_forward
    if schedule is None:
        return plain_rate * step * batch_size
    interval = schedule.delta_t_steps
    updates = schedule.count_updates(total_steps)
    with_updates = min(step, updates * interval)
    spent = 0.0
    if schedule.ramp is None:
        spent = _rate(schedule, sparse_forward, unmasked_forward) * with_updates
    else:
        if start_forward is None:
            raise InvalidValue("The schedule has a density ramp, so start_forward must be given.")
        for first in range(0, with_updates, interval):
            left = schedule.ramp_remaining(first, total_steps) if first else 1.0
            forward = sparse_forward + (start_forward - sparse_forward) * left
            spent += _rate(schedule, forward, unmasked_forward) * min(interval, with_updates - first)
    return (spent + plain_rate * (step - with_updates)) * batch_size


def _rate(schedule: MaskSchedule, forward: float, unmasked_forward: int) -> float:
    """FLOPs per step and sample while masks are still updated."""
    with_dense_gradient = 2.0 * forward + unmasked_forward
    if schedule.method == "snfs":
        return with_dense_gradient
    if schedule.method not in ("rigl", "granet"):
        return 3.0 * forward
    interval, dense = schedule.delta_t_steps, schedule.gradient_steps
    return (3.0 * forward * (interval + 1 - dense) + with_dense_gradient * dense) / (interval + 1)

"""Training FLOPs by the formulas of the RigL and Sparse-IFT papers; no torch here.

Three ledgers are kept apart everywhere: *algorithmic* FLOPs (non-zeros only, what papers count and this module
returns), *executed* FLOPs (what masked-dense kernels do) and measured time. 1 MAC = 2 FLOPs.
"""

from sparseift.masks.schedules import MaskSchedule


def training_flops(
    schedule: MaskSchedule | None,
    *,
    sparse_forward: int,
    unmasked_forward: int,
    step: int,
    total_steps: int,
    batch_size: int,
) -> float:
    """FLOPs spent by the first `step` optimizer steps, mask updates included.

    A backward pass costs twice a forward pass, so dense, static and SET spend 3·f_S per sample. RigL computes the dense
    gradient at each update and spends (3·f_S·ΔT + 2·f_S + f_U) / (ΔT + 1) per sample until its last update and 3·f_S
    after it (Evci et al. 2020, appendix H; Sparse-IFT's official code counts alike).

    Args:
        schedule: of the masks; None for a dense model.
        sparse_forward: f_S, forward FLOPs per sample, non-zeros only.
        unmasked_forward: f_U, forward FLOPs per sample of the transformed network without masks.
        step: optimizer steps done, of `total_steps`.
        batch_size: samples per step.

    Returns:
        FLOPs.
    """
    plain_rate = 3.0 * sparse_forward
    if schedule is None or schedule.method != "rigl":
        return plain_rate * step * batch_size
    interval = schedule.delta_t_steps
    update_rate = (plain_rate * interval + 2.0 * sparse_forward + unmasked_forward) / (interval + 1)
    last_update = schedule.count_updates(total_steps) * interval
    with_updates = min(step, last_update)
    return (update_rate * with_updates + plain_rate * (step - with_updates)) * batch_size

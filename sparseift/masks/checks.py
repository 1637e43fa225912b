"""Whether masks, schedule and run fit together: what a mask trainer refuses before the first step."""

from collections.abc import Mapping

from torch import Tensor

from sparseift.errors import InvalidValue
from sparseift.masks.layouts import check_mask
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.structures import Layout


def check_fit(
    schedule: MaskSchedule,
    total_steps: int,
    masks: Mapping[str, Tensor],
    layouts: Mapping[str, Layout],
    targets: Mapping[str, tuple[int, int]],
) -> None:
    """Refuse masks that the schedule cannot train. A model without masks fits any schedule.

    Args:
        layouts: of the schedule's structure, per mask.
        targets: (start, final) counts of the weights whose density a ramp changes.

    Raises:
        InvalidValue: masks that do not obey the structure; a ramp without counts to go between or with another
            start density than theirs, counts without a ramp, a run without an update to reach the final ones, or "gmp"
            asked to grow.
    """
    if not masks:
        return
    for name, mask in masks.items():
        check_mask(layouts[name], name, mask, schedule.structure)
    if schedule.ramp is None and targets:
        raise InvalidValue("The masks were attached with a start density, so the schedule must have a ramp.")
    if schedule.ramp is None:
        return
    if not targets:
        raise InvalidValue(
            "The schedule has a ramp, but the masks were attached without a start density, or with one that leaves "
            "every weight at its final count already."
        )
    for name, (start, _final) in targets.items():
        layout, density = layouts[name], schedule.ramp.start_density
        size = layout.pools * layout.units * layout.elements
        if start != layout.snap(density * size):
            raise InvalidValue(
                f"The schedule's ramp starts at a density of {density}, but the masks of '{name}' were attached at "
                f"{start / size:.4g}; both must have the same start_density."
            )
    if not schedule.count_updates(total_steps):
        raise InvalidValue(
            f"A run of {total_steps} steps makes no mask update with delta_t_steps {schedule.delta_t_steps}, so its "
            "ramp would never reach the final density; delta_t_steps must be smaller."
        )
    if schedule.method == "gmp" and any(start < final for start, final in targets.values()):
        raise InvalidValue("'gmp' grows nothing, so its ramp must start above the final density.")

"""Learning rates and due dates as pure functions of the step: nothing counts, so nothing can be off after a resume."""

import math
from collections.abc import Sequence


def warmup(step: int, warmup_steps: int) -> float:
    """The factor of a linear warm-up at `step` (0-based), from 1 / warmup_steps to 1 at step warmup_steps - 1."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def milestones(step: int, total_steps: int, fractions: Sequence[float], factor: float) -> float:
    """`factor` to the number of milestones passed: the step (0-based) at fraction f already has the lower rate."""
    return float(factor ** sum(step / total_steps >= fraction for fraction in fractions))


def cosine(step: int, total_steps: int, warmup_steps: int, final: float) -> float:
    """From 1 at the end of the warm-up to `final` at the end of the run, along half a cosine; `step` is 0-based."""
    progress = max(0, step - warmup_steps) / max(1, total_steps - warmup_steps)
    return final + (1.0 - final) / 2.0 * (1.0 + math.cos(math.pi * progress))


def is_due(done: int, total_steps: int, times: int) -> bool:
    """Whether something that happens `times` times in a run, evenly and after the last step, happens after `done`.

    More times than steps is every step; 0 is never.
    """
    return done * times // total_steps > (done - 1) * times // total_steps

"""Where a job's compute went: three ledgers that are never added to each other.

Algorithmic training FLOPs count non-zeros, as papers do; executed ones count what masked-dense kernels did; seconds are
those of the slots. Each is split by what became of the work: kept as a result, or spent on trials that were pruned,
failed or cancelled, or done twice because an attempt was lost.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

Outcome = Literal["complete", "running", "pruned", "failed", "cancelled", "repeated"]
OUTCOMES: tuple[Outcome, ...] = ("complete", "running", "pruned", "failed", "cancelled", "repeated")
RESULT: tuple[Outcome, ...] = ("complete", "running")  # what is, or may become, a result


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one attempt reported.

    Attributes:
        number: of the attempt within its trial.
        first_step, last_step: optimizer steps (1-based) of its first and last report; None without one.
        flops: algorithmic training FLOPs of the trial up to `last_step`. first_flops: up to `first_step`.
        seconds: that it held its slot.
    """

    number: int
    first_step: int | None
    last_step: int | None
    first_flops: float
    flops: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialWork:
    """One trial as it was trained.

    Attributes:
        state: of the trial. kind, family: of its configuration.
        training_flops: of the whole run where it is complete; None before.
        executed_flops_per_sample: forward, what masked-dense kernels do; None where it is not known.
        stretches: its attempts, first to last.
    """

    state: str
    kind: str
    family: str
    training_flops: float | None
    executed_flops_per_sample: int | None
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one outcome, kind or family took.

    Attributes:
        trials: of that name; for "repeated", that have work done twice.
        algorithmic_flops, executed_flops: of training. device_seconds: that slots were held.
    """

    name: str
    trials: int
    algorithmic_flops: float
    executed_flops: float
    device_seconds: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """A job's ledgers. Sums over outcomes, kinds and families are each the total.

    Attributes:
        by_outcome: every outcome in order; by_kind, by_family: those that occur, sorted; work done twice included.
        dense_runs: the total of algorithmic FLOPs, in trainings of the dense baseline.
        result_share: of the algorithmic FLOPs, what went into results; None before anything was trained.
    """

    total: Entry
    by_outcome: tuple[Entry, ...]
    by_kind: tuple[Entry, ...]
    by_family: tuple[Entry, ...]
    dense_runs: float
    result_share: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Post:
    outcome: Outcome
    work: TrialWork
    algorithmic: float
    executed: float
    seconds: float


def ledger(work: Sequence[TrialWork], *, total_steps: int, batch_size: int, dense_training_flops: float) -> Ledger:
    """The ledgers of a job.

    Assumes that a masked-dense training step executes three forward passes' work (its backward pass costs two, the
    dense gradient of a mask update being part of it). What an attempt did after the step at which the next one went on
    was done twice; that step is known as exactly as reports are dense. Seconds of an attempt are split alike. An
    infeasible trial was not trained, and has no entry.

    Args:
        total_steps: of one run; batch_size: samples per step; dense_training_flops: of one dense run.
    """
    posts = [post for w in work for post in _posts(w, total_steps, batch_size)]
    total = _entry("total", posts)
    algorithmic = total.algorithmic_flops
    results = math.fsum(p.algorithmic for p in posts if p.outcome in RESULT)
    return Ledger(
        total=total,
        by_outcome=tuple(_entry(o, [p for p in posts if p.outcome == o]) for o in OUTCOMES),
        by_kind=tuple(_entry(k, [p for p in posts if p.work.kind == k]) for k in sorted({p.work.kind for p in posts})),
        by_family=tuple(
            _entry(f, [p for p in posts if p.work.family == f]) for f in sorted({p.work.family for p in posts})
        ),
        dense_runs=algorithmic / dense_training_flops if dense_training_flops else 0.0,
        result_share=results / algorithmic if algorithmic else None,
    )


def _posts(work: TrialWork, total_steps: int, batch_size: int) -> list[_Post]:
    """The trial's work, and what of it was done twice, as two posts."""
    if work.state == "infeasible" or (work.state == "waiting" and not work.stretches):
        return []
    unfinished: Outcome = "running"  # or waiting for its next attempt
    outcome = next((known for known in OUTCOMES if known == work.state), unfinished)
    per_step = 3.0 * (work.executed_flops_per_sample or 0) * batch_size
    reached_flops, reached_step = _reached(work, total_steps)
    repeated_flops = repeated_steps = repeated_s = 0.0
    reported = [s for s in work.stretches if s.last_step is not None]
    for earlier, later in pairwise(reported):
        if earlier.last_step is None or later.first_step is None:
            continue
        steps = max(0, earlier.last_step - later.first_step)
        if steps:
            repeated_steps += steps
            repeated_flops += max(0.0, earlier.flops - later.first_flops)
            length = max(steps, earlier.last_step - (earlier.first_step or 0) + 1)
            repeated_s += earlier.seconds * steps / length
    seconds = math.fsum(s.seconds for s in work.stretches)
    posts = [_Post(outcome, work, reached_flops, per_step * reached_step, seconds - repeated_s)]
    if repeated_steps:
        posts.append(_Post("repeated", work, repeated_flops, per_step * repeated_steps, repeated_s))
    return posts


def _reached(work: TrialWork, total_steps: int) -> tuple[float, int]:
    """FLOPs and steps of the trial's own course, each step counted once."""
    if work.state == "complete" and work.training_flops is not None:
        return work.training_flops, total_steps
    reported = [s for s in work.stretches if s.last_step is not None]
    return max((s.flops for s in reported), default=0.0), max((s.last_step or 0 for s in reported), default=0)


def _entry(name: str, posts: Sequence[_Post]) -> Entry:
    return Entry(
        name=name,
        trials=len({id(p.work) for p in posts}),
        algorithmic_flops=math.fsum(p.algorithmic for p in posts),
        executed_flops=math.fsum(p.executed for p in posts),
        device_seconds=math.fsum(p.seconds for p in posts),
    )

"""The page of a search's progress: what it reads, and its pieces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.charting import progress
from analysis.labels import family_name
from analysis.notebooks import page
from analysis.notebooks.api import Api, Job, Json
from analysis.notebooks.live import Frame
from analysis.tables import Table
from analysis.units import number

SHOW = {"the best so far": "best", "the gap to the end's best": "gap"}  # words -> value in the address


@dataclass(frozen=True, slots=True)
class Look:
    """A search as its page shows it.

    Attributes:
        trials: all of them, flat. stretches: what ran where (`progress.stretches`). slots: of the workers, as now.
    """

    trials: Sequence[Json]
    stretches: Sequence[Json]
    slots: Sequence[Json]


def read(api: Api, frame: Frame) -> Look | None:
    """Trials, what ran where, and slots; None for a job without trials."""
    job = frame.job
    assert job is not None
    trials = api.table(job)
    if not trials:
        return None
    return Look(trials, progress.stretches(api.history(job.id), trials), api.slots() if job.is_active else [])


def headline(look: Look, job: Job) -> str:
    """How far the search is, in a sentence."""
    rows = progress.so_far(look.trials, job.metric)
    if job.state == "queued":
        return "The search waits for a worker."
    if not rows:
        return "No trial of the search is complete yet."
    last = rows[-1]
    since = sum(r["best"] == last["best"] for r in rows) - 1
    words = f"Best of {len(rows)} complete search trials: {number(last['best'], job.metric_unit)} {job.metric_unit}"
    return (
        f"{words}, unchanged for {since} trial{'s' if since != 1 else ''}." if since else f"{words}, by the last one."
    )


def remarks(look: Look) -> list[str]:
    """What must be known beside it."""
    notes = ["The best of many single runs is biased upward; confirmation on fresh seeds says what it is worth."]
    lost = sum(r["state"] == "lost" for r in look.stretches)
    if lost:
        notes.append(
            f"{lost} attempt{'s were' if lost != 1 else ' was'} lost; another went on from the last checkpoint."
        )
    bad = [s["slot"] for s in look.slots if s["state"] == "quarantined"]
    if bad:
        notes.append(f"Out of use after losses: {', '.join(bad)}.")
    return notes


def problems(look: Look) -> Table:
    """Trials without a result that had one to give, newest first."""
    bad = [t for t in look.trials if t["state"] in ("failed", "infeasible")]
    return [
        {"Trial": str(t["number"]), "Family": family_name(t["family"]), "State": t["state"],
         "Reason": t["reason"] or "–", "Message": t["message"] or "–"}
        for t in bad[::-1][:50]
    ]  # fmt: skip


def problem_linker(look: Look, job: Job, theme: str) -> Callable[[int], str]:
    """Where a row of `problems` leads."""
    numbers = [t["number"] for t in look.trials if t["state"] in ("failed", "infeasible")][::-1]
    return lambda i: page.address("/trial/", theme, job=job.id, trial=str(numbers[i]))


def linker(job: Job, theme: str) -> Callable[[int], str]:
    """Where a trial of a chart leads."""
    return lambda trial: page.address("/trial/", theme, job=job.id, trial=str(trial))


def turn_linker(look: Look, job: Job, theme: str) -> Callable[[int], str]:
    """Where a row of the table of the best so far leads."""
    rows = progress.so_far_table(look.trials, job.metric)
    return lambda i: page.address("/trial/", theme, job=job.id, trial=rows[i]["Trial"])


def rows(look: Look, job: Job) -> Sequence[Mapping[str, Any]]:
    """The best so far, unrounded, for files."""
    return progress.so_far(look.trials, job.metric)

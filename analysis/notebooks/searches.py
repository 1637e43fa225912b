"""The page of a search's progress: what it reads, and its pieces."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.charting import progress
from analysis.labels import family_name
from analysis.notebooks import page
from analysis.notebooks.api import ATTEMPTS, Api, Job, Json
from analysis.notebooks.live import Frame
from analysis.notebooks.memory import part
from analysis.tables import Table
from analysis.units import number

SHOW = {"the best so far": "best", "the gap to the end's best": "gap"}  # words -> value in the address


@dataclass(frozen=True, slots=True)
class Look:
    """A search as its page shows it.

    Attributes:
        trials: all of them, flat. stretches: what ran where, as `progress.timeline` draws it. slots: of the workers, as
            now.
        now: seconds since 1970 until which running attempts are drawn; None where none runs.
    """

    trials: Sequence[Json]
    stretches: Sequence[Json]
    slots: Sequence[Json]
    now: float | None = None


def read(api: Api, frame: Frame) -> Look | None:
    """Trials, what ran where, and slots; None for a job without trials."""
    job = frame.job
    assert job is not None
    trials = api.table(job)
    if not trials:
        return None
    attempts = api.timeline(job.id)
    ran = part("stretches", (attempts,), lambda: [stretch(a) for a in attempts])
    now = time.time() if job.is_active and progress.runs_on(ran) else None
    return Look(trials, ran, api.slots() if job.is_active else [], now)


def stretch(attempt: Json) -> Json:
    """An attempt as a bar: one that finished is in its trial's state."""
    a, is_done = attempt, attempt["state"] == "finished"
    return {
        "trial": a["trial"], "attempt": a["attempt"], "slot": a["slot"], "family": a["family"],
        "began": a["began_s"], "ended": a["ended_s"], "state": a["trial_state"] if is_done else a["state"],
    }  # fmt: skip


def headline(look: Look, job: Job) -> str:
    """How far the search is, in a sentence."""
    rows = so_far(look, job)
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
    rows = so_far_table(look, job)
    return lambda i: page.address("/trial/", theme, job=job.id, trial=rows[i]["Trial"])


def so_far(look: Look, job: Job) -> Sequence[Mapping[str, Any]]:
    """The best so far, unrounded."""
    found: list[Json] = part("so far", (look.trials,), lambda: progress.so_far(look.trials, job.metric))
    return found


def so_far_table(look: Look, job: Job) -> Table:
    """What became the best, and when."""
    found: Table = part("so far, in words", (look.trials,), lambda: progress.so_far_table(look.trials, job.metric))
    return found


def stretches_note(look: Look) -> str:
    """Where not all attempts are shown."""
    return f" Of more attempts the {ATTEMPTS} newest are shown." if len(look.stretches) >= ATTEMPTS else ""

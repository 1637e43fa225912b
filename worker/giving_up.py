"""When a job is not worth going on with."""

from collections.abc import Sequence

from sparseift.records import JobSpec
from worker.search import Row

FAILURE_SHARE = 0.5  # of the search's budget that may fail by the user's fault


def reason_to_give_up(spec: JobSpec, rows: Sequence[Row], messages: Sequence[str]) -> tuple[str, str] | None:
    """(a stable word, a sentence) where the job must fail; None where it may go on.

    Args:
        spec: what was asked.
        rows: every trial of the job, by number.
        messages: of the same trials.
    """
    baseline = [(row, message) for row, message in zip(rows, messages, strict=True) if row.kind == "baseline"]
    if baseline and all(row.state == "failed" for row, _ in baseline):
        return "baseline_failed", f"No dense baseline could be trained; the last one: {baseline[-1][1]}"
    failed = [
        message
        for row, message in zip(rows, messages, strict=True)
        if row.kind == "search" and row.state == "failed" and row.reason == "user"
    ]
    if len(failed) > FAILURE_SHARE * spec.budget.search_trials:
        count = f"{len(failed)} of {spec.budget.search_trials}"
        return "failure_budget", f"{count} search trials failed; the last one: {failed[-1]}"
    return None


def nothing_measured(rows: Sequence[Row]) -> tuple[str, str] | None:
    """(a stable word, a sentence) where a job that is done has searched and measured nothing; else None."""
    searched = [row for row in rows if row.kind == "search" and row.configuration.schedule is not None]
    if searched and not any(row.state == "complete" for row in searched):
        return "nothing_measured", f"None of the {len(searched)} search trials was completed."
    return None

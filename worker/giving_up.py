"""When a job is not worth going on with."""

from collections.abc import Sequence

from sparseift.records import Budget, JobSpec
from worker.search import Row, missing_baseline

FAILURE_SHARE = 0.5  # of the search's trials that may fail where the job does not say how many
FAILURES = ("user", "out_of_memory", "timeout")  # divergence is a result, infrastructure is nobody's fault


def reason_to_give_up(spec: JobSpec, rows: Sequence[Row], messages: Sequence[str]) -> tuple[str, str] | None:
    """(a stable word, a sentence) where the job must fail; None where it may go on.

    Args:
        spec: what was asked.
        rows: every trial of the job, by number.
        messages: of the same trials.
    """
    baseline = [(row, message) for row, message in zip(rows, messages, strict=True) if row.kind == "baseline"]
    if baseline and all(row.state == "failed" for row, _ in baseline):
        is_mistaken = baseline[-1][0].reason == "user"  # the other seeds would say the same
        if is_mistaken or missing_baseline(spec, rows) is None:
            return "baseline_failed", f"No dense baseline could be trained; the last one: {baseline[-1][1]}"
    failed = [
        message
        for row, message in zip(rows, messages, strict=True)
        if row.kind == "search" and row.state == "failed" and row.reason in FAILURES
    ]
    allowed = failures_allowed(spec.budget)
    if len(failed) > allowed:
        return "failure_budget", f"{len(failed)} search trials failed, and {allowed} may; the last one: {failed[-1]}"
    return None


def failures_allowed(budget: Budget) -> int:
    """How many trials of the search may fail before the job is given up."""
    given = budget.failures_allowed
    return int(FAILURE_SHARE * budget.search_trials) if given is None else given


def nothing_measured(rows: Sequence[Row]) -> tuple[str, str] | None:
    """(a stable word, a sentence) where a job that is done has measured nothing it was made for; else None."""
    if not any(row.state == "complete" for row in rows):
        return "nothing_measured", f"None of its {len(rows)} trials was completed."
    searched = [row for row in rows if row.kind == "search" and row.configuration.schedule is not None]
    if searched and not any(row.state == "complete" for row in searched):
        return "nothing_measured", f"None of the {len(searched)} search trials was completed."
    return None

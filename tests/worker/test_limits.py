"""When a limit closes a search that has measured nothing yet: by the pace of what runs."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from sparseift.records import Budget, Configuration, Progress, TrialResult
from store import attempts, jobs, trials
from store.sessions import Database
from store.tables import Job
from tests.worker.fakes import make_plan, make_spec, submit
from tests.worker.test_search import simulate
from worker.claim import Claim, row_of
from worker.closing import ending
from worker.limits import close_when_spent
from worker.search import Row

STEPS = 400


def claimed(database: Database, budget: Budget) -> Claim:
    submit(database, make_spec(budget=budget))
    with database.write() as session:
        job = jobs.claim(session, "w", 60.0)
        assert job is not None
        return Claim.of(job)


def report(database: Database, claim: Claim, *reports: tuple[int, float]) -> None:
    """The job's first baseline runs, and has reported at these steps, so many seconds after it began."""
    with database.write() as session:
        running = attempts.running(session, job_id=claim.job_id)
        if not running:
            trial = trials.add(
                session,
                claim.job_id,
                claim.token,
                number=0,
                kind="baseline",
                configuration=Configuration("dense"),
                point=make_plan().dense,
                seed=1,
            )
            started = attempts.start(
                session,
                trial.id,
                job_token=claim.token,
                worker="w",
                slot="here/cpu:0",
                ttl_s=60.0,
                environment={},
                log_path="",
            )
            running = [started]
        measured = [Progress(step, STEPS, 1.0, None, 1.0, None, None, None, s) for step, s in reports]
        attempts.write_reports(session, running[0].id, running[0].token, measured)


def closed_by(database: Database, claim: Claim) -> str:
    with database.read() as session:
        rows = [row_of(trial) for trial in trials.all_of(session, claim.job_id)]
    closed = close_when_spent(database, claim, rows)
    with database.read() as session:
        word = jobs.get(session, claim.job_id).search_closed
    assert closed == bool(word)
    return word


@pytest.mark.parametrize(("seconds_a_step", "expected"), [(0.5, ""), (1.0, "wall_time_s")])
def test_time_is_kept_for_the_confirmations_before_any_trial_is_complete(
    database: Database, seconds_a_step: float, expected: str
) -> None:
    """Dense and two families on one seed: three trainings of 200 or 400 s, and 1000 s for all of the job."""
    claim = claimed(database, Budget(20, 1, wall_time_s=1000.0))
    assert closed_by(database, claim) == ""
    report(database, claim, (10, 500.0))  # it took its time to begin: that is not its pace
    assert closed_by(database, claim) == ""
    report(database, claim, (20, 500.0 + 10 * seconds_a_step))
    assert closed_by(database, claim) == expected


def add(database: Database, claim: Claim, row: Row) -> None:
    """A trial of the job as it stands in a row, complete with it or running."""
    with database.write() as session:
        trial = trials.add(
            session,
            claim.job_id,
            claim.token,
            number=row.number,
            kind=row.kind,
            configuration=row.configuration,
            point=make_plan().dense,
            seed=row.seed,
            state="infeasible" if row.state == "infeasible" else "waiting",
            reason=row.reason,
        )
        if row.state == "infeasible":
            return
        running = attempts.start(
            session,
            trial.id,
            job_token=claim.token,
            worker="w",
            slot="here/cpu:0",
            ttl_s=60.0,
            environment={},
            log_path="",
        )
        if row.value is not None:
            result = TrialResult(row.value, None, 1000, 2000, 1.0, 1e6, 0.5, 600, 500, 0.1)
            attempts.finish(session, running.id, running.token, result)


@pytest.mark.parametrize(
    ("when_spent", "last", "expected"),
    [
        ("finish", "complete", ""),
        ("finish", "running", ""),
        ("stop", "complete", ""),
        ("stop", "running", "training_flops"),
    ],
)
def test_a_search_with_nothing_left_to_propose_is_not_closed(
    database: Database, when_spent: str, last: str, expected: str
) -> None:
    """Dense, two of the search and two confirmations cost 5e6 FLOPs: the job's limit, to the last of them."""
    claim = claimed(database, Budget(2, 1, training_flops=5e6, when_spent=when_spent))  # type: ignore[arg-type]
    *before, final = simulate(claim.spec, claim.plan)[:5]  # two refused points, dense, the search
    assert final.kind == "search"
    for row in before:
        add(database, claim, row)
        assert closed_by(database, claim) == ""
    add(database, claim, final if last == "complete" else replace(final, value=None))
    with database.write() as session:
        session.execute(update(Job).values(spec=replaced(claim, 2e6).spec.to_json()))
    assert closed_by(database, replaced(claim, 2e6)) == expected
    with database.read() as session:
        rows = [row_of(trial) for trial in trials.all_of(session, claim.job_id)]
    assert ending(claim.spec, "", rows)[0] == "finished"


def replaced(claim: Claim, training_flops: float) -> Claim:
    """The same claim with a limit that is reached by now."""
    return replace(claim, spec=replace(claim.spec, budget=replace(claim.spec.budget, training_flops=training_flops)))

"""Reports: written in batches, read as one course."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from store import attempts
from store.reports import paces
from store.sessions import Database
from store.tables import Report
from tests.store.samples import RESULT, claimed, progress, running, started, waiting


def test_a_report_is_stored_as_it_was_measured(database: Database) -> None:
    with database.write() as session:
        _, trial, attempt = running(session)
        attempts.write_reports(session, attempt.id, attempt.token, [])
        attempts.write_reports(
            session, attempt.id, attempt.token, [progress(10, value=50.0, churn=0.1, itop=0.6), progress(20)]
        )
    with database.read() as session:
        first, second = attempts.reports(session, trial.id)
    assert (first.step, first.total_steps, first.train_loss, first.value) == (10, 100, 2.0, 50.0)
    assert (first.training_flops, first.sparsity, first.churn, first.itop) == (1e7, 0.5, 0.1, 0.6)
    assert first.seconds == pytest.approx(1.0)
    assert (second.step, second.value, second.churn) == (20, None, None)


def test_a_batch_can_be_sent_again(database: Database) -> None:
    with database.write() as session:
        _, trial, attempt = running(session)
        batch = [progress(step, value=float(step)) for step in (1, 2, 3)]
        attempts.write_reports(session, attempt.id, attempt.token, batch)
        attempts.write_reports(session, attempt.id, attempt.token, [progress(3, value=9.0), progress(4)])
        assert [(r.step, r.value) for r in attempts.reports(session, trial.id)] == [
            (1, 1.0),
            (2, 2.0),
            (3, 3.0),
            (4, None),
        ]


def test_what_is_not_finite_is_missing(database: Database) -> None:
    with database.write() as session:
        _, trial, attempt = running(session)
        nan, inf = float("nan"), float("inf")
        attempts.write_reports(session, attempt.id, attempt.token, [progress(1, train_loss=nan, value=-inf)])
        (report,) = attempts.reports(session, trial.id)
        assert (report.train_loss, report.value) == (None, None)


def test_a_large_batch(database: Database) -> None:
    with database.write() as session:
        _, _, attempt = running(session)
        attempts.write_reports(session, attempt.id, attempt.token, [progress(step) for step in range(1, 2002)])
        assert session.scalars(select(func.count()).select_from(Report)).one() == 2001


@pytest.mark.parametrize(
    ("evaluated", "limit", "shown", "steps"),
    [
        (range(50, 1001, 50), 100, 20, None),
        (range(981, 1001), 100, 20, None),  # close together, as after a resumption
        (range(1, 1001), 100, 100, None),
        ((3, 7), 5, 2, [1, 3, 7, 502, 1000]),  # of the 996 others, number 499
        ((3, 7), 4, 2, [1, 3, 7, 1000]),
        ((3, 5, 7), 3, 1, [1, 5, 1000]),
        ((3, 7), 2, 0, [1, 1000]),
    ],
)
def test_evaluations_are_thinned_last(
    database: Database, evaluated: Sequence[int], limit: int, shown: int, steps: list[int] | None
) -> None:
    with database.write() as session:
        _, trial, attempt = running(session)
        course = [progress(i, value=float(i) if i in evaluated else None) for i in range(1, 1001)]
        attempts.write_reports(session, attempt.id, attempt.token, course)
        found = attempts.reports(session, trial.id, limit=limit)
    assert sum(report.value is not None for report in found) == shown
    assert len(found) == limit
    assert [found[0].step, found[-1].step] == [1, 1000]
    assert sorted({report.step for report in found}) == [report.step for report in found]
    if steps is not None:
        assert [report.step for report in found] == steps


def test_a_long_course_is_thinned_evenly(database: Database) -> None:
    for count, limit, steps in (
        (0, 5, []),
        (1, 5, [1]),
        (5, 5, [1, 2, 3, 4, 5]),
        (9, 5, [1, 3, 5, 7, 9]),
        (101, 5, [1, 26, 51, 76, 101]),
        (4, 2, [1, 4]),
        (4, 1, [1]),
    ):
        with database.write() as session:
            _, trial, attempt = running(session)
            attempts.write_reports(session, attempt.id, attempt.token, [progress(i + 1) for i in range(count)])
            assert [r.step for r in attempts.reports(session, trial.id, limit=limit)] == steps


def test_a_thinned_course_has_both_ends_and_no_more_than_asked(database: Database) -> None:
    with database.write() as session:
        _, trial, attempt = running(session)
        for count in range(6, 40):
            first = 1 if count == 6 else count
            new = [progress(step) for step in range(first, count + 1)]
            attempts.write_reports(session, attempt.id, attempt.token, new)
            for limit in (2, 3, 5):
                steps = [r.step for r in attempts.reports(session, trial.id, limit=limit)]
                assert len(steps) == limit
                assert (steps[0], steps[-1]) == (1, count)
                gaps = [b - a for a, b in pairwise(steps)]
                assert max(gaps) - min(gaps) <= 1


def test_a_resumed_attempt_supersedes_what_it_repeats(database: Database) -> None:
    with database.write() as session:
        job, trial, first = running(session)
        reports = [progress(step, value=1.0) for step in (10, 20, 30, 40)]
        attempts.write_reports(session, first.id, first.token, reports)
        attempts.lose(session, first.id, "Gone.")
        second = started(session, job, trial)
        assert [r.step for r in attempts.reports(session, trial.id)] == [10, 20, 30, 40]
        attempts.write_reports(session, second.id, second.token, [progress(25, value=2.0)])
        assert [(r.step, r.value) for r in attempts.reports(session, trial.id)] == [(10, 1.0), (20, 1.0), (25, 2.0)]


def test_the_latest_report_of_each_running_trial(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        for number, steps in ((0, (1, 2)), (1, (5,)), (2, ()), (3, (9,))):
            attempt = started(session, job, waiting(session, job, number))
            attempts.write_reports(session, attempt.id, attempt.token, [progress(step) for step in steps])
        attempts.cancel(session, attempt.id)
        running(session)
        latest = attempts.latest_reports(session, job.id)
        assert {number: report.step for number, report in latest.items()} == {0: 2, 1: 5}


def test_courses_are_the_evaluations_of_a_family_s_ended_search_trials(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        reported = [progress(1), progress(2, value=10.0), progress(4, value=20.0)]
        for number, kind in enumerate(("search", "search", "search", "baseline", "search")):
            attempt = started(session, job, waiting(session, job, number, kind=kind))
            attempts.write_reports(session, attempt.id, attempt.token, reported)
            if number == 0:
                attempts.finish(session, attempt.id, attempt.token, RESULT)
            elif number == 1:
                attempts.prune(session, attempt.id, attempt.token, "It fell behind.")
            elif number == 2:
                attempts.fail(session, attempt.id, attempt.token, "diverged", "Loss is nan.")
            elif number == 3:
                attempts.finish(session, attempt.id, attempt.token, RESULT)
        attempts.lose(session, attempt.id, "Gone.")
        again = attempts.start(
            session, attempt.trial_id, job_token=token, worker="w", slot="", ttl_s=9.0, environment={}, log_path=""
        )
        attempts.write_reports(session, again.id, again.token, [progress(4, value=20.0), progress(6, value=30.0)])
        attempts.finish(session, again.id, again.token, RESULT)
    course = [(2e6, 10.0), (4e6, 20.0)]
    with database.read() as session:
        assert attempts.courses(session, job.id, "sparse_wide") == {0: course, 1: course, 4: [*course, (6e6, 30.0)]}
        assert attempts.courses(session, job.id, "sparse_doped") == {}


def test_the_pace_of_what_runs_leaves_out_its_start(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        for number, reported in enumerate(
            (
                [progress(1, seconds=60.0), progress(2, seconds=61.0), progress(11, seconds=80.0)],  # 2 s a step
                [progress(5)],
                [],
                [progress(50, seconds=10.0), progress(60, seconds=15.0)],  # resumed; .5 s a step
            )
        ):
            attempt = started(session, job, waiting(session, job, number))
            attempts.write_reports(session, attempt.id, attempt.token, reported)
    with database.read() as session:
        assert paces(session, job.id) == pytest.approx([200.0, 50.0])
    with database.write() as session:
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        assert paces(session, job.id) == pytest.approx([200.0])

"""What analysis reads beside the curve, over both databases."""

from dataclasses import replace

import pytest

from sparseift.records import DENSE, Configuration
from store import analyses, attempts
from store.sessions import Database
from tests.store.samples import DENSE_POINT, RESULT, claimed, progress, running, started, waiting


def test_costs_of_complete_trials(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        unfinished = waiting(session, job, 1)
        attempts.finish(session, attempt.id, attempt.token, RESULT)
    with database.read() as session:
        found = analyses.costs(session, job.id)
    assert unfinished.id not in found
    assert found == {
        trial.id: {
            "forward_flops": 19_998.0,
            "executed_flops": 39_999.0,
            "training_flops": 1.9e8,
            "parameters": 20_001.0,
            "nonzero_parameters": 10_001.0,
            "seconds": 12.5,
        }
    }


def test_what_masks_did(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        reports = [progress(10, itop=0.5), progress(20, churn=0.3, itop=0.6), progress(30, churn=0.1, itop=0.7)]
        attempts.write_reports(session, attempt.id, attempt.token, reports)
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        base = waiting(session, job, 1, configuration=Configuration(DENSE), point=DENSE_POINT, kind="baseline")
        dense = started(session, job, base)
        attempts.write_reports(session, dense.id, dense.token, [progress(10)])
        attempts.finish(session, dense.id, dense.token, replace(RESULT, sparsity=0.0))
        started(session, job, waiting(session, job, 2))  # not complete
    with database.read() as session:
        (found,) = analyses.mask_histories(session, job.id)
    assert (found.trial_id, found.family, found.sparsity, found.value) == (trial.id, "sparse_wide", 0.5013, 91.5)
    assert (found.churn, found.itop) == (pytest.approx(0.2), 0.7)


def test_the_work_of_every_attempt(database: Database) -> None:
    with database.write() as session:
        job, trial, first = running(session)
        attempts.write_reports(session, first.id, first.token, [progress(10), progress(40)])
        attempts.lose(session, first.id, "The machine is gone.")
        second = started(session, job, trial)
        attempts.write_reports(session, second.id, second.token, [progress(20)])
        waiting(session, job, 1)
    with database.read() as session:
        ours, other = analyses.work(session, job.id)
    assert (ours.state, ours.kind, ours.family, ours.training_flops) == ("running", "search", "sparse_wide", None)
    assert ours.executed_flops_per_sample == 40_000
    lost, again = ours.stretches
    assert (lost.number, lost.first_step, lost.last_step, lost.first_flops, lost.flops) == (1, 10, 40, 1e7, 4e7)
    assert (again.number, again.first_step, again.last_step) == (2, 20, 20)
    assert lost.seconds >= 0
    assert (other.state, other.stretches) == ("waiting", ())


def test_an_attempt_without_a_report_still_held_its_slot(database: Database) -> None:
    with database.write() as session:
        job, _, _ = running(session)
    with database.read() as session:
        (found,) = analyses.work(session, job.id)
    (stretch,) = found.stretches
    assert (stretch.first_step, stretch.last_step, stretch.flops) == (None, None, 0.0)


def test_a_job_without_trials(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
    with database.read() as session:
        assert (analyses.costs(session, job.id), analyses.mask_histories(session, job.id)) == ({}, [])
        assert analyses.work(session, job.id) == []

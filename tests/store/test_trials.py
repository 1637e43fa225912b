"""Trials: how they are added and listed."""

from dataclasses import replace

import pytest

from sparseift.errors import InvalidValue
from sparseift.records import DENSE, Configuration
from store import events, jobs, trial_listing, trials
from store.errors import Fenced, NotFound, StateConflict
from store.sessions import Database
from store.trial_listing import Wanted
from tests.store.samples import DENSE_POINT, TTL_S, WIDE, WIDE_POINT, claimed, waiting


def test_a_trial_holds_its_configuration_and_planned_sizes(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        waiting(session, job, 0, kind="baseline", configuration=Configuration(DENSE), point=DENSE_POINT, seed=2**40)
        waiting(session, job, 1)
    with database.read() as session:
        dense, wide = trials.all_of(session, job.id)
        told = [(e.kind, e.payload["trial"], e.payload["family"]) for e in events.after(session, job.id, 2, 9)]
    assert told == [("trial.waiting", 0, "dense"), ("trial.waiting", 1, "sparse_wide")]
    assert (dense.number, dense.kind, dense.family, dense.seed) == (0, "baseline", "dense", 2**40)
    assert (dense.sparsity, dense.flop_ratio) == (0.0, 1.0)
    assert Configuration.from_json(wide.configuration) == WIDE
    assert wide.configuration_key == WIDE.key
    assert (wide.sparsity, wide.scale) == (0.5012, "width 90 (k = 1.406)")
    assert (wide.forward_flops_per_sample, wide.executed_flops_per_sample) == (19_999, 40_000)
    assert (wide.parameters, wide.nonzero_parameters, wide.flop_ratio) == (20_000, 10_000, 0.99995)
    assert (wide.state, wide.value, wide.ended_at_s) == ("waiting", None, None)


def test_an_infeasible_point_is_recorded_and_over(database: Database) -> None:
    point = replace(WIDE_POINT, feasible=False, sparsity=0.0)
    with database.write() as session:
        job, _ = claimed(session)
        trial = waiting(session, job, state="infeasible", point=point, reason="infeasible", message="No width fits.")
        assert (trial.state, trial.reason, trial.message) == ("infeasible", "infeasible", "No width fits.")
        assert (trial.sparsity, trial.flop_ratio, trial.forward_flops_per_sample) == (0.5, None, None)
        assert trial.ended_at_s is not None
        assert events.after(session, job.id, 0, 9)[-1].kind == "trial.infeasible"


def test_only_the_owner_adds_trials(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        jobs.release(session, job.id, token)
        taken = jobs.claim(session, "v", TTL_S)
        assert taken is not None
    for stale in (token, ""):
        with database.write() as session, pytest.raises(Fenced, match=job.id):
            trials.add(session, job.id, stale, number=0, kind="search", configuration=WIDE, point=WIDE_POINT, seed=0)
    with database.read() as session:
        assert trials.all_of(session, job.id) == []


def test_a_number_is_used_once(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        waiting(session, job, 0)
        with pytest.raises(StateConflict, match="already has a trial 0"):
            waiting(session, job, 0, seed=4)
        waiting(session, job, 1)
        assert [trial.seed for trial in trials.all_of(session, job.id)] == [3, 3]


@pytest.mark.parametrize("values", [{"state": "running"}, {"state": "complete"}, {"kind": "other"}])
def test_a_trial_begins_waiting_or_infeasible(database: Database, values: dict[str, str]) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        with pytest.raises(InvalidValue, match="waiting, infeasible"):
            waiting(session, job, **values)


def test_pages_go_by_number(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        other, _ = claimed(session)
        for number in (3, 1, 0, 2):
            dense = {"configuration": Configuration(DENSE), "point": DENSE_POINT} if number == 2 else {}
            waiting(session, job, number, state="infeasible" if number == 1 else "waiting", **dense)
            waiting(session, other, number)
        assert [t.number for t in trial_listing.page(session, job.id, limit=3)] == [0, 1, 2]
        assert [t.number for t in trial_listing.page(session, job.id, seen=(2,), limit=3)] == [3]
        assert [t.number for t in trial_listing.page(session, job.id, Wanted(["infeasible"]), limit=9)] == [1]
        assert [t.number for t in trial_listing.page(session, job.id, Wanted(family="dense"), limit=9)] == [2]
        assert [t.number for t in trial_listing.page(session, job.id, Wanted(["waiting"]), seen=(0,), limit=9)] == [
            2,
            3,
        ]


def test_an_unknown_trial_is_named(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        with pytest.raises(NotFound, match="no trial 0; it has none yet"):
            trials.get(session, job.id, 0)
        added = waiting(session, job, 0)
        assert trials.get(session, job.id, 0).id == added.id
        with pytest.raises(NotFound, match="no trial 5; its trials are numbered up to 0"):
            trials.get(session, job.id, 5)

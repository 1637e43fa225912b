"""What analysis reads of a job."""

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from analysis.measurement import Measurement
from sparseift.records import DENSE, Configuration
from store import attempts, curves, jobs
from store.sessions import Database
from store.tables import Trial
from tests.store.samples import DENSE_POINT, PLAN, RESULT, SPEC, WIDE, claimed, started, waiting


def test_a_complete_trial_becomes_a_measurement(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        wide = waiting(session, job, 0, kind="confirm", seed=11)
        attempt = started(session, job, wide)
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        waiting(session, job, 1)
        started(session, job, waiting(session, job, 2))
        dense = waiting(session, job, 3, kind="baseline", configuration=Configuration(DENSE), point=DENSE_POINT)
        failed = started(session, job, dense)
        attempts.fail(session, failed.id, failed.token, "diverged", "")
        other, _ = claimed(session)
        foreign = started(session, other, waiting(session, other, 0))
        attempts.finish(session, foreign.id, foreign.token, RESULT)
    with database.read() as session:
        assert curves.measurements(session, job.id) == [
            Measurement("sparse_wide", WIDE.key, 0.5013, "confirm", 11, 91.5, 90.25, 0.9999, 1.9e8, wide.id)
        ]
        assert curves.measurements(session, "job_unknown") == []


def test_they_come_sorted_by_family_configuration_sparsity_kind_and_seed(database: Database) -> None:
    with database.write() as session:
        job_id = fill(session, trials=60)
        found = curves.measurements(session, job_id)
    assert len(found) == 60
    keys = [(m.family, m.configuration_key, m.sparsity, m.kind, m.seed) for m in found]
    assert keys == sorted(keys)


def test_the_index_alone_answers(database: Database) -> None:
    with database.write() as session:
        job_id = fill(session, trials=2000)
        fill(session, trials=2000)
    dialect = database.engine.dialect
    sql = str(curves.query(job_id).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if dialect.name == "sqlite":
            plan = [row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
            assert plan == ["SEARCH trial USING COVERING INDEX ix_trial_curve (job_id=?)"]
        else:
            connection.execute(text("SET synchronous_commit = on"))
            connection.execute(text("UPDATE job SET name = 'flushed'"))  # rows not yet on disk are not all-visible
            connection.execute(text("VACUUM ANALYZE trial"))  # the visibility map is what an index-only scan needs
            connection.execute(text("SET enable_seqscan = off"))  # half of a small table is read faster as a whole
            explained = [row[0] for row in connection.execute(text(f"EXPLAIN {sql}"))]
            assert explained[0].startswith("Index Only Scan using ix_trial_curve"), explained


@pytest.mark.parametrize("repetitions", [8])  # psycopg prepares on the server from the fifth on
def test_the_query_stays_right_when_it_is_repeated(database: Database, repetitions: int) -> None:
    with database.write() as session:
        job_id = fill(session, trials=20)
    with database.read() as session:
        first = curves.measurements(session, job_id)
        assert all(curves.measurements(session, job_id) == first for _ in range(repetitions))


def fill(session: Session, trials: int) -> str:
    """A job with complete trials in no order."""
    job, _ = jobs.create(session, SPEC, PLAN)
    rows = [
        {
            "job_id": job.id,
            "number": number,
            "kind": ("search", "confirm")[number % 2],
            "family": ("sparse_wide", "sparse_doped", "dense")[number * 7 % 3],
            "configuration": {},
            "configuration_key": f"{number * 13 % 17:x}",
            "sparsity": number % 5 / 10,
            "seed": number * 31 % 101,
            "state": "complete",
            "value": 90.0,
            "flop_ratio": 1.0,
            "training_flops": 1e9,
            "created_at_s": 0.0,
        }
        for number in range(trials)
    ]
    session.execute(insert(Trial), rows)
    return job.id


def test_configurations_of_few_and_of_many(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        trials = []
        for number in range(3):
            configuration = Configuration("sparse_wide", 0.5 + number // 2 / 10)
            trials.append(waiting(session, job, number, configuration=configuration))
            attempt = started(session, job, trials[-1])
            attempts.finish(session, attempt.id, attempt.token, RESULT)
    with database.read() as session:
        known = {t.configuration_key: t.configuration for t in trials}
        assert len(known) == 2
        assert curves.configurations(session, job.id, {}) == {}
        last = trials[2]
        assert curves.configurations(session, job.id, {last.configuration_key: last.id}) == {
            last.configuration_key: Configuration("sparse_wide", 0.6).canonical()
        }
        many = {f"key {i}": i for i in range(curves.FEW + 1)}
        assert curves.configurations(session, job.id, many) == known

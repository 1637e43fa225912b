"""Rows for other programs: the columns that they are said to have, in order."""

from store import exports
from store.sessions import Database
from tests.service import history


def test_rows_have_their_columns(database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    metric = job.plan["metric"]
    with database.read() as session:
        (trials,) = exports.trials(session, job.id, metric)
        (reports,) = exports.reports(session, job.id, metric)
        assert list(exports.trials(session, "job_0", metric)) == []
    found = [dict(zip(exports.TRIALS, row, strict=True)) for row in trials]
    assert [row["number"] for row in found] == list(range(7))
    dense, wide = found[1], found[3]
    assert (dense["kind"], dense["method"], dense["nominal_sparsity"], dense["flop_multiple"]) == (
        "baseline",
        None,
        0.0,
        1.0,
    )
    assert (wide["method"], wide["anneal"], wide["structure"]) == ("rigl", "cosine", None)
    assert (wide["metric_name"], wide["metric_unit"], wide["metric_direction"]) == ("accuracy", "%", "maximize")
    told = [dict(zip(exports.REPORTS, row, strict=True)) for row in reports]
    places = [(row["trial_number"], row["attempt_number"], row["step"]) for row in told]
    assert places == sorted(places)
    assert len(places) == 2 * 6
    assert (told[0]["train_loss_nats"], told[1]["value"]) == (2.0, 80.0)

"""All of a job's trials and reports as one file."""

import csv
import io
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as parquet
import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from service.exports.formats import Drain
from store import attempts, exports
from store.sessions import Database
from store.tables import Trial
from tests.service import history
from tests.store.samples import progress, started


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def job_id(database: Database) -> str:
    with database.write() as session:
        return history.half_done(session).id


def test_every_trial_is_a_row_with_its_configuration_in_columns(client: TestClient, job_id: str) -> None:
    response = client.get(f"/v1/jobs/{job_id}/trials/export")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="{job_id}-trials.csv"'
    rows = rows_of(response.text)
    shown = client.get(f"/v1/jobs/{job_id}/trials").json()["items"]
    assert [int(row["number"]) for row in rows] == [t["number"] for t in shown] == list(range(7))
    dense, wide = rows[1], rows[3]
    assert (dense["family"], dense["method"], dense["value"], dense["metric_unit"]) == ("dense", "", "90.0", "%")
    assert (wide["method"], wide["distribution"], wide["nominal_sparsity"]) == ("rigl", "uniform", "0.5")
    assert int(wide["delta_t_steps"]) > 0
    for row, trial in zip(rows, shown, strict=True):
        for name in ("kind", "family", "state", "reason", "message", "configuration_key", "scale"):
            assert row[name] == trial[name]
        for name in ("value", "test_value", "training_flops", "flop_ratio", "sparsity", "training_seconds"):
            assert (float(row[name]) if row[name] else None) == trial[name]
        for name in ("created_at", "ended_at"):
            assert row[name].replace("+00:00", "Z") == (trial[name] or "")


def test_every_report_is_a_row(client: TestClient, job_id: str, database: Database) -> None:
    with database.write() as session:
        job = history.jobs.get(session, job_id)
        trial = history.added(session, job, 7)
        first = started(session, job, trial)
        attempts.write_reports(session, first.id, first.token, [progress(10), progress(20)])
        attempts.lose(session, first.id, "Killed.")
        second = started(session, job, trial)
        attempts.write_reports(session, second.id, second.token, [progress(20, value=1.25)])
    rows = rows_of(client.get(f"/v1/jobs/{job_id}/reports/export?format=csv").text)
    last = [(r["trial_number"], r["attempt_number"], r["step"], r["value"]) for r in rows[-3:]]
    assert last == [("7", "1", "10", ""), ("7", "1", "20", ""), ("7", "2", "20", "1.25")]
    assert len(rows) == 2 * 6 + 3
    assert rows[0]["train_loss_nats"] == "2.0"


@pytest.mark.parametrize("noun", ["trials", "reports"])
def test_parquet_has_the_same_rows_with_types(client: TestClient, job_id: str, noun: str) -> None:
    here = f"/v1/jobs/{job_id}/{noun}/export"
    response = client.get(here, headers={"Accept": "application/vnd.apache.parquet"})
    assert response.headers["content-type"] == "application/vnd.apache.parquet"
    table = parquet.read_table(io.BytesIO(response.content))
    plain = rows_of(client.get(here).text)
    assert table.column_names == list(plain[0])
    for found, row in zip(table.to_pylist(), plain, strict=True):
        for name, value in found.items():
            text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
            assert text == row[name], name
    if noun == "trials":
        assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
        assert str(table.schema.field("parameters").type) == "int64"


def test_formats_and_jobs_that_are_not_there(client: TestClient, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"/v1/jobs/{job_id}/trials/export"
    assert client.get(here, headers={"Accept": "image/png"}).status_code == 406
    assert client.get(f"{here}?format=xls").status_code == 422
    assert client.get("/v1/jobs/job_0/trials/export").status_code == 404
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    missing = client.get(f"{here}?format=parquet")
    assert (missing.status_code, missing.json()["code"]) == (501, "format-unavailable")
    assert "sparseift[parquet]" in missing.json()["detail"]
    assert client.get(f"{here}?format=csv").status_code == 200


def test_few_files_are_written_at_a_time_and_places_come_back(client: TestClient, job_id: str) -> None:
    places = client.app.state.context.exports  # type: ignore[attr-defined]
    for _ in range(client.app.state.context.settings.exports + 1):  # type: ignore[attr-defined]
        assert client.get(f"/v1/jobs/{job_id}/trials/export").status_code == 200
    taken = [places.acquire() for _ in range(9)].count(True)
    refused = client.get(f"/v1/jobs/{job_id}/trials/export")
    assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
    for _ in range(taken):
        places.release()
    assert (taken, places.taken) == (4, 0)


def test_rows_come_in_batches_from_one_query(client: TestClient, database: Database) -> None:
    """2,500 trials: three batches, and no more than one of them held at a time."""
    with database.write() as session:
        job = history.claimed(session)
        template = history.added(session, job, 0)
        same = {c.key: getattr(template, c.key) for c in Trial.__table__.columns if c.key not in ("id", "number")}
        session.execute(insert(Trial), [{**same, "number": i} for i in range(1, 2500)])
    with database.read() as session:
        batches: Iterator[list[Any]] = exports.trials(session, job.id, job.plan["metric"])
        assert [len(batch) for batch in batches] == [1000, 1000, 500]
    table = parquet.ParquetFile(io.BytesIO(client.get(f"/v1/jobs/{job.id}/trials/export?format=parquet").content))
    assert table.num_row_groups == 3
    assert table.read().column("number").to_pylist() == list(range(2500))


def test_a_drain_keeps_only_what_was_not_taken() -> None:
    drain = Drain()
    drain.write(b"abc")
    assert (drain.drain(), drain.drain(), drain.tell()) == (b"abc", b"", 3)

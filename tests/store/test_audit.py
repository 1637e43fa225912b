"""The audit log: appended, paged, kept for so many days."""

from typing import Any

from sqlalchemy import func, select, update

from store import audit
from store.sessions import Database
from store.tables import Audit

ROW: dict[str, Any] = {
    "token_id": "tok_1",
    "project": "vision",
    "action": "cancel_job",
    "target": "/v1/jobs/job_1:cancel",
    "status": 200,
    "client": "127.0.0.1",
    "request_id": "r1",
    "days": 30.0,
}


def test_rows_are_kept_as_given(database: Database) -> None:
    with database.write() as session:
        audit.append(session, **ROW)
        audit.append(session, **{**ROW, "target": "/" + "x" * 9_000})
    with database.read() as session:
        long, row = audit.page(session, after=None, limit=9)
        assert {name: getattr(row, name) for name in ROW if name != "days"} == {
            name: value for name, value in ROW.items() if name != "days"
        }
        assert row.at_s > 1.7e9
        assert len(long.target) == audit.LONGEST_TARGET


def test_pages_are_disjoint_and_complete_and_of_one_project(database: Database) -> None:
    with database.write() as session:
        for i in range(7):
            audit.append(session, **{**ROW, "project": [None, "a", "b"][i % 3], "status": 200 + i})
    with database.read() as session:
        first = audit.page(session, after=None, limit=4)
        second = audit.page(session, after=first[-1].id, limit=4)
        assert [row.status for row in (*first, *second)] == [206, 205, 204, 203, 202, 201, 200]
        assert [row.status for row in audit.page(session, after=None, limit=9, project="a")] == [204, 201]


def test_old_rows_go_as_new_ones_come(database: Database) -> None:
    with database.write() as session:
        for _ in range(50):
            audit.append(session, **ROW)
        session.execute(update(Audit).values(at_s=Audit.at_s - 31 * 86_400.0))
        left = []
        for _ in range(3):
            audit.append(session, **ROW)
            left.append(session.scalars(select(func.count()).select_from(Audit)).one())
    assert left == [50 + 1 - 20, 31 + 1 - 20, 12 + 1 - 10]


def test_no_path_stays_out_of_the_log(database: Database) -> None:
    with database.write() as session:
        for target in ("/a\x00b", "/a\nb\x1b[31m", "/ü\udc80"):
            audit.append(session, **{**ROW, "target": target})
    with database.read() as session:
        found = [row.target for row in audit.page(session, after=None, limit=9)]
    assert found == ["/ü\\udc80", "/a\\nb\\x1b[31m", "/a\\x00b"]

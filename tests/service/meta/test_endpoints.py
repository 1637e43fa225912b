"""What many jobs say together, and only to whom they belong; over both databases."""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from service.meta.schemas import MetaView
from service.settings import Settings
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Configuration, Metric, Named
from store import archive, jobs, meta, tokens
from store.sessions import Database
from tests.service import history
from tests.service.analyses.test_endpoints import trained
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner

HERE = "/v1/meta/best-against-size"


def ended(
    session: Session, flops: int, best: float, *, project: str = "default", dataset: str = "digits", worse: bool = False
) -> str:
    """A job that succeeded, with dense and two confirmed levels of Wide of which `best` is better."""
    spec = replace(history.THREE, dataset=Named(dataset))
    direction = "minimize" if worse else "maximize"
    dense = replace(history.PLAN.dense, forward_flops=flops)
    plan = replace(history.PLAN, dense=dense, metric=Metric("loss", "nats", direction))
    jobs.create(session, spec, plan, project=project)
    job = jobs.claim(session, "w", 60.0)
    assert job is not None
    sign = -1.0 if worse else 1.0
    n = 0
    for seed in (1, 2):
        trained(session, job, n, Configuration(DENSE), 50.0 + seed, seed, kind="baseline")
        for level in (0.4, best):
            at = Configuration("sparse_wide", level, MaskSchedule("static"))
            value = 50.0 + seed + sign * (2.0 if level == best else 1.0)
            trained(session, job, n + 1 + int(level == best), at, value, seed, kind="confirm")
        n += 3
    off = Configuration("sparse_wide", 0.9, MaskSchedule("static"))
    trained(session, job, n, off, 50 + sign * 40, 1, kind="confirm", ratio=1.01)  # more FLOPs: not compared
    lucky = Configuration("sparse_wide", 0.8, MaskSchedule("static"))
    trained(session, job, n + 1, lucky, 50 + sign * 30, 9)  # of the search alone
    jobs.finish(session, job.id, job.lease_token or "", "succeeded", "done", "Every trial has ended.")
    return job.id


def test_a_line_over_three_jobs(client: TestClient, database: Database) -> None:
    with database.write() as session:
        ids = [ended(session, 1000, 0.5), ended(session, 10_000, 0.75, worse=True), ended(session, 100_000, 0.75)]
        ended(session, 10**13, 0.5, dataset="cifar10")
        history.half_done(session)
    response = client.get(HERE, params={"dataset": "digits", "family": "sparse_wide"})
    found = response.json()
    MetaView.model_validate(found)
    assert [p["job_id"] for p in found["points"]] == ids
    assert [p["sparsity"] for p in found["points"]] == pytest.approx([0.5, 0.75, 0.75])
    assert [(p["gain"], p["seeds"]) for p in found["points"]] == [(pytest.approx(2.0), 2)] * 3
    (trend,) = found["trends"]
    assert trend["slope"] == pytest.approx(0.5)  # as by hand in tests/analysis/test_meta.py
    assert [p["size"] for p in client.get(HERE).json()["points"]][-1] == 10**13, "beyond 32 bits"
    assert client.get(HERE, params={"family": "sparse_doped"}).json() == {"points": [], "trends": []}
    same = client.get(HERE, headers={"If-None-Match": client.get(HERE).headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert client.get(HERE, params={"family": ""}).status_code == 422


def test_a_token_sees_its_projects_jobs_alone(settings: Settings, planner: FakePlanner, database: Database) -> None:
    with database.write() as session:
        ours, theirs = ended(session, 1000, 0.5, project="ours"), ended(session, 1000, 0.5, project="theirs")
        mine, every = (tokens.create(session, "t", *kind)[1] for kind in (("read", "ours"), ("admin", None)))
    with opened(replace(settings, require_tokens=True), planner) as client:
        for token, expected in ((mine, {ours}), (every, {ours, theirs})):
            found = client.get(HERE, headers={"Authorization": f"Bearer {token}"}).json()
            assert {p["job_id"] for p in found["points"]} == expected
        assert client.get(HERE).status_code == 401


def test_other_projects_and_archived_jobs_are_left_out(database: Database) -> None:
    with database.write() as session:
        ours, theirs = ended(session, 1000, 0.5, project="ours"), ended(session, 1000, 0.5, project="theirs")
        gone = ended(session, 1000, 0.5, project="ours")
        archive.archive(session, gone)
    with database.read() as session:
        assert {r.job_id for r in meta.confirmed(session, "ours")} == {ours}
        assert {r.job_id for r in meta.confirmed(session, None)} == {ours, theirs}
        assert meta.confirmed(session, "nobody's") == []

"""The main job, end to end, on both databases: real processes, real HTTP, real training."""

import time
from pathlib import Path

import pytest

from sparseift.client import Client
from sparseift.isoflop import TOLERANCE
from tests.e2e.conftest import StartServer

pytestmark = [pytest.mark.slow, pytest.mark.long]

JOB = """\
name: end to end
model: {name: mlp, arguments: {width: 48, depth: 4}}
dataset: digits
families: [sparse_wide, sparse_parallel, sparse_factorized, sparse_doped]
space:
  sparsities: [0.5]
  methods: [rigl]
  delta_t_steps: [4, 8]
training: {epochs: 2, batch_size: 64, learning_rate: 0.02}
budget: {search_trials: 4, confirm_seeds: 2}
"""
CONFIRM_SEEDS, FAMILIES = 2, 4


def test_a_search_is_submitted_followed_and_answered(
    empty_database_url: str, start_server: StartServer, tmp_path: Path
) -> None:
    job_file = tmp_path / "job.yaml"
    job_file.write_text(JOB)
    server = start_server(empty_database_url, "--slots", "2", "--threads-per-slot", "1")

    plan = server.run("submit", str(job_file), "--dry-run")
    assert plan.returncode == 0, plan.stderr
    assert "nothing was stored" in plan.stdout

    followed = server.run("submit", str(job_file), "--follow", "--key", "once")
    assert followed.returncode == 0, followed.stdout + followed.stderr
    assert "job succeeded" in followed.stdout
    assert "against dense" in followed.stdout
    again = server.run("submit", str(job_file), "--key", "once")

    with Client(server.url) as client:
        jobs = list(client.jobs())
        assert [job["id"] for job in jobs] == [again.stdout.strip()], "the same key is the same job"
        trials = list(client.trials(jobs[0]["id"]))
        curve = client.curve(jobs[0]["id"])
        best = client.best(jobs[0]["id"])
    trained = [t for t in trials if t["state"] == "complete"]
    assert {t["state"] for t in trials} == {"complete"}, followed.stdout
    kinds = [t["kind"] for t in trained]
    assert kinds.count("baseline") == CONFIRM_SEEDS
    assert kinds.count("search") == 4
    assert all(abs(t["flop_ratio"] - 1) <= TOLERANCE for t in trained)
    assert all((t["test_value"] is None) == (t["kind"] == "search") for t in trained), "the search never sees test"
    assert all(len(point["seeds"]) == CONFIRM_SEEDS for point in curve["points"] if point["confirmed"])
    assert {b["family"] for b in best["best"]} == {t["family"] for t in trained} - {"dense"}
    assert len(curve["dense"]["seeds"]) == CONFIRM_SEEDS

    files = [tmp_path / f"curve.{suffix}" for suffix in ("html", "png", "svg", "csv", "json")]
    saved = server.run("curve", "last", *(word for file in files for word in ("--save", str(file))))
    assert saved.returncode == 0, saved.stderr
    assert files[1].read_bytes().startswith(b"\x89PNG\r\n")
    assert b"<html" in files[0].read_bytes()[:2000].lower()
    assert files[2].read_text().startswith("<svg")
    assert "sparse_wide" in files[3].read_text()

    server.child("service").kill()  # what crashes is started again
    with Client(server.url) as client:
        for _ in range(300):
            if client.is_ready():
                break
            time.sleep(0.1)
        assert client.job(jobs[0]["id"])["state"] == "succeeded"
    assert "service ended with code -9; it is started again" in server.log.read_text()

    assert server.stop() == 0
    assert server.leftovers() == []

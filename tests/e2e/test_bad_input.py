"""What goes wrong is one sentence with the right exit code, through real processes, and leaves nothing half-written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparseift.client import Client
from tests.e2e.conftest import ROOT, Server, StartServer, environment

pytestmark = pytest.mark.slow

GOOD = "model: {name: mlp, arguments: {width: 32}}\ndataset: digits\nfamilies: [sparse_doped]\n"


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(None, "--slots", "1", "--threads-per-slot", "1")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            GOOD.replace("name: mlp", "name: mpl"),
            "job.yaml:1: There is no model 'mpl'; the known ones are mlp, resnet",
        ),
        (
            GOOD.replace("digits", "mnist"),
            "job.yaml:2: There is no data set 'mnist'; the known ones are digits,",
        ),
        (
            GOOD.replace("_doped", "_dropped"),
            "job.yaml:3: There is no family 'sparse_dropped'; the known ones are",
        ),
        (GOOD.replace("width: 32", "width: -1"), "job.yaml:1: mlp's width is -1; it must lie in [1, 65536]."),
        (GOOD + "space: {sparsities: [0.2]}", "job.yaml:4: space.sparsities.0 is 0.2"),
        (GOOD + "space: {sparsities: []}", "job.yaml:4: space.sparsities is []"),
        (GOOD + "budget:\n  search_trials: 0", "job.yaml:5: budget.search_trials is 0"),
        (GOOD + "training: {learning_rte: 0.1}", "job.yaml:4: There is no training setting for images 'learning_rte'"),
        (GOOD + "space: {methods: [magic]}", "job.yaml:4: space.methods.0 is 'magic'"),
        (GOOD.replace("mlp, arguments: {width: 32}", "gpt"), "job.yaml:2: the model 'gpt' takes text and the data set"),
        (GOOD.replace("_doped", "_wide") + "space: {sparsities: [0.95]}", "the nearest feasible sparsities are 0.7."),
    ],
    ids=[
        *("model", "data", "family", "argument", "sparsity", "no-space", "no-budget"),
        *("training", "method", "task", "infeasible"),
    ],
)
def test_a_bad_job_is_refused_with_its_reason(text: str, sentence: str, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with Client(server.url) as client:
        before = {job["id"] for job in client.jobs()}
    result = server.run("submit", str(path))
    assert result.returncode == 1
    assert sentence in re.sub(r"(job\.yaml:\d+):\d+:", r"\1:", result.stderr), "columns are tests/cli's to judge"
    assert "Traceback" not in result.stderr
    with Client(server.url) as client:
        assert {job["id"] for job in client.jobs()} == before, "nothing was stored"


def test_a_second_server_on_the_same_port_is_refused(server: Server, tmp_path: Path) -> None:
    second = server.run("serve", "--port", str(server.port), "--data", str(tmp_path / "second"))
    assert second.returncode == 2
    assert f"Port {server.port} (API) cannot be used" in second.stderr
    assert not (tmp_path / "second").exists()


def test_data_that_was_not_fetched_fails_the_job_with_the_command(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(
        "model: {name: resnet, arguments: {width: 4}}\ndataset: cifar10\nfamilies: [sparse_doped]\n"
        "space: {sparsities: [0.5]}\ntraining: {epochs: 1}\nbudget: {search_trials: 1, confirm_seeds: 1}\n"
    )
    result = server.run("submit", str(path), "--follow")
    assert result.returncode == 4, result.stdout + result.stderr
    assert "sparseift data fetch cifar10" in result.stdout + result.stderr


@pytest.mark.parametrize("module", ["service", "worker"])
def test_a_database_at_another_revision_is_refused_with_the_command(module: str, tmp_path: Path) -> None:
    folders = ("--artifacts", str(tmp_path), "--data", str(tmp_path)) if module == "worker" else ("--port", "0")
    database = f"sqlite:///{tmp_path / 'empty.db'}"
    result = subprocess.run(
        [sys.executable, "-m", module, "--database", database, *folders],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    assert result.returncode != 0
    assert f"run: sparseift db upgrade --database {database}" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "empty.db").exists()

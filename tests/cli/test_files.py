"""Taking rows and checkpoints away, against a service that plays a script."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.cli.failures import UsageProblem
from sparseift.cli.files import best_trial, newest_checkpoint
from sparseift.client import ApiError, Client
from sparseift.errors import SparseIFTError
from tests.client.script import Script

Say = Callable[..., str]
TENSORS, STATE = b"0123456789", b"{}"
FILES: list[dict[str, Any]] = [
    {"name": "attempt-1/out.log", "kind": "log", "bytes": 3, "attempt": 1, "step": None, "sha256": None},
    {"name": "attempt-1/step-5/state.json", "kind": "state", "bytes": 2, "attempt": 1, "step": 5, "sha256": None},
    {"name": "attempt-2/step-9/state.json", "kind": "state", "bytes": 2, "attempt": 2, "step": 9, "sha256": None},
    {
        "name": "attempt-2/step-9/tensors.safetensors",
        "kind": "tensors",
        "bytes": len(TENSORS),
        "attempt": 2,
        "step": 9,
        "sha256": hashlib.sha256(TENSORS).hexdigest(),
    },
]
JOB = {"id": "job_1", "name": "n", "spec": {"seed": 0}, "metric": {"unit": "%", "direction": "maximize"}}
TRIAL = {"number": 4, "family": "sparse_wide", "links": {}, "reports": [], "checkpoint": None, "value": 91.0} | {
    "attempts": [{"environment": {"torch": "2"}}]
}


def test_a_checkpoint_is_taken_whole_with_its_card(script: Script, say: Say, tmp_path: Path) -> None:
    script.answers = [(200, {"items": FILES}), (200, STATE), (200, TENSORS[:4]), (206, TENSORS[4:])]
    script.answers += [(200, JOB), (200, TRIAL)]
    told = say("download", "job_1", "4", "--output", str(tmp_path / "winner"))
    assert "tensors.safetensors (10 bytes)" in told
    assert (tmp_path / "winner" / "tensors.safetensors").read_bytes() == TENSORS
    assert script.asked[3][2]["Range"] == "bytes=4-", "what came is not asked for twice"
    card = json.loads((tmp_path / "winner" / "card.json").read_text())
    assert (card["trial"]["value"], card["job"]["spec"], card["environment"]) == (91.0, {"seed": 0}, {"torch": "2"})
    assert card["files"][1] == {"name": FILES[3]["name"], "bytes": 10, "sha256": FILES[3]["sha256"], "step": 9}
    assert sorted(p.name for p in (tmp_path / "winner").iterdir()) == ["card.json", "state.json", "tensors.safetensors"]


def test_a_download_goes_on_at_the_next_command(script: Script, say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "winner"
    script.answers = [(200, {"items": FILES[3:]}), (200, TENSORS[:4]), (404, {"detail": "It was deleted."})]
    with pytest.raises(ApiError, match="was deleted"):
        say("download", "job_1", "4", "--output", str(folder))
    script.answers = [(200, {"items": FILES[3:]}), (206, TENSORS[4:]), (200, JOB), (200, TRIAL)]
    say("download", "job_1", "4", "--output", str(folder))
    assert (folder / "tensors.safetensors").read_bytes() == TENSORS


def test_other_bytes_than_promised_are_not_kept(script: Script, say: Say, tmp_path: Path) -> None:
    script.answers = [(200, {"items": FILES[3:]}), (200, b"9876543210")]
    with pytest.raises(SparseIFTError, match=r"has the sha256 \w{64} instead of \w{64}; it was deleted"):
        say("download", "job_1", "4", "--output", str(tmp_path))
    script.answers = [(200, {"items": FILES[3:]}), (200, TENSORS + b"more")]
    with pytest.raises(SparseIFTError, match="has 14 bytes instead of 10"):
        say("download", "job_1", "4", "--output", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_winner_is_the_best_configurations_best_fresh_seed(script: Script) -> None:
    def trial(number: int, kind: str, value: float, key: str = "a") -> dict[str, Any]:
        return {"number": number, "kind": kind, "value": value, "configuration_key": key}

    point = {"family": "sparse_wide", "configuration_key": "a"}
    best = {"metric": JOB["metric"], "best": [{"family": "sparse_wide", "point": point}]}
    rows = [trial(1, "search", 99), trial(2, "confirm", 90), trial(3, "confirm", 91), trial(4, "confirm", 95, "b")]
    page = {"items": rows, "next_page_token": None}
    with script.served() as url, Client(url) as client:
        script.answers = [(200, best), (200, page)] * 2 + [(200, best)]
        assert best_trial(client, "job_1", None) == best_trial(client, "job_1", "sparse_wide") == 3
        assert script.asked[1][1] == "/v1/jobs/job_1/trials?state=complete&family=sparse_wide&limit=500"
        with pytest.raises(UsageProblem, match="no best of 'sparse_doped' yet; it has sparse_wide"):
            best_trial(client, "job_1", "sparse_doped")


def test_nothing_saved_is_said(script: Script, say: Say, tmp_path: Path) -> None:
    assert newest_checkpoint(FILES[:1]) == []
    script.answers = [(200, {"items": FILES[:1]})]
    with pytest.raises(SparseIFTError, match="Trial 4 of job_1 keeps no checkpoint"):
        say("download", "job_1", "4", "--output", str(tmp_path / "x"))
    with pytest.raises(UsageProblem, match="not both"):
        say("download", "job_1", "4", "--best", "sparse_wide")


def test_rows_are_exported_to_stdout_and_to_files(script: Script, api: str, say: Say, tmp_path: Path) -> None:
    script.answers = [(200, b"number,value\n"), (200, b"PAR1"), *[(503, {"detail": "busy"})] * 4]
    assert CliRunner().invoke(app, ["export", "job_1", "--url", api]).output == "number,value\n"
    target = tmp_path / "reports.parquet"
    assert "(4 bytes)" in say("export", "job_1", "--what", "reports", "--output", str(target))
    assert target.read_bytes() == b"PAR1"
    with pytest.raises(ApiError, match="busy"):
        say("export", "job_1", "--output", str(tmp_path / "trials.csv"))
    assert list(tmp_path.iterdir()) == [target], "nothing half-written is left"
    script.answers = [(200, b"PAR1")]
    assert json.loads(say("export", "job_1", "--output", str(target), "--json")) == {
        "job": "job_1", "files": [str(target)],
    }  # fmt: skip
    for wrong in (("--what", "jobs"), ("--output", "trials.xlsx"), ("--json",)):
        with pytest.raises(UsageProblem):
            say("export", "job_1", *wrong)

"""The files of a trial: listed, read whole and in part, and never from elsewhere."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.artifacts import ranges
from service.problems import Refused
from service.settings import Settings
from store import attempts
from store.sessions import Database
from tests.service import history
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner

TENSORS = bytes(range(200))
SHA = "ab" * 32


@pytest.fixture
def here(database: Database, tmp_path: Path) -> str:
    """The address of a trial with a log and a checkpoint on disk."""
    with database.write() as session:
        job = history.claimed(session)
        trial = history.added(session, job, 0)
        attempt = attempts.start(
            session,
            trial.id,
            job_token=job.lease_token or "",
            worker="w",
            slot="here/cpu:0",
            ttl_s=60.0,
            environment={},
            log_path=f"{job.id}/00000-abc/attempt.log",
        )
        for step in (10, 20):
            attempts.saved_checkpoint(session, attempt.id, attempt.token, step, f"{job.id}/00000-abc/step-{step}")
    folder = tmp_path / job.id / "00000-abc"
    (folder / "step-20").mkdir(parents=True)  # step 10 was deleted since
    (folder / "step-20" / "tensors.safetensors").write_bytes(TENSORS)
    (folder / "step-20" / "state.json").write_text(json.dumps({"sha256": SHA, "step": 20}))
    (folder / "attempt.log").write_text("step 1\n")
    (folder / "layers.json").write_text("{}")
    (folder / ".step-30.123").mkdir()
    (folder / "notes.txt").write_text("not listed")
    return f"/v1/jobs/{job.id}/trials/0/artifacts"


def test_what_is_recorded_and_there_is_listed(client: TestClient, here: str) -> None:
    items = client.get(here).json()["items"]
    assert [(a["name"], a["kind"], a["bytes"], a["step"], a["sha256"]) for a in items] == [
        ("attempt-1/attempt.log", "log", 7, None, None),
        ("attempt-1/layers.json", "layers", 2, None, None),
        ("attempt-1/step-20/tensors.safetensors", "tensors", 200, 20, SHA),
        ("attempt-1/step-20/state.json", "state", len(json.dumps({"sha256": SHA, "step": 20})), 20, None),
    ]
    for item in items:
        read = client.get(item["href"])
        assert (read.status_code, len(read.content)) == (200, item["bytes"])
        assert read.headers["content-disposition"].startswith("attachment")
        assert read.headers["accept-ranges"] == "bytes"


def test_a_file_is_read_in_parts_and_only_while_it_is_the_same(client: TestClient, here: str) -> None:
    file = f"{here}/attempt-1/step-20/tensors.safetensors"
    whole = client.get(file)
    assert (whole.content, whole.headers["etag"]) == (TENSORS, f'"{SHA}"')
    rest = client.get(file, headers={"Range": "bytes=150-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, TENSORS[150:])
    assert rest.headers["content-range"] == "bytes 150-199/200"
    assert rest.headers["content-length"] == "50"
    changed = client.get(file, headers={"Range": "bytes=150-", "If-Range": '"older"'})
    assert (changed.status_code, changed.content) == (200, TENSORS)
    known = client.get(file, headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    beyond = client.get(file, headers={"Range": "bytes=200-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == "bytes */200"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=3-", (3, 7)),
        ("bytes=3-99", (3, 7)),
        ("bytes=-4", (6, 4)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=-", None),
        ("bytes=x-1", None),
    ],
)
def test_ranges_as_the_standard_has_them(header: str | None, found: tuple[int, int] | None) -> None:
    assert ranges.wanted(header, 10) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_ranges_that_nothing_satisfies(header: str) -> None:
    with pytest.raises(Refused, match="The file has 10 bytes"):
        ranges.wanted(header, 10)
    with pytest.raises(Refused):
        ranges.wanted("bytes=-1", 0)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "attempt-1/notes.txt",
        "attempt-1/step-20",
        "attempt-1/../../../sparseift.db",
        "..%2f..%2fsparseift.db",
        "%2fetc%2fpasswd",
        "attempt-2/attempt.log",
        "attempt-1/step-10/state.json",
        "attempt-1/step-20/state.json%00",
        "x" * 301,
    ],
)
def test_no_other_name_leads_to_a_file(client: TestClient, here: str, name: str) -> None:
    response = client.get(f"{here}/{name}")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_a_link_out_of_the_folder_is_not_followed(client: TestClient, here: str, tmp_path: Path) -> None:
    job_id = here.split("/")[3]
    log = tmp_path / job_id / "00000-abc" / "attempt.log"
    outside = tmp_path.parent / f"{tmp_path.name}-outside.log"
    outside.write_text("secret")
    log.unlink()
    log.symlink_to(outside)
    names = [a["name"] for a in client.get(here).json()["items"]]
    assert "attempt-1/attempt.log" not in names
    assert client.get(f"{here}/attempt-1/attempt.log").status_code == 404
    outside.unlink()


def test_a_service_without_the_folder_says_so(client: TestClient, database_url: str, here: str) -> None:
    with opened(Settings(database_url), FakePlanner()) as blind:
        response = blind.get(here)
    assert (response.status_code, response.json()["code"]) == (404, "artifacts-unavailable")
    assert "--artifacts" in response.json()["detail"]

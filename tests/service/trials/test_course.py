"""A trial's course measure by measure, and its output."""

import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.trials import logs
from service.trials.thinning import largest_triangles
from store import attempts
from store.sessions import Database
from store.tables import Attempt
from tests.service import history
from tests.store.samples import RESULT, progress


def test_three_buckets_by_hand() -> None:
    series = [(0, 0.0), (1, 0.0), (2, 9.0), (3, 0.0), (4, -5.0), (5, 0.0), (6, 0.0)]
    # two buckets of the five in between: (1, 2) and (3, 4, 5); the peak and the dip span the largest triangles
    assert largest_triangles(series, 4) == [(0, 0.0), (2, 9.0), (4, -5.0), (6, 0.0)]
    assert largest_triangles(series, 2) == [(0, 0.0), (6, 0.0)]
    assert largest_triangles(series, 7) == series


@pytest.mark.parametrize("points", [2, 3, 5, 50, 99, 100])
def test_what_is_kept_is_of_the_series_in_order(points: int) -> None:
    series = [(step, float(step * 7919 % 101)) for step in range(100)]
    kept = largest_triangles(series, points)
    assert len(kept) == points
    assert kept == sorted(set(kept) & set(series))
    assert (kept[0], kept[-1]) == (series[0], series[-1])


def test_a_course_is_shown_measure_by_measure(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        attempt = history.begun(session, job, 0)
        reports = [progress(i, value=50.0 + i if i % 10 == 0 else None) for i in range(21, 100)]
        attempts.write_reports(session, attempt.id, attempt.token, reports)
    found = client.get(f"/v1/jobs/{job.id}/trials/0/metrics?points=6").json()
    assert (found["reports"], found["total_steps"]) == (81, 100)
    assert [len(found[name]) for name in ("train_loss", "value", "churn", "training_flops")] == [6, 6, 0, 6]
    assert (found["value"][0], found["value"][-1]) == ([20, 80.0], [90, 140.0])
    assert client.get(f"/v1/jobs/{job.id}/trials/0/metrics?points=1").status_code == 422


def logged(database: Database) -> tuple[str, Attempt]:
    with database.write() as session:
        job = history.claimed(session)
        return job.id, history.begun(session, job, 0)


def test_output_is_read_in_pieces(client: TestClient, database: Database, tmp_path: Path) -> None:
    job_id, attempt = logged(database)
    here = f"/v1/jobs/{job_id}/trials/0/log"
    empty = {"attempt": 1, "text": "", "next_offset": 0, "size": 0, "ended": False}
    assert client.get(here).json() == empty
    file = tmp_path / attempt.log_path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("one\ntwo ä\n", encoding="utf-8")
    assert client.get(here).json() == empty | {"text": "one\ntwo ä\n", "next_offset": 11, "size": 11}
    assert client.get(f"{here}?offset=4").json()["text"] == "two ä\n"
    assert client.get(f"{here}?offset=-3").json()["text"] == "ä\n"
    assert client.get(f"{here}?offset=99").json()["next_offset"] == 11
    assert client.get(f"{here}?attempt=2").json()["detail"] == "Trial 0 has no attempt 2; it had 1."


def test_a_trial_without_an_attempt_says_whether_it_will_have_one(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        refused = history.REFUSED
        history.added(session, job, 0, refused, state="infeasible", reason="infeasible", message=refused.reason)
        history.added(session, job, 1)
    here = f"/v1/jobs/{job.id}/trials"
    answer = client.get(f"{here}/0/log")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Trial 0 is infeasible and never had an attempt: it has no output."
    assert client.get(f"{here}/1/log").json()["detail"] == "Trial 1 waits for its first attempt."
    assert client.get(f"{here}/1/log?attempt=1").json()["detail"] == "Trial 1 waits for its first attempt."


def test_output_is_followed_to_the_attempts_end(client: TestClient, database: Database, tmp_path: Path) -> None:
    job_id, attempt = logged(database)
    file = tmp_path / attempt.log_path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("one\n")

    def go_on() -> None:
        with file.open("a") as log:
            log.write("two\n")
        with database.write() as session:
            attempts.finish(session, attempt.id, attempt.token, RESULT)

    later = threading.Timer(0.2, go_on)
    later.start()
    answer = client.get(f"/v1/jobs/{job_id}/trials/0/log?follow=true")
    later.join()
    assert (answer.text, answer.headers["content-type"]) == ("one\ntwo\n", "text/plain; charset=utf-8")


def test_a_piece_ends_at_whole_characters(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("aä€𝄞", encoding="utf-8")  # 1 + 2 + 3 + 4 bytes
    whole = {1: "a", 2: "a", 3: "aä", 5: "aä", 6: "aä€", 9: "aä€", 10: "aä€𝄞", 11: "aä€𝄞"}
    for limit, text in whole.items():
        piece = logs.read(file, 0, limit)
        assert (piece.text, piece.next_offset, piece.size) == (text, len(text.encode()), 10)


def test_a_path_that_leads_elsewhere_is_not_read(tmp_path: Path) -> None:
    for path in ("../secret", "/etc/passwd", ""):
        with pytest.raises(logs.Refused, match="no log below"):
            logs.located(tmp_path, path)
    with pytest.raises(logs.Refused, match="--artifacts"):
        logs.located(None, "a/attempt.log")

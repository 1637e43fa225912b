"""The client against a scripted HTTP server on loopback."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sparseift.client import ApiError, Client, Unreachable
from tests.client.script import Script


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with script.served() as url, Client(f"{url}/") as opened:
        yield opened


def test_pages_are_followed_to_the_end(script: Script, client: Client) -> None:
    script.answers = [
        (200, {"items": [{"number": 0}, {"number": 1}], "next_page_token": "abc"}),
        (200, {"items": [{"number": 2}], "next_page_token": None}),
    ]
    assert [t["number"] for t in client.trials("job_1", state="complete")] == [0, 1, 2]
    assert "state=complete" in script.asked[1][1]
    assert "page_token=abc" in script.asked[1][1]


def test_no_more_rows_are_asked_for_than_wanted(script: Script, client: Client) -> None:
    page = {"items": [{"id": "job_1"}, {"id": "job_2"}], "next_page_token": "abc"}
    script.answers = [(200, page), (200, {"items": [{"id": "job_3"}], "next_page_token": "def"})]
    assert [job["id"] for job in client.jobs(limit=3)] == ["job_1", "job_2", "job_3"]
    assert [path for _, path, _ in script.asked] == ["/v1/jobs?limit=3", "/v1/jobs?limit=1&page_token=abc"]


def test_events_continue_after_the_last_one(script: Script, client: Client) -> None:
    full = [{"id": i} for i in range(1, 501)]
    script.answers = [(200, {"items": full, "last_id": 500}), (200, {"items": [{"id": 501}], "last_id": 501})]
    assert len(list(client.events("job_1"))) == 501
    assert "after=500" in script.asked[1][1]


def test_a_problem_becomes_its_sentence(script: Script, client: Client) -> None:
    problem = {"code": "invalid-request", "detail": "budget is 0.", "errors": [{"field": "budget", "message": "0"}]}
    script.answers = [(422, problem)]
    with pytest.raises(ApiError, match=r"^budget is 0\.$") as caught:
        client.submit({"model": "mlp"})
    assert (caught.value.status, caught.value.code) == (422, "invalid-request")
    assert caught.value.errors[0]["field"] == "budget"


def test_an_answer_that_is_no_problem_is_named(script: Script, client: Client) -> None:
    script.answers = [(404, b"<html>")]
    with pytest.raises(ApiError, match=r"answered 404 .* is it a sparseift service\?"):
        client.job("job_1")


def test_a_submission_is_tried_again_under_one_key(script: Script, client: Client) -> None:
    script.answers = [(503, {"detail": "busy"}), (201, {"id": "job_1"})]
    assert client.submit({"model": "mlp"})["id"] == "job_1"
    keys = {headers["Idempotency-Key"] for _, _, headers in script.asked}
    assert len(keys) == 1


def test_a_cancel_is_sent_once(script: Script, client: Client) -> None:
    script.answers = [(503, {"detail": "The database cannot be reached."})]
    with pytest.raises(ApiError, match="database"):
        client.cancel("job_1")
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda c: c.pause("job_1", "hand_back"), "/v1/jobs/job_1:pause?running=hand_back"),
        (lambda c: c.resume("job_1"), "/v1/jobs/job_1:resume"),
        (lambda c: c.stop("job_1"), "/v1/jobs/job_1:stop?running=finish"),
        (lambda c: c.extend("job_1", {"search_trials": 9}), "/v1/jobs/job_1:extend"),
        (lambda c: c.prioritize("job_1", 3), "/v1/jobs/job_1:prioritize"),
        (lambda c: c.clone("job_1", {"seed": 1}), "/v1/jobs/job_1:clone"),
    ],
)
def test_other_verbs_may_be_said_again(script: Script, client: Client, ask: Callable[[Client], Any], path: str) -> None:
    script.answers = [(503, {"detail": "busy"}), (200, {"id": "job_1"})]
    assert ask(client)["id"] == "job_1"
    assert [asked[:2] for asked in script.asked] == [("POST", path)] * 2


def test_output_is_read_piece_by_piece_of_one_attempt(script: Script, client: Client) -> None:
    pieces = [("one", 3, False), ("two", 6, False), ("", 6, True)]
    script.answers = [(200, {"attempt": 2, "text": t, "next_offset": o, "ended": e}) for t, o, e in pieces]
    assert list(client.log("job_1", 4, follow=True)) == ["one", "two"]
    assert [path for _, path, _ in script.asked] == [
        "/v1/jobs/job_1/trials/4/log?offset=0",
        "/v1/jobs/job_1/trials/4/log?attempt=2&offset=3",
        "/v1/jobs/job_1/trials/4/log?attempt=2&offset=6",
    ]


def test_no_service_is_one_sentence() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable) as caught:
        client.job("job_1")
    assert str(caught.value) == (
        "No sparseift service answers at http://127.0.0.1:9; start one with `sparseift serve`."
    )
    assert not Client("http://127.0.0.1:9").is_ready()


def stream(*events: tuple[int, str], end: bool = False) -> bytes:
    told = "".join(f'id: {i}\nevent: {kind}\ndata: {{"id": {i}, "kind": "{kind}"}}\n\n' for i, kind in events)
    return (told + ('event: end\ndata: {"state": "succeeded"}\n\n' if end else "")).encode()


def test_a_followed_job_is_taken_up_where_its_stream_broke(script: Script, client: Client) -> None:
    busy = {"detail": "64 event streams are open already."}
    script.answers = [
        (200, stream((1, "job.queued"), (2, "job.running")) + b"id: 3\nevent: trial"),
        (503, busy),
        (200, stream((3, "job.succeeded"), end=True)),
    ]
    assert [event["id"] for event in client.follow("job_1")] == [1, 2, 3]
    assert [headers.get("Last-Event-ID") for _, _, headers in script.asked] == [None, "2", "2"]
    assert script.asked[0][2]["Accept"] == "text/event-stream"


def test_following_what_has_ended_ends(script: Script, client: Client) -> None:
    script.answers = [(204, b"")]
    assert list(client.follow("job_1", after=9)) == []


def test_a_refusal_and_a_long_absence_end_following(script: Script, client: Client) -> None:
    script.answers = [(404, {"detail": "There is no job 'job_1'."})]
    with pytest.raises(ApiError, match="no job"):
        list(client.follow("job_1"))
    with pytest.raises(Unreachable):
        list(Client("http://127.0.0.1:9").follow("job_1", patience_s=0.0))


def test_a_job_is_waited_for_by_long_polls(script: Script, client: Client) -> None:
    script.answers = [
        (200, {"id": "job_1", "state": "running"}),
        (200, {"items": [], "last_id": 4}),
        (200, {"id": "job_1", "state": "succeeded"}),
    ]
    assert client.wait("job_1")["state"] == "succeeded"
    assert script.asked[1][1] == "/v1/jobs/job_1/events?after=0&limit=500&wait_s=20.0"
    script.answers = [(200, {"id": "job_1", "state": "running"})]
    with pytest.raises(TimeoutError, match="job_1 is running after 0 s"):
        client.wait("job_1", timeout_s=0.0)


def test_filters_go_as_the_routes_have_them(script: Script, client: Client) -> None:
    script.answers = [(200, {"items": [], "next_page_token": None})] * 2
    assert list(client.jobs(["running", "paused"], label=["team:a", "x:y"], archived=None, sort="oldest")) == []
    assert script.asked[0][1] == "/v1/jobs?state=running&state=paused&label=team%3Aa&label=x%3Ay&sort=oldest&limit=500"
    assert list(client.trials("job_1", family="dense", sort="-value")) == []
    assert script.asked[1][1] == "/v1/jobs/job_1/trials?family=dense&sort=-value&limit=500"


def test_a_job_is_labelled_archived_and_deleted(script: Script, client: Client) -> None:
    script.answers = [(200, {"id": "job_1"})] * 3 + [(204, b""), (200, {"results": []})]
    client.label("job_1", {"labels": {"team": None}})
    client.archive("job_1")
    client.unarchive("job_1")
    client.delete("job_1")
    client.bulk("cancel", ["job_1"], running="stop")
    assert [asked[:2] for asked in script.asked] == [
        ("PATCH", "/v1/jobs/job_1"),
        ("POST", "/v1/jobs/job_1:archive"),
        ("POST", "/v1/jobs/job_1:unarchive"),
        ("DELETE", "/v1/jobs/job_1"),
        ("POST", "/v1/jobs:bulk"),
    ]


def test_a_file_goes_on_from_where_it_broke_off(script: Script, client: Client) -> None:
    script.answers = [(200, b"abc"), (206, b"def"), (200, b"abcdef"), (404, {"detail": "It keeps no such file."})]
    assert b"".join(client.artifact("job_1", 4, "m.safetensors")) == b"abc"
    assert b"".join(client.artifact("job_1", 4, "m.safetensors", 3)) == b"def"
    assert script.asked[1][2]["Range"] == "bytes=3-"
    with pytest.raises(ApiError, match="came whole"):
        list(client.artifact("job_1", 4, "m.safetensors", 3))
    with pytest.raises(ApiError, match="keeps no such file"):
        list(client.artifact("job_1", 4, "m.safetensors"))


def test_an_export_is_streamed(script: Script, client: Client) -> None:
    script.answers = [(200, b"number,value\n"), (200, b"PAR1")]
    assert b"".join(client.export("job_1")) == b"number,value\n"
    assert b"".join(client.export("job_1", "reports", "parquet")) == b"PAR1"
    assert [path for _, path, _ in script.asked] == [
        "/v1/jobs/job_1/trials/export?format=csv",
        "/v1/jobs/job_1/reports/export?format=parquet",
    ]


def test_trials_and_curves_are_frames(script: Script, client: Client) -> None:
    point = {"family": "sparse_wide", "gain": {"mean": 1.0}}
    script.answers = [
        (200, {"items": [{"number": 0}, {"number": 1}], "next_page_token": None}),
        (200, {"dense": {"family": "dense", "gain": None}, "points": [point]}),
    ]
    assert list(client.trials_frame("job_1")["number"]) == [0, 1]
    assert list(client.curve_frame("job_1")["family"]) == ["dense", "sparse_wide"]


def test_every_question_is_asked_at_its_address(script: Script, client: Client) -> None:
    script.answers = [(200, {"n": i}) for i in range(6)]
    found = [
        client.compare("job_1", ["a", "b"], reference="c"),
        client.equivalence("job_1"),
        client.pareto("job_1", "parameters"),
        client.smooth("job_1"),
        client.importance("job_1"),
        client.ledger("job_1"),
    ]
    assert [f["n"] for f in found] == list(range(6))
    assert [path for _, path, _ in script.asked] == [
        "/v1/jobs/job_1/compare?key=a&key=b&reference=c",
        "/v1/jobs/job_1/equivalence",
        "/v1/jobs/job_1/pareto?cost=parameters",
        "/v1/jobs/job_1/smooth",
        "/v1/jobs/job_1/importance",
        "/v1/jobs/job_1/ledger",
    ]

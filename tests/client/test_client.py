"""The client against a scripted HTTP server on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sparseift.client import ApiError, Client, Unreachable


class Script:
    """Answers in order; what was asked is kept."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def serve(self) -> ThreadingHTTPServer:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                script.asked.append((self.command, self.path, dict(self.headers)))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, value = script.answers.pop(0)
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815  # the names that http.server calls

            def log_message(self, *_: Any) -> None:
                return

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    server = script.serve()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with Client(f"http://127.0.0.1:{server.server_port}/") as opened:
        yield opened
    server.shutdown()
    thread.join()
    server.server_close()


def test_pages_are_followed_to_the_end(script: Script, client: Client) -> None:
    script.answers = [
        (200, {"items": [{"number": 0}, {"number": 1}], "next_page_token": "abc"}),
        (200, {"items": [{"number": 2}], "next_page_token": None}),
    ]
    assert [t["number"] for t in client.trials("job_1", state="complete")] == [0, 1, 2]
    assert "state=complete" in script.asked[1][1]
    assert "page_token=abc" in script.asked[1][1]


def test_events_continue_after_the_last_one(script: Script, client: Client) -> None:
    full = [{"id": i} for i in range(1, 101)]
    script.answers = [(200, {"items": full, "last_id": 100}), (200, {"items": [{"id": 101}], "last_id": 101})]
    assert len(list(client.events("job_1"))) == 101
    assert "after=100" in script.asked[1][1]


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

"""What the client says again, how long it waits before, and what it tells when it gives up."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from service.settings import Settings
from sparseift.client import ApiError, Client, Unreachable, is_away
from sparseift.client.connection import PLAN_TIMEOUT_S
from sparseift.client.errors import checked
from tests.client.script import Script

LIMITED = {"code": "rate-limited", "detail": "Too many requests. Ask again in 1 s."}
SPEC = {"model": "mlp", "dataset": "digits"}


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with script.served() as url, Client(url) as opened:
        yield opened


ASKS: list[Callable[[Client], Any]] = [
    lambda c: c.job("job_1"),
    lambda c: c.cancel("job_1"),  # refused before it was looked at, so it may be said again
    lambda c: list(c.export("job_1")),
    lambda c: list(c.follow("job_1")),
]


@pytest.mark.parametrize("ask", ASKS)
def test_who_came_too_often_waits_as_told(script: Script, client: Client, ask: Callable[[Client], Any]) -> None:
    script.answers = [(429, LIMITED, {"Retry-After": "1"}), (200, {"id": "job_1"}), (204, b"")]
    begun = time.monotonic()
    ask(client)
    assert time.monotonic() - begun >= 1.0
    assert len(script.asked) >= 2


def test_a_used_up_quota_is_not_waited_for(script: Script, client: Client) -> None:
    script.answers = [(429, {"code": "quota-exceeded", "detail": "Two jobs are active."})]
    with pytest.raises(ApiError, match="Two jobs") as caught:
        client.submit(SPEC)
    assert not is_away(caught.value)
    assert caught.value.idempotency_key == ""


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5", 5.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-3", 0.0),
        (format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True), pytest.approx(86_400.0, abs=3_600.0)),
        (format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
    ],
    ids=["seconds", "nothing", "a word", "below zero", "tomorrow", "long ago"],  # processes of a suite must agree
)
def test_the_wanted_wait_is_a_number_or_a_date(said: str, seconds: float) -> None:
    answer = httpx.Response(503, json={"detail": "x"}, headers={"Retry-After": said})
    with pytest.raises(ApiError) as caught:
        checked(answer)
    assert caught.value.retry_after_s == seconds


def test_a_plan_may_take_longer_than_other_answers() -> None:
    waits: dict[str, float] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        waits[f"{request.method} {request.url.raw_path.decode()}"] = request.extensions["timeout"]["read"]
        return httpx.Response(200, json={"id": "job_1"})

    with Client(transport=httpx.MockTransport(answer), timeout_s=7.0) as client:
        client.submit(SPEC)
        client.dry_run(SPEC)
        client.clone("job_1")
        client.dry_run_clone("job_1", {"seed": 1})
        client.job("job_1")
    assert waits.pop("GET /v1/jobs/job_1") == 7.0
    assert set(waits.values()) == {PLAN_TIMEOUT_S}
    assert len(waits) == 4


def test_no_service_plans_longer_than_the_client_waits() -> None:
    assert 2 * Settings(database_url="sqlite:///x").plan_timeout_s < PLAN_TIMEOUT_S, "another's plan, then one's own"


@pytest.mark.parametrize("ask", [lambda c: c.submit(SPEC), lambda c: c.clone("job_1")])
def test_a_submission_whose_answer_was_lost_says_its_key(
    script: Script, client: Client, ask: Callable[[Client], Any]
) -> None:
    script.answers = [(502, b"<html>")] * 4
    with pytest.raises(ApiError, match="may have been made all the same") as caught:
        ask(client)
    keys = {headers["Idempotency-Key"] for _, _, headers in script.asked}
    assert keys == {caught.value.idempotency_key}
    assert caught.value.idempotency_key in str(caught.value)


def test_what_was_never_sent_says_none(script: Script, client: Client) -> None:
    with pytest.raises(Unreachable) as caught:
        Client("http://127.0.0.1:9").submit(SPEC)
    assert caught.value.idempotency_key == ""
    script.answers = [(503, {"code": "planner-unavailable", "detail": "It took too long."})] * 4
    with pytest.raises(ApiError, match=r"^It took too long\.$"):
        client.submit(SPEC)


def test_a_lost_answer_is_remembered_over_a_service_that_is_gone() -> None:
    answers = iter([httpx.ReadTimeout("slow"), *[httpx.ConnectError("gone")] * 3])

    def answer(request: httpx.Request) -> httpx.Response:
        raise next(answers)

    with Client(transport=httpx.MockTransport(answer)) as client, pytest.raises(Unreachable) as caught:
        client.submit(SPEC)
    assert caught.value.idempotency_key


def test_a_name_with_other_line_ends_is_followed(script: Script, client: Client) -> None:
    name = "a\u2028b\u0085c"
    told = f'id: 1\nevent: job.queued\ndata: {{"id": 1, "name": "{name}"}}\n\nevent: end\ndata: {{}}\n\n'
    script.answers = [(200, told.encode())]
    assert [event["name"] for event in client.follow("job_1")] == [name]


def test_a_labelling_can_be_bound_to_what_was_read(script: Script, client: Client) -> None:
    script.answers = [(200, {"id": "job_1"}, {"ETag": '"7"'}), (503, {"detail": "busy"})]
    job, etag = client.job_and_etag("job_1")
    with pytest.raises(ApiError, match="busy"):
        client.label(job["id"], {"name": "n"}, if_match=etag)
    assert script.asked[1][2]["If-Match"] == '"7"'
    assert len(script.asked) == 2, "said again, it might be refused for its own success"

"""Following a job, on a terminal and elsewhere, against a service that plays a short script."""

from collections.abc import Iterator
from io import StringIO
from typing import Any, cast

import pytest

from sparseift.cli.follow import Follower
from sparseift.cli.options import console
from sparseift.client import ApiError, Client, Unreachable

TRIALS = [
    {"number": 0, "family": "dense", "kind": "baseline", "sparsity": 0.0, "value": 70.0, "message": ""},
    {"number": 1, "family": "sparse_wide", "kind": "search", "sparsity": 0.75, "value": None, "message": "It is nan."},
]


def job(state: str, ended: int, **more: Any) -> dict[str, Any]:
    return {
        "state": state,
        "trials": {"complete": ended, "running": 2 - ended, "infeasible": 3},
        "planned_trials": {"total": 2},
        "plan": {"total_steps": 100},
        "metric": {"unit": "%"},
        "eta_seconds": 75.0,
        "best": {"family": "sparse_wide", "sparsity": 0.75, "value": 71.0, "gain": 1.0},
        "running": [{"number": 1, "step": 40, "total_steps": 100, "value": 12.345}],
        **more,
    }


class Service:
    """What `Client` answers, look by look."""

    def __init__(
        self,
        *looks: tuple[dict[str, Any] | None, list[dict[str, Any]]],
        away: ApiError = Unreachable("No service answers."),
        others: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.away, self.others, self.queue_looks = away, others, 0
        self.looks = list(looks)
        self.now: tuple[dict[str, Any] | None, list[dict[str, Any]]] = looks[0]

    def events(self, _job: str, after: int) -> Iterator[dict[str, Any]]:
        self.now = self.looks.pop(0) if self.looks else self.now
        if self.now[0] is None:
            raise self.away
        return iter([e for e in self.now[1] if e["id"] > after])

    def job(self, _job: str) -> dict[str, Any] | None:
        return self.now[0]

    def jobs(self, states: tuple[str, ...]) -> list[dict[str, Any]]:
        self.queue_looks += 1
        return [other for other in self.others if other["state"] in states]

    def trial(self, _job: str, number: int) -> dict[str, Any]:
        return {**TRIALS[number], "attempts": [{"slot": "desk/cpu:1"}]}

    def best(self, _job: str) -> dict[str, Any]:
        point = {"sparsity": 0.75, "mean": 71.0, "low": None, "high": None, "gain": None, "seeds": [1]}
        answers = [{"family": "sparse_wide", "point": point}]
        return {"metric": {"unit": "%"}, "dense": {**point, "mean": 70.0}, "best": answers}

    def trials(self, _job: str, **_wanted: str) -> list[dict[str, Any]]:
        return TRIALS[1:] if self.now[0] and self.now[0]["running"] else []


EVENTS = [
    {"id": 1, "kind": "job.running", "payload": {"state": "running"}},
    {"id": 2, "kind": "trial.complete", "payload": {"trial": 0}},
    {"id": 3, "kind": "trial.failed", "payload": {"trial": 1}},
    {"id": 4, "kind": "job.succeeded", "payload": {"message": "1 trial was completed."}},
]
LOOKS = (
    (job("running", 0), EVENTS[:1]),
    (job("running", 1), EVENTS[:2]),
    (None, []),
    (job("succeeded", 2, running=[], eta_seconds=None), EVENTS),
)


@pytest.mark.parametrize("terminal", [False, True])
def test_a_job_is_told_to_its_end(terminal: bool) -> None:
    screen = StringIO()
    shown = console(file=screen, width=120, force_terminal=terminal, color_system=None)
    ended = Follower(
        cast(Client, Service(*LOOKS)), "job_1", shown, poll_s=0.3
    ).run()  # bars are drawn ten times a second
    told = screen.getvalue()
    assert ended["state"] == "succeeded"
    for line in (
        "[1/2] #0 Dense (baseline): complete, 70.00 %",
        "#1 Wide 75 % (search): failed. It is nan.",
        "No service answers. Trying again for 60 s",
        "job succeeded. 1 trial was completed.",
    ):
        assert told.count(line) == 1
    for bar in (
        "step 40, 12.35", "about 1 min 15 s left",
        "#1 Wide 75 % (search) desk/cpu:1", "● Wide    75 %       71.00",
    ):  # fmt: skip
        assert (bar in told) == terminal
    assert "[#" not in told


AWAY = [Unreachable("No service answers."), *(ApiError("It is down.", status) for status in (502, 503, 504))]


@pytest.mark.parametrize("away", AWAY, ids=lambda error: str(error.status))
def test_a_service_that_stays_away_ends_it(away: ApiError) -> None:
    service = cast(Client, Service((None, []), away=away))
    with pytest.raises(ApiError, match=str(away)):
        Follower(service, "job_1", console(file=StringIO()), poll_s=0.0, patience_s=0.05).run()


@pytest.mark.parametrize("away", AWAY, ids=lambda error: str(error.status))
def test_a_service_that_comes_back_is_waited_for(away: ApiError) -> None:
    service = cast(Client, Service((None, []), (None, []), LOOKS[-1], away=away))
    assert Follower(service, "job_1", console(file=StringIO()), poll_s=0.0).run()["state"] == "succeeded"


def test_a_refusal_is_not_waited_out() -> None:
    service = Service((None, []), LOOKS[-1], away=ApiError("There is no job job_1.", 404))
    with pytest.raises(ApiError, match="There is no job"):
        Follower(cast(Client, service), "job_1", console(file=StringIO()), poll_s=0.0).run()


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ((), "queued: no worker has taken it yet."),
        (({"id": "job_2", "state": "queued"},), "queued: no worker has taken it yet."),
        (({"id": "job_0", "state": "running"},), "queued: 1 job before it."),
        (({"id": "job_00", "state": "queued"}, {"id": "job_0", "state": "stopping"}), "queued: 2 jobs before it."),
        (({"id": "job_2", "state": "queued", "priority": 1},), "queued: 1 job before it."),
        (({"id": "job_1", "state": "queued", "priority": 5}, {"id": "job_0", "state": "running"}), "queued: no worker"),
    ],
)
def test_a_queued_job_is_told_what_it_waits_for_once(others: tuple[dict[str, Any], ...], sentence: str) -> None:
    screen = StringIO()
    looks = [(job("queued", 0, running=[]), EVENTS[:0])] * 3
    service = cast(Client, Service(*looks, LOOKS[-1], others=others))
    Follower(service, "job_1", console(file=screen, width=120), poll_s=0.0, silence_s=0.0).run()
    assert screen.getvalue().count("queued:") == screen.getvalue().count(sentence) == 1


def test_the_queue_is_looked_at_now_and_then() -> None:
    looks = [(job("queued", 0, running=[]), EVENTS[:0])] * 9
    service = Service(*looks, LOOKS[-1])
    screen, pace = console(file=StringIO()), {"poll_s": 0.05, "silence_s": 0.0, "queue_poll_s": 0.2}
    Follower(cast(Client, service), "job_1", screen, **pace).run()  # type: ignore[arg-type]  # floats, all of them
    assert 2 <= service.queue_looks <= 4


def test_a_job_that_is_taken_at_once_is_not_told_so() -> None:
    screen = StringIO()
    service = cast(Client, Service((job("queued", 0, running=[]), []), LOOKS[-1]))
    Follower(service, "job_1", console(file=screen), poll_s=0.0).run()
    assert "queued" not in screen.getvalue()


def test_what_goes_on_elsewhere_is_told_by_how_it_ended() -> None:
    screen = StringIO()
    again = [
        {"id": 1, "kind": "attempt.handed_back", "payload": {"trial": 0, "message": "The worker was stopped."}},
        {"id": 2, "kind": "attempt.lost", "payload": {"trial": 1, "message": "Its process died."}},
        {"id": 3, "kind": "slot.quarantined", "payload": {"slot": "desk/cpu:0", "message": "Its process died."}},
    ]
    service = cast(Client, Service((job("running", 0), again), LOOKS[-1]))
    Follower(service, "job_1", console(file=screen, width=120), poll_s=0.0).run()
    for line in (
        "#0 Dense (baseline): handed back. The worker was stopped.",
        "#1 Wide 75 % (search): lost. Its process died.",
        "slot desk/cpu:0 is quarantined. Its process died.",
    ):
        assert screen.getvalue().count(line) == 1

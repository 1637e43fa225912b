"""Workers and slots, shown as the service's own examples of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from service.workers.schemas import SlotView, WorkerView
from tests.client.script import Script

Say = Callable[..., str]
NOW = datetime.now(UTC)
USE = {"job": "job_1", "trial": 4, "attempt": 2, "since": NOW}
BAD = {"reason": "losses", "message": "It [died].", "losses": 3, "since": NOW, "until": NOW + timedelta(minutes=1)}


def page(kind: type[WorkerView] | type[SlotView], *items: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"items": [kind.model_validate(i).model_dump(mode="json") for i in items], "next_page_token": None}


def worker(**changes: Any) -> dict[str, Any]:
    return {
        "name": "desk-1", "host": "desk", "engine": "local", "alive": True, "state": "alive", "job": "job_1",
        "slots": [{"slot": "desk/cpu:0", "running": USE}, {"slot": "desk/cpu:1", "running": None}], "versions": {},
        "lease_ttl_s": 60.0, "started_at": NOW, "last_seen_at": NOW - timedelta(seconds=5),
        "stopped_at": None, **changes,
    }  # fmt: skip


def test_workers_say_whether_they_live(script: Script, say: Say) -> None:
    script.answers = [
        page(WorkerView, worker(), worker(name="old", alive=False, state="lost", job=None)),
        page(WorkerView),
    ]
    told = say("workers")
    assert "desk-1 alive local 1 of 2" in told
    assert "old lost local –" in told
    assert "start one with `sparseift worker`" in say("workers")


def test_slots_say_what_runs_there_or_why_nothing_does(script: Script, say: Say) -> None:
    slot = {"slot": "desk/cpu:0", "worker": "desk-1", "state": "free", "running": None, "quarantine": None}
    others = {"job": None, "trial": None, "attempt": None, "since": NOW}
    script.answers = [
        page(
            SlotView,
            slot,
            {**slot, "state": "busy", "running": USE},
            {**slot, "state": "busy", "running": others},
            {**slot, "state": "quarantined", "worker": None, "quarantine": BAD},
        )
    ]
    told = say("slots")
    for words in ("job_1 #4, attempt 2", "another project's trial", "3 losses in a row, until", "It [died]."):
        assert words in told


def test_a_slot_is_let_out(script: Script, say: Say) -> None:
    script.answers = [(200, {"slot": "desk/cuda:1", "state": "free"})]
    assert say("release", "desk/cuda:1") == "desk/cuda:1 is free."
    assert script.asked[0][:2] == ("POST", "/v1/slots/desk/cuda:1:release")

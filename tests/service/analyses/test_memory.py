import threading
import time

import pytest

from service.analyses.memory import KEPT, AnswerMemory, written


def test_an_answer_is_computed_once_per_event() -> None:
    memory, asked = AnswerMemory(), []

    def compute() -> bytes:
        asked.append(1)
        return b"%d" % len(asked)

    first = memory.get(("job", "smooth"), 3, compute)
    assert memory.get(("job", "smooth"), 3, compute) is first
    assert memory.get(("job", "smooth"), 2, compute) is first, "a later answer than was seen is as good"
    assert memory.get(("job", "pareto"), 3, compute).text == b"2"
    assert memory.get(("job", "smooth"), 4, compute).digest != first.digest


def test_an_answer_holds_no_longer_than_what_it_rests_on() -> None:
    memory, made = AnswerMemory(), iter((b"old", b"new", b"newest"))
    ask = lambda last, basis: memory.get(("job", "compare"), last, lambda: next(made), basis).text  # noqa: E731
    assert [ask(7, "a"), ask(7, "a"), ask(7, "b"), ask(6, "a"), ask(8, "b")] == [
        *(b"old", b"old", b"new", b"new", b"newest"),  # who asks of an earlier event may have the later answer
    ]


def test_many_who_ask_wait_for_one_computation() -> None:
    memory, asked = AnswerMemory(), []

    def compute() -> bytes:
        asked.append(1)
        time.sleep(0.05)
        return b""

    threads = [threading.Thread(target=memory.get, args=(("job", "smooth"), 1, compute)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1


def test_only_so_many_are_kept() -> None:
    memory, asked = AnswerMemory(), []
    for i in range(KEPT + 1):
        memory.get((str(i),), 1, bytes)
    memory.get(("0",), 1, lambda: asked.append(1) or b"")  # type: ignore[func-returns-value]
    assert asked == [1]


def test_what_json_cannot_say_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        written({"value": float("nan")})

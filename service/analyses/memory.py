"""Answers that were computed already, as they are sent: a kept one holds until the job's next event, and no longer than
what it was computed from."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

KEPT = 128  # answers of JSON, a few to a few hundred kB each
TURNS = 8  # answers that are computed at once, at most


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's bytes and the digest that names its content."""

    text: bytes
    digest: str


def named(text: bytes) -> Answer:
    """The answer of these bytes."""
    return Answer(text, hashlib.sha256(text).hexdigest()[:32])


def written(value: dict[str, Any]) -> bytes:
    """The answer's JSON.

    Raises:
        ValueError: a number is not finite, which no JSON can say.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class AnswerMemory:
    """Answers by job and question.

    Args:
        kept: how many, those that were asked for last.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[tuple[str, ...], tuple[int, str, Answer]] = OrderedDict()
        self._books = Lock()
        self._turns = tuple(Lock() for _ in range(TURNS))

    def get(self, question: tuple[str, ...], last_event: int, compute: Callable[[], bytes], basis: str = "") -> Answer:
        """The answer to a question, the job's id first, as of the job's last event or a later one.

        Args:
            basis: names what the answer rests on beside that event: of another basis, none is kept.
        """
        found = self._recall(question, last_event, basis)
        if found is not None:
            return found
        with self._turns[hash(question) % TURNS]:  # many ask the same: one of them computes, the others wait for it
            found = self._recall(question, last_event, basis)
            if found is not None:
                return found
            made = named(compute())
            with self._books:
                self._kept[question] = (last_event, basis, made)
                self._kept.move_to_end(question)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return made

    def _recall(self, question: tuple[str, ...], last_event: int, basis: str) -> Answer | None:
        with self._books:
            found = self._kept.get(question)
            if found is None or found[0] < last_event or (found[0] == last_event and found[1] != basis):
                return None
            self._kept.move_to_end(question)
            return found[2]

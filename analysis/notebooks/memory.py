"""What the viewers of this process share, so that ten of them cost little more than one: parsed answers, drawn parts.

Nothing here decides who may see what. An answer is taken from here only after the service has said with the viewer's
own token that it still holds (304, or "nothing since"): whom it refuses gets nothing. Parts are found by the very
objects that they were drawn from, which only such a viewer has.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

KEPT_ANSWERS, KEPT_PARTS = 256, 256
KEPT_ROWS = 200_000  # of all answers together, a table's trials of a kilobyte or two each
TURNS = 32
PATIENCE_S = 5.0  # before somebody asks beside another who has asked the same and still waits

Plain = str | int | float | None


class Memory:
    """Values by key, those that were used last.

    Args:
        most: how many are kept.
        rows: how many rows their values have together at most; a table's or a curve's. The newest is always kept.
    """

    def __init__(self, most: int, rows: int = KEPT_ROWS) -> None:
        self._most, self._most_rows, self._rows = most, rows, 0
        self._kept: OrderedDict[Hashable, tuple[Any, Any]] = OrderedDict()
        self._books = Lock()
        self._turns = tuple(Lock() for _ in range(TURNS))

    def recall(self, key: Hashable) -> tuple[Any, Any] | None:
        """A kept value with its mark."""
        with self._books:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Hashable, mark: Any, value: Any) -> None:
        """Keep a value in place of the one before it; the mark says what it is of."""
        with self._books:
            before = self._kept.pop(key, None)
            self._rows += _rows(value) - (_rows(before[1]) if before else 0)
            self._kept[key] = (mark, value)
            while len(self._kept) > self._most or (self._rows > self._most_rows and len(self._kept) > 1):
                self._rows -= _rows(self._kept.popitem(last=False)[1][1])

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[None]:
        """Many who want the same at once: the first makes it, the others wait and find it."""
        lock = self._turns[hash(key) % TURNS]
        has = lock.acquire(timeout=PATIENCE_S)
        try:
            yield
        finally:
            if has:
                lock.release()


def _rows(value: Any) -> int:
    return len(value if isinstance(value, list | dict) else getattr(value, "points", (None,)))


ANSWERS = Memory(KEPT_ANSWERS)
_parts = Memory(KEPT_PARTS)


def part(name: str, of: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """A part of a page, made once of the same things.

    Args:
        name: of the part.
        of: all that it depends on: words and numbers by their value, everything else by being the same object.
    """
    key = (name, *(x if isinstance(x, Plain) else id(x) for x in of))
    with _parts.turn(key):
        found = _parts.recall(key)
        if found is not None and all(a is b or isinstance(b, Plain) for a, b in zip(found[0], of, strict=True)):
            return found[1]
        made = make()
        _parts.keep(key, of, made)
        return made

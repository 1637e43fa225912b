"""Keyset pages: an opaque token holds the last key seen, so that pages neither skip nor repeat under inserts."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Query

from service.problems import invalid
from sparseift.records import digest

Row = TypeVar("Row")

LONGEST = 500  # rows of a page
LONGEST_TOKEN = 2048  # characters: names of workers and slots have up to 200, of up to 4 bytes each

Limit = Annotated[int, Query(ge=1, le=LONGEST, description="Rows of a page.")]
PageToken = Annotated[
    str | None,
    Query(max_length=LONGEST_TOKEN, description="`next_page_token` of the page before; none for the first page."),
]


def token(kind: str, key: str | int) -> str:
    """The token that continues after `key` in a list of `kind`."""
    return base64.urlsafe_b64encode(f"{kind} {key}".encode()).decode().rstrip("=")


def key(kind: str, given: str | None, pattern: str) -> str | None:
    """The key in a token; None for no token.

    Raises:
        Refused: a token that this list never gave.
    """
    if given is None:
        return None
    try:
        text = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    found = re.fullmatch(rf"{kind} ({pattern})", text, re.ASCII)
    if found is None:
        raise invalid("page_token", "this list never gave this token; start again without one.")
    return found[1]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that can be sorted and filtered: its tokens continue it as it was asked for, and no other.

    Attributes:
        kind: the noun.
        asked: sort and filters, as plain JSON.
    """

    kind: str
    asked: Mapping[str, Any]

    def token(self, place: Sequence[int | float | str]) -> str:
        """The token that continues after the row whose keys have these values."""
        text = json.dumps([self.kind, self._mark(), *place], separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def place(self, given: str | None, shape: Sequence[type | str]) -> tuple[Any, ...] | None:
        """The values in a token; None for no token.

        Args:
            shape: of each value: `int` (of 32 bits, as the columns are), `float`, or the pattern of a text.

        Raises:
            Refused: a token that this list never gave.
        """
        if given is None:
            return None
        try:
            text = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
            found = json.loads(text)
        except (binascii.Error, ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or found[:1] != [self.kind]:
            raise invalid("page_token", "this list never gave this token; start again without one.")
        if found[1:2] != [self._mark()]:
            raise invalid(
                "page_token",
                "this token continues the list with another sort or other filters; ask with those, or start again "
                "without one.",
            )
        values = tuple(map(_read, found[2:], shape))
        if len(found) != 2 + len(shape) or None in values:
            raise invalid("page_token", "this list never gave this token; start again without one.")
        return values

    def _mark(self) -> str:
        return digest(dict(self.asked), 12)


def _read(value: object, kind: type | str) -> Any:
    """The value as the database compares it; None: no row has such a key."""
    if isinstance(kind, str):
        return value if isinstance(value, str) and re.fullmatch(kind, value, re.ASCII) and _is_unicode(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind is int:
        return value if isinstance(value, int) and abs(value) < 2**31 else None
    # a whole number in a token is one too, but to a database driver an integer may be too large
    return float(value) if abs(value) < 2**1000 else None


def _is_unicode(text: str) -> bool:
    """Whether it can be written: JSON can spell halves of characters."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], Row | None]:
    """Of `limit + 1` rows asked for: the page, and its last row where another page follows."""
    page = rows[:limit]
    return page, page[-1] if len(rows) > limit else None

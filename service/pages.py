"""Keyset pages: an opaque token holds the last key seen, so that pages neither skip nor repeat under inserts."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from service.problems import invalid

Row = TypeVar("Row")

LONGEST = 500  # rows of a page

Limit = Annotated[int, Query(ge=1, le=LONGEST, description="Rows of a page.")]
PageToken = Annotated[
    str | None,
    Query(max_length=256, description="`next_page_token` of the page before; none for the first page."),
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


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], Row | None]:
    """Of `limit + 1` rows asked for: the page, and its last row where another page follows."""
    page = rows[:limit]
    return page, page[-1] if len(rows) > limit else None

"""`If-Match`: two people who change the same thing notice each other (RFC 9110 section 13.1.1)."""

from typing import Annotated, Any

from fastapi import Header

from service.problems import Refused

IfMatch = Annotated[
    str | None, Header(max_length=1024, description="An ETag of before: nothing is changed where it holds no more.")
]
ETAG: Any = {"ETag": {"description": "Names what users may change of it.", "schema": {"type": "string"}}}


def require(if_match: str | None, etag: str, noun: str, **members: Any) -> None:
    """Hold what a client has read against what is there, in the transaction of the change.

    Args:
        if_match: the header; None: the client does not ask for it.
        noun: of the sentence. members: of the problem.

    Raises:
        Refused: 412, it is another one now.
    """
    if if_match is not None and not matches(if_match, etag):
        raise Refused("stale-etag", f"Somebody has changed the {noun} since: read it again, then decide.", **members)


def matches(if_match: str, etag: str) -> bool:
    """Whether one of the client's ETags is this one, by the strong comparison."""
    return if_match.strip() == "*" or etag in [part.strip() for part in if_match.split(",")]

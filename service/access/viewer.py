"""Who asks: every endpoint that lists or names jobs other than by its path answers for a viewer."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from store.tokens import SCOPES


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, and what it may do.

    Attributes:
        token_id: the token's public id; None where the service asks for none (loopback).
        name: for people.
        scopes: what it may do.
        project: the one project whose jobs it sees; None: every project's.
    """

    token_id: str | None
    name: str
    scopes: frozenset[str]
    project: str | None


LOCAL = Viewer(None, "local", frozenset(SCOPES), None)
NOBODY = Viewer(None, "nobody", frozenset(), "")  # of addresses that are open; no project has an empty name


def scopes_of(highest: str) -> frozenset[str]:
    """A scope with those that it includes."""
    return frozenset(SCOPES[: SCOPES.index(highest) + 1])


async def viewer(request: Request) -> Viewer:  # async: it costs no thread
    """The request's viewer, whom the gate has put beside it; without a gate there is none, and the request fails."""
    found: Viewer = request.state.viewer
    return found


Seen = Annotated[Viewer, Depends(viewer)]

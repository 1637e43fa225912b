"""Viewers' tokens, in this process's memory alone: a browser holds a random name for one, and no kernel lists them."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

COOKIE = "sparseift_viewer"
KEPT = 4096  # viewers
TTL_S = 12 * 3600.0  # since a viewer was last seen

_tokens: OrderedDict[str, tuple[float, str]] = OrderedDict()  # SHA-256 of a cookie -> (until, token)
_lock = Lock()


def _name(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def put(cookie: str, token: str) -> None:
    """Keeps the token of the viewer whose cookie has this value."""
    with _lock:
        _tokens[_name(cookie)] = (time.monotonic() + TTL_S, token)
        _tokens.move_to_end(_name(cookie))
        while len(_tokens) > KEPT:
            _tokens.popitem(last=False)


def get(cookie: str) -> str:
    """The viewer's token; "" for one who has not signed in, or was away for too long."""
    with _lock:
        until, token = _tokens.get(_name(cookie), (0.0, ""))
        if time.monotonic() >= until:
            _tokens.pop(_name(cookie), None)
            return ""
        _tokens[_name(cookie)] = (time.monotonic() + TTL_S, token)
        return token


def remove(cookie: str) -> None:
    """Forgets the viewer's token."""
    with _lock:
        _tokens.pop(_name(cookie), None)


def token_of(cookies: Mapping[str, str]) -> str:
    """The token of the viewer who sent these cookies; "" where nobody signs in."""
    return get(cookies.get(COOKIE, ""))

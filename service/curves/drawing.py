"""Curves as bytes. Drawing takes a second of one core: one at a time, and what was drawn is kept for a while."""

from collections import OrderedDict
from threading import Lock, Semaphore
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.curve import Curve
    from analysis.palette import Theme

KEPT = 32  # drawings

_kept: OrderedDict[str, bytes] = OrderedDict()
_books = Lock()


def draw(curve: "Curve", form: str, theme: "Theme", etag: str, turns: Semaphore) -> bytes:
    """The curve in a format; `etag` names the content, `turns` bounds how many are drawn at once."""
    kept = _recall(etag)
    if kept is not None:
        return kept
    with turns:
        kept = _recall(etag)  # drawn by another request, while this one waited
        if kept is not None:
            return kept
        from analysis.render import render  # altair and the renderer: 2 s, for which no start should wait

        drawn = render(curve, form, theme)
    with _books:
        _kept[etag] = drawn
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return drawn


def _recall(etag: str) -> bytes | None:
    with _books:
        if etag in _kept:
            _kept.move_to_end(etag)
            return _kept[etag]
    return None

"""Addresses as people type them, and as they were before there were several pages, led to the page they mean."""

from urllib.parse import parse_qs

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from analysis.notebooks.shell import PAGES


class Addresses:
    """Redirects `/best` to `/best/` and `/?job=…`, which commands print, to that job's iso-FLOP page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and (to := meant(scope)) is not None:
            await RedirectResponse(to, status_code=307)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def meant(scope: Scope) -> str | None:
    """Where to go instead; None to stay."""
    path, query = scope["path"], scope["query_string"].decode("latin-1")
    tail = f"?{query}" if query else ""
    if path == "/" and parse_qs(query).get("job"):
        return f"/isoflop/{tail}"
    return f"{path}/{tail}" if f"{path}/" in PAGES and path != "" else None

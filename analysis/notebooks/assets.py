"""marimo's own files from memory, compressed once: a page wants 300 of them, and each went through the whole of marimo.

The pages' HTML asks the browser to load, beside what it needs, typefaces and pictures that ours do not use: it goes on
without these. And it leaves out what marimo loads late, such as the library that draws, only when the first chart has
come: what viewers before asked for is asked for at once.
"""

import gzip
import re
from collections import OrderedDict
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from threading import Lock

import marimo
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER = Path(marimo.__file__).parent / "_static" / "assets"
PREFIX = "/assets/"
LEVEL = 6  # of 9; once per file and process
MOST_LATE = 120  # scripts
SQUEEZED = (".js", ".css", ".json", ".svg", ".wasm", ".map", ".txt")
UNUSED = re.compile(rb"""<link\s[^>]*rel="preload"[^>]*as="(?:font|image)"[^>]*>""")


_late: OrderedDict[str, None] = OrderedDict()  # scripts that pages asked for and their HTML does not name


class Assets:
    """Answers for `/assets/`; what is not there goes on to the application.

    Args:
        app: what is behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        name = scope["path"].rpartition(PREFIX)[2] if PREFIX in scope["path"] else ""
        if name in names():
            if name.endswith(".js") and name not in _named() and len(_late) < MOST_LATE:
                _late[name] = None
            packs = "gzip" in Headers(scope=scope).get("accept-encoding", "") and name.endswith(SQUEEZED)
            await _send(scope, send, packed(name) if packs else (FOLDER / name).read_bytes(), name, packs)
            return
        await self._app(scope, receive, send)


class Lean:
    """Pages without links to files that they do not use; other answers as they are.

    Args:
        app: what is behind, uncompressed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        await self._app(scope, receive, _lean(send) if scope["type"] == "http" else send)


@cache
def _named() -> frozenset[str]:
    """The files that the pages' HTML names."""
    index = FOLDER.parent / "index.html"
    return frozenset(re.findall(r"assets/([\w.-]+)", index.read_text())) if index.is_file() else frozenset()


@cache
def names() -> frozenset[str]:
    """The files there are; nothing else is ever looked for."""
    return frozenset(path.name for path in FOLDER.iterdir() if path.is_file()) if FOLDER.is_dir() else frozenset()


_packed: dict[str, bytes] = {}
_turn = Lock()


def packed(name: str) -> bytes:
    """A file, compressed; kept, since there are 10 MB of them at most."""
    if name not in _packed:
        with _turn:
            if name not in _packed:
                _packed[name] = gzip.compress((FOLDER / name).read_bytes(), LEVEL, mtime=0)
    return _packed[name]


async def _send(scope: Scope, send: Send, body: bytes, name: str, is_packed: bool) -> None:
    kind = guess_type(name)[0] or "application/octet-stream"
    headers = [
        (b"content-type", (f"{kind}; charset=utf-8" if kind.startswith("text/") else kind).encode()),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"Accept-Encoding"),
    ]
    if is_packed:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _lean(send: Send) -> Send:
    start: Message | None = None
    body = b""

    async def lean(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                start = message
                return
        elif message["type"] == "http.response.body" and start is not None:
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            held, start = start, None
            early = "".join(f'<link rel="modulepreload" crossorigin href="{PREFIX}{name}">' for name in _late)
            text = UNUSED.sub(b"", body).replace(b"</head>", early.encode() + b"</head>", 1)
            MutableHeaders(scope=held)["Content-Length"] = str(len(text))
            await send(held)
            await send({"type": "http.response.body", "body": text})
            return
        await send(message)

    return lean

"""marimo's files from memory, and pages without what they do not use."""

import gzip
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from analysis.notebooks import assets
from analysis.notebooks.assets import Assets, Lean

HTML = (
    '<html><head><link rel="preload" href="./assets/Lora.woff2" as="font" type="font/woff2" crossorigin />'
    '<link rel="modulepreload" crossorigin href="./assets/x.js"></head><body>é</body></html>'
)


def client(application: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://here")


async def ask(application: Any, path: str, **headers: str) -> httpx.Response:
    async with client(application) as http:
        return await http.get(path, headers=headers)


BEHIND = Starlette(
    routes=[
        Route("/", lambda _: HTMLResponse(HTML)),
        Route("/words", lambda _: PlainTextResponse(HTML)),
    ]
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_file_is_sent_compressed_where_the_browser_takes_it() -> None:
    name = next(n for n in sorted(assets.names()) if n.endswith(".js"))
    whole = (assets.FOLDER / name).read_bytes()
    for path in (f"/assets/{name}", f"/best/assets/{name}"):
        packed = await ask(Assets(BEHIND), path, **{"Accept-Encoding": "gzip"})
        assert (packed.status_code, packed.content, packed.headers["content-encoding"]) == (200, whole, "gzip")
        assert packed.headers["content-type"].startswith("text/javascript")
    plain = await ask(Assets(BEHIND), f"/assets/{name}", **{"Accept-Encoding": "identity"})
    assert (plain.content, plain.headers.get("content-encoding")) == (whole, None)
    assert gzip.decompress(assets.packed(name)) == whole


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/"])
async def test_nothing_else_is_looked_for(path: str) -> None:
    assert (await ask(Assets(BEHIND), path)).status_code == 404


@pytest.mark.anyio
async def test_pages_do_not_ask_for_typefaces_that_they_do_not_use() -> None:
    page = await ask(Lean(BEHIND), "/")
    assert "preload" in page.text
    assert "Lora" not in page.text
    assert page.text.endswith("é</body></html>")
    assert int(page.headers["content-length"]) == len(page.content)
    assert (await ask(Lean(BEHIND), "/words")).text == HTML


@pytest.mark.anyio
async def test_what_came_late_is_asked_for_at_once_by_the_next_page() -> None:
    index = (assets.FOLDER.parent / "index.html").read_text()
    late = next(n for n in sorted(assets.names()) if n.endswith(".js") and n not in index)
    await ask(Assets(BEHIND), f"/assets/{late}")
    assert f'<link rel="modulepreload" crossorigin href="/assets/{late}">' in (await ask(Lean(BEHIND), "/")).text

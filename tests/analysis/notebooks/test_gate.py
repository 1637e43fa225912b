"""Against the real server: what was demonstrated to be open without the gate is shut with it."""

from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from analysis.notebooks import shell
from analysis.notebooks.access import Access
from analysis.notebooks.gate import COOKIE, Gate
from tests import looping

if TYPE_CHECKING:
    from tests.analysis.notebooks.conftest import Served

FOLDER = Path(shell.__file__).parent
pytestmark = pytest.mark.slow


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


def viewer(notebooks: str) -> str:
    """A Cookie header as a browser gets it from the page."""
    morsel = SimpleCookie(get(notebooks).headers["set-cookie"])[COOKIE]
    return f"{COOKIE}={morsel.value}"


def attach(notebooks: str, session: str, cookie: str = "", origin: str | None = None) -> ClientConnection:
    address = f"{notebooks.replace('http', 'ws')}/ws?session_id={session}"
    headers = {"Cookie": cookie} if cookie else {}
    return connect(address, origin=origin or notebooks, additional_headers=headers, proxy=None)  # type: ignore[arg-type]


def refused(notebooks: str, session: str, cookie: str = "", origin: str | None = None) -> bool:
    with pytest.raises(InvalidStatus) as caught:
        attach(notebooks, session, cookie, origin)
    return caught.value.response.status_code == 403


def test_the_page_sets_a_cookie_that_scripts_cannot_read_and_other_sites_cannot_post_with(notebooks: str) -> None:
    answer = get(notebooks)
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"
    assert not morsel["secure"]  # it came over loopback in the clear
    assert get(notebooks).headers["set-cookie"] != answer.headers["set-cookie"]
    again = get(notebooks, Cookie=f"{COOKIE}={morsel.value}")
    assert "set-cookie" not in again.headers


def test_a_link_from_a_mail_opens_as_the_viewer_who_is_known(notebooks: str) -> None:
    """SameSite=Lax: the browser sends the cookie with a link that is followed, and the page sets no other one, which
    would cut the viewer's open tabs off from their sessions."""
    cookie = viewer(notebooks)
    with attach(notebooks, "s_tab", cookie):
        followed = get(f"{notebooks}/best/?job=job_1", Cookie=cookie, **{"Sec-Fetch-Site": "cross-site"})
        assert followed.status_code == 200
        assert "set-cookie" not in followed.headers
        headers = {"Marimo-Session-Id": "s_tab", "Origin": notebooks, "Cookie": cookie}
        address = f"{notebooks}/api/kernel/set_ui_element_value"
        assert httpx.post(address, json={"objectIds": [], "values": []}, headers=headers, trust_env=False).is_success


def test_the_pages_own_socket_opens(notebooks: str) -> None:
    with attach(notebooks, "s_own", viewer(notebooks)) as socket:
        assert socket.recv(timeout=20)


def test_an_anonymous_socket_is_refused(notebooks: str) -> None:
    assert refused(notebooks, "s_anonymous")
    assert refused(notebooks, "s_anonymous", f"{COOKIE}=made.up")


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null"])
def test_a_foreign_origins_socket_is_refused(notebooks: str, origin: str) -> None:
    assert refused(notebooks, "s_foreign", viewer(notebooks), origin)


def test_another_viewers_session_is_refused(notebooks: str) -> None:
    owner, other = viewer(notebooks), viewer(notebooks)
    with attach(notebooks, "s_mine", owner):
        assert refused(notebooks, "s_mine", other)
        body = {"objectIds": [], "values": []}
        headers = {"Marimo-Session-Id": "s_mine", "Origin": notebooks}
        address = f"{notebooks}/api/kernel/set_ui_element_value"
        stolen = httpx.post(address, json=body, headers={**headers, "Cookie": other}, trust_env=False)
        assert stolen.status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
def test_foreign_hosts_are_refused(notebooks: str, host: str) -> None:
    assert get(notebooks, Host=host).status_code == 403


def test_other_sites_may_not_post(notebooks: str) -> None:
    address, cookie = f"{notebooks}/api/kernel/instantiate", viewer(notebooks)
    for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": "http://localhost:8000"}, {"Origin": "http://["}):
        answer = httpx.post(address, json={}, headers={"Cookie": cookie, **origin}, trust_env=False)
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/api/status", "/api/version", "/@file/1-x.csv", "/sse?session_id=s_1", "/docs"])
def test_all_but_the_page_and_its_static_files_needs_the_cookie(notebooks: str, path: str) -> None:
    assert get(f"{notebooks}{path}").status_code == 403


def test_the_page_may_talk_to_its_own_origin_alone(notebooks: str) -> None:
    policy = get(notebooks).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy


SOURCE = "get_frame, set_frame = mo.state(live.frame)"  # of every page


@pytest.mark.parametrize("path", shell.PAGES)
def test_no_source_is_shown(notebooks: str, path: str) -> None:
    notebook = FOLDER / shell.PAGES[path][0]
    assert SOURCE in notebook.read_text()
    assert SOURCE not in get(f"{notebooks}{path}").text


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/api/files/read_code", {}),
        ("/api/kernel/run", {"cellIds": ["Hbol"], "codes": ["open('/tmp/seen', 'w')"]}),
        ("/api/kernel/scratchpad/run", {"code": "1"}),
        ("/api/files/list_files", {"path": "/"}),
        ("/api/terminal/ws", {}),
    ],
)
def test_not_even_a_sessions_owner_reads_or_runs_code(notebooks: str, address: str, body: dict[str, object]) -> None:
    cookie, session = viewer(notebooks), f"s{address.replace('/', '_')}"
    with attach(notebooks, session, cookie):
        headers = {"Marimo-Session-Id": session, "Origin": notebooks, "Cookie": cookie}
        answer = httpx.post(f"{notebooks}{address}", json=body, headers=headers, trust_env=False)
        assert answer.status_code in (401, 403, 404, 405), answer.text
        assert SOURCE not in answer.text


def test_many_viewers_at_once_all_get_their_page(notebooks: str) -> None:
    """On Python 3.11.0 to 3.11.7, where `compile()` loses a race, compilation takes turns; elsewhere it need not."""

    def look(i: int) -> list[str]:
        seen = []
        with attach(notebooks, f"s_many_{i}", viewer(notebooks)) as socket:
            while not seen or '"completed-run"' not in seen[-1]:
                seen.append(str(socket.recv(timeout=60)))
        return seen

    with ThreadPoolExecutor(6) as pool:
        for seen in pool.map(look, range(12)):
            assert any("ResNet-18 on CIFAR-100" in message for message in seen)
            assert not any("marimo-error" in message or "Traceback" in message for message in seen)


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("page")(scope, receive, send)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_behind_a_proxy_what_came_in_the_clear_is_refused_and_cookies_are_secure(real: "Served", scheme: str) -> None:
    gate = Gate(behind, Access(real.url), ("lab.example",), tls_only=True)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://lab.example") as http:
            return await http.get("/best/")

    answer = looping.run(ask())
    if scheme == "http":
        assert answer.status_code == 403
        assert "in the clear" in answer.text
        assert "set-cookie" not in answer.headers
    else:
        assert answer.text == "page"
        morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
        assert morsel["secure"]
        assert morsel["httponly"]


def test_hashed_assets_are_compressed_and_cached_for_ever(notebooks: str) -> None:
    page = get(notebooks).text
    name = page.split('src="/assets/')[1].split('"')[0]
    asset = get(f"{notebooks}/assets/{name}", **{"Accept-Encoding": "gzip"})
    assert asset.headers["content-encoding"] == "gzip"
    assert "immutable" in asset.headers["cache-control"]
    missing = get(f"{notebooks}/assets/none-00000000.js")
    assert "immutable" not in missing.headers.get("cache-control", "")

"""Against the real server: what was demonstrated to be open without the gate is shut with it."""

from http.cookies import SimpleCookie

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from analysis.notebooks.gate import COOKIE

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


def test_the_page_sets_a_cookie_that_scripts_cannot_read_and_other_sites_cannot_send(notebooks: str) -> None:
    answer = get(notebooks)
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Strict"
    assert get(notebooks).headers["set-cookie"] != answer.headers["set-cookie"]
    again = get(notebooks, Cookie=f"{COOKIE}={morsel.value}")
    assert "set-cookie" not in again.headers


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


def test_no_source_is_shown(notebooks: str) -> None:
    assert "api.jobs()" not in get(notebooks).text


def test_hashed_assets_are_compressed_and_cached_for_ever(notebooks: str) -> None:
    page = get(notebooks).text
    name = page.split('src="/assets/')[1].split('"')[0]
    asset = get(f"{notebooks}/assets/{name}", **{"Accept-Encoding": "gzip"})
    assert asset.headers["content-encoding"] == "gzip"
    assert "immutable" in asset.headers["cache-control"]
    missing = get(f"{notebooks}/assets/none-00000000.js")
    assert "immutable" not in missing.headers.get("cache-control", "")

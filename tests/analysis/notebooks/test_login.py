"""Where the service wants tokens: strangers get the login alone, on HTTP and WebSockets; tokens stay on the server."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from analysis.notebooks.login import allowed
from analysis.notebooks.vault import COOKIE
from tests.analysis.notebooks.conftest import in_browser, notebook_server, stocked_service
from tests.analysis.notebooks.watching import PHONE, Watched

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.analysis.notebooks.conftest import Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def guarded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Served]":
    """A service that wants tokens."""
    folder = tmp_path_factory.mktemp("guarded")
    with stocked_service(sqlite_template, folder, require_tokens=True) as served, served.up():
        yield served


@pytest.fixture(scope="module")
def shut(guarded: "Served", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The notebooks before it."""
    with notebook_server(guarded.url, tmp_path_factory.mktemp("home")) as url:
        yield url


def cookie_of(answer: httpx.Response) -> str:
    return f"{COOKIE}={SimpleCookie(answer.headers['set-cookie'])[COOKIE].value}"


def sign_in(shut: str, token: str, target: str = "/", cookie: str = "", origin: str | None = None) -> httpx.Response:
    headers = {"Origin": origin or shut} | ({"Cookie": cookie} if cookie else {})
    return httpx.post(f"{shut}/login", data={"token": token, "next": target}, headers=headers, trust_env=False)


def is_refused(shut: str, session: str, cookie: str = "", path: str = "/isoflop/ws", origin: str = "") -> bool:
    address = f"{shut.replace('http', 'ws')}{path}?session_id={session}"
    headers = {"Cookie": cookie} if cookie else {}
    try:
        with connect(address, origin=origin or shut, additional_headers=headers, proxy=None):  # type: ignore[arg-type]
            return False
    except InvalidStatus as error:
        return error.response.status_code == 403


def test_pages_lead_to_the_login_and_back(shut: str, guarded: "Served") -> None:
    answer = httpx.get(f"{shut}/best/?job=job_1&theme=dark", trust_env=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fbest%2F%3Fjob%3Djob_1%26theme%3Ddark"
    form = httpx.get(f"{shut}{answer.headers['location']}", trust_env=False)
    assert 'value="/best/?job=job_1&amp;theme=dark"' in form.text
    assert "frame-ancestors 'none'" in form.headers["content-security-policy"]
    signed = sign_in(shut, guarded.token, "/best/?job=job_1&theme=dark")
    assert (signed.status_code, signed.headers["location"]) == (303, "/best/?job=job_1&theme=dark")
    morsel = SimpleCookie(signed.headers["set-cookie"])[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"
    assert len(morsel.value.split(".")[0]) >= 43  # 256 bits
    assert guarded.token not in str(signed.headers)
    page = httpx.get(f"{shut}/best/", headers={"Cookie": cookie_of(signed)}, trust_env=False)
    assert page.status_code == 200
    assert guarded.token not in page.text


def test_a_wrong_token_opens_nothing(shut: str) -> None:
    answer = sign_in(shut, "sift_wrong_token")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    assert sign_in(shut, "").status_code == 401
    assert sign_in(shut, "é").status_code == 401
    assert sign_in(shut, "x" * 10_000).status_code == 413


def test_strangers_get_no_kernel(shut: str) -> None:
    assert is_refused(shut, "s_1")
    assert is_refused(shut, "s_1", f"{COOKIE}=made.up")
    for path in ("/api/status", "/best/api/status", "/@file/1-x.csv", "/isoflop/@file/1-x.csv", "/search/sse"):
        assert httpx.get(f"{shut}{path}", trust_env=False).status_code == 403
    assert httpx.post(f"{shut}/api/kernel/instantiate", headers={"Origin": shut}, trust_env=False).status_code == 403


def test_a_cookie_from_before_the_login_opens_nothing(shut: str, guarded: "Served") -> None:
    first = cookie_of(sign_in(shut, guarded.token))
    second = cookie_of(sign_in(shut, guarded.token, cookie=first))
    assert first != second
    assert is_refused(shut, "s_2", first)
    assert not is_refused(shut, "s_2", second)


def test_a_session_belongs_to_who_began_it(shut: str, guarded: "Served") -> None:
    mine, other = cookie_of(sign_in(shut, guarded.token)), cookie_of(sign_in(shut, guarded.token))
    address = f"{shut.replace('http', 'ws')}/search/ws?session_id=s_3"
    with connect(address, origin=shut, additional_headers={"Cookie": mine}, proxy=None) as socket:  # type: ignore[arg-type]
        assert socket.recv(timeout=20)
        assert is_refused(shut, "s_3", other, "/search/ws")
        headers = {"Marimo-Session-Id": "s_3", "Origin": shut, "Cookie": other}
        where = f"{shut}/search/api/kernel/set_ui_element_value"
        stolen = httpx.post(where, json={"objectIds": [], "values": []}, headers=headers, trust_env=False)
        assert stolen.status_code == 403


def test_foreign_pages_may_neither_sign_in_nor_out_nor_listen(shut: str, guarded: "Served") -> None:
    cookie = cookie_of(sign_in(shut, guarded.token))
    assert sign_in(shut, guarded.token, origin="http://evil.example").status_code == 403
    assert is_refused(shut, "s_4", cookie, origin="http://evil.example")
    headers = {"Cookie": cookie, "Origin": "http://evil.example"}
    assert httpx.post(f"{shut}/logout", headers=headers, trust_env=False).status_code == 403
    assert not is_refused(shut, "s_5", cookie)  # still signed in


def test_signing_out_ends_it(shut: str, guarded: "Served") -> None:
    cookie = cookie_of(sign_in(shut, guarded.token))
    headers = {"Cookie": cookie, "Origin": shut}
    assert httpx.get(f"{shut}/session", headers=headers, trust_env=False).json() == {"name": "viewer"}
    assert httpx.post(f"{shut}/logout", headers=headers, trust_env=False).status_code == 303
    assert httpx.get(f"{shut}/session", headers=headers, trust_env=False).json() == {}
    assert is_refused(shut, "s_6", cookie)


def test_many_wrong_tokens_must_wait(shut: str, guarded: "Served") -> None:
    answers = [sign_in(shut, f"sift_wrong_{i}").status_code for i in range(9)]
    assert answers[-1] == 429
    assert sign_in(shut, guarded.token).status_code == 429


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", "/"),
        ("/best/?job=a&theme=dark", "/best/?job=a&theme=dark"),
        ("//evil.example/best/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/best/../../x", "/"),
        ("javascript:alert(1)", "/"),
        ("/best/#x", "/best/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_where_a_login_may_lead(target: str, expected: str) -> None:
    assert allowed(target) == expected


@pytest.mark.browser
@in_browser
def test_a_viewer_signs_in_sees_and_signs_out(viewer: "BrowserContext", guarded: "Served", tmp_path: Path) -> None:
    with notebook_server(guarded.url, tmp_path) as url:
        seen = Watched(viewer, PHONE)
        page = seen.page
        for scheme, theme in (("dark", ""), ("light", ""), ("light", "&theme=dark")):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{url}/search/?job={guarded.jobs['finished']}{theme}")
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert ground == ("rgb(24, 28, 26)" if "dark" in (scheme, theme[-4:]) else "rgb(255, 255, 255)")
            assert seen.violations() == []
            seen.resize(PHONE)
        page.get_by_label("Token").fill(guarded.token)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", level=1).filter(has_text="complete search trials").wait_for()
        assert "token" not in page.url
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Token").wait_for()
        page.goto(f"{url}/search/")
        page.get_by_role("heading", name="Sign in").wait_for()
        page.close()

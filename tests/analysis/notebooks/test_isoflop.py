"""The page in a real browser, over the real server, reading a real HTTP service."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.curve import Curve
from analysis.render import render

if TYPE_CHECKING:
    from conftest import FakeService
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOAD_MS = 30_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine's PATH"),
]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield started
        started.close()


class Watched:
    """A page with everything that it asked for and complained about."""

    def __init__(self, browser: "Browser", width: int = 1280, scheme: str = "light") -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.set_default_timeout(LOAD_MS)

    @property
    def foreign(self) -> list[str]:
        return [url for url in self.requests if urlsplit(url).hostname not in ("127.0.0.1", None)]


def test_a_job_from_its_address_to_its_downloads(
    browser: "Browser", notebooks: str, shared_service: "FakeService", states: dict[str, Curve], tmp_path: Path
) -> None:
    shared_service.add("job_done", states["confirmed"], "succeeded")
    shared_service.add("job_half", states["partial"], "running", 0.34)
    seen = Watched(browser)
    page = seen.page
    page.goto(f"{notebooks}/?job=job_done")
    page.get_by_text("confirmed on fresh seeds").first.wait_for()
    marks = page.locator(".marks").first
    marks.wait_for()
    page.get_by_role("heading", name="Best sparsity per family").wait_for()
    page.get_by_text("+0.039 ± 0.007").first.wait_for()

    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    download.value.save_as(tmp_path / "curve.csv")
    assert (tmp_path / "curve.csv").read_bytes() == render(states["confirmed"], "csv")

    page.locator("select").first.select_option(label="Small GPT on State of the U… · running")
    page.get_by_text("provisional until confirmed").first.wait_for()
    assert parse_qs(urlsplit(page.url).query)["job"] == ["job_half"]  # the state is in the address
    page.get_by_text("15 of 45 runs finished, 1 failed").first.wait_for()

    assert seen.foreign == []  # no request leaves the machine
    assert [e for e in seen.errors if "Content Security Policy" in e] == []  # none was even tried
    page.close()


def test_a_phone_at_night(
    browser: "Browser", notebooks: str, shared_service: "FakeService", states: dict[str, Curve]
) -> None:
    shared_service.add("job_night", states["confirmed"], "succeeded")
    seen = Watched(browser, 390, "dark")
    page = seen.page
    page.goto(f"{notebooks}/?job=job_night")
    page.locator(".marks").first.wait_for()
    assert parse_qs(urlsplit(page.url).query)["theme"] == ["dark"]
    chart = page.locator(".marks").first.bounding_box()
    assert chart is not None
    assert chart["x"] >= 0
    assert chart["x"] + chart["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert seen.foreign == []
    page.close()


def test_pages_without_a_curve_say_why(browser: "Browser", notebooks: str) -> None:
    seen = Watched(browser)
    seen.page.goto(f"{notebooks}/?job=job_none")
    seen.page.get_by_text("There is no job 'job_none'").wait_for()
    seen.page.close()


def test_the_exported_page_draws_itself_offline(browser: "Browser", states: dict[str, Curve], tmp_path: Path) -> None:
    file = tmp_path / "curve.html"
    file.write_bytes(render(states["off"], "html"))
    seen = Watched(browser)
    seen.page.goto(file.as_uri())
    seen.page.locator("#chart svg").wait_for()
    assert [url for url in seen.requests if not url.startswith("file:")] == []
    assert seen.errors == []
    seen.page.close()

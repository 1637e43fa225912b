"""Every page in a real browser, over the real notebook server, before the real service over real rows."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.curve import Curve
from analysis.notebooks import shell
from analysis.render import render
from tests.analysis.notebooks.conftest import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.analysis.notebooks.conftest import Served

LOAD_MS = 30_000
SERIOUS = ("serious", "critical")
OF_MARIMO = ("scrollable-region-focusable",)  # its tables' own boxes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine's PATH"),
]


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

    def chart(self) -> None:
        """Waits for the first chart."""
        self.page.locator(".vega-embed .marks").first.wait_for()

    def is_within(self) -> bool:
        """Whether nothing stands out of the window sideways."""
        wide = "Math.max(document.documentElement.scrollWidth, document.getElementById('App').scrollWidth)"
        return bool(self.page.evaluate(wide) <= self.page.viewport_size["width"])  # type: ignore[index]

    def violations(self) -> list[str]:
        """What axe-core calls serious."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{v['id']}: {v['help']} {[n['html'][:160] for n in v['nodes'][:3]]}"
            for v in found
            if v["impact"] in SERIOUS and v["id"] not in OF_MARIMO
        ]

    def is_clean(self) -> bool:
        """No request left the machine, nothing was tried, nothing was complained of."""
        assert self.foreign == []
        assert self.errors == []
        return True


PAGES = {
    "isoflop": "confirmed on fresh seeds",
    "best": "Sparse Wide 75 % better",
    "equivalence": "is as good as dense 2.",
    "schedules": "ask schedule",
    "search": "Best of 42 complete search trials",
    "pareto": "configurations are on the front",
    "explore": "75 trials, 69 complete",
    "trial": "on validation data",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_a_finished_job(browser: "Browser", notebooks: str, real: "Served", name: str) -> None:
    seen = Watched(browser)
    page = seen.page
    page.goto(f"{notebooks}/{name}/?job={real.jobs['finished']}")
    page.get_by_role("heading", level=1).filter(has_text=PAGES[name]).wait_for()
    seen.chart()
    assert page.locator("#sift-bar [aria-current=page]").count() == 1
    assert page.locator(".sift table, marimo-table").count() >= 1  # the same as numbers
    assert page.get_by_text("Cite", exact=True).count() == 1
    assert page.get_by_text("CSV", exact=True).count() == 1
    assert page.locator("[aria-roledescription=visualization]").first.get_attribute("aria-label")
    assert seen.is_within()
    assert seen.violations() == []
    page.set_viewport_size({"width": 390, "height": 844})
    picture = page.locator(".vega-embed .marks").first
    page.wait_for_timeout(300)  # the chart follows its page
    box = picture.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert seen.is_within()
    assert seen.is_clean()
    page.close()


def test_all_jobs_with_their_states_and_a_filter(browser: "Browser", notebooks: str, real: "Served") -> None:
    seen = Watched(browser)
    page = seen.page
    page.goto(notebooks)
    page.get_by_text("4 jobs, 2 active.").wait_for()
    cards = page.locator(".card")
    assert [cards.nth(i).locator(".badge").inner_text() for i in range(4)] == [
        *("finished", "running", "waiting for a worker", "failed"),
    ]
    assert "+2." in cards.nth(0).inner_text()
    assert "left" in cards.nth(1).inner_text()
    assert "No result yet" in cards.nth(2).inner_text()
    assert "sparseift data cifar100" in cards.nth(3).inner_text()
    assert seen.violations() == []
    page.get_by_label("State").select_option("Failed")
    page.get_by_text("1 job, 0 active.").wait_for()
    assert parse_qs(urlsplit(page.url).query)["state"] == ["failed"]
    page.reload()  # the state is in the address
    page.get_by_text("1 job, 0 active.").wait_for()
    page.get_by_role("link", name="A job that failed").first.click()
    page.get_by_role("heading", level=1).filter(has_text="ended without a result").wait_for()
    page.get_by_text("run `sparseift data cifar100`").wait_for()
    assert urlsplit(page.url).path == "/isoflop/"
    assert seen.is_clean()
    page.close()


def test_from_a_job_to_its_files_and_another_job(
    browser: "Browser", notebooks: str, real: "Served", tmp_path: Path
) -> None:
    import httpx

    seen = Watched(browser)
    page = seen.page
    page.goto(f"{notebooks}/?job={real.jobs['finished']}")  # as commands print it
    seen.chart()
    assert urlsplit(page.url).path == "/isoflop/"
    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    download.value.save_as(tmp_path / "curve.csv")
    curve = httpx.get(f"{real.url}/v1/jobs/{real.jobs['finished']}/curve", trust_env=False).json()
    assert (tmp_path / "curve.csv").read_bytes() == render(Curve.from_json(curve), "csv")
    page.get_by_label("Job").select_option(label="ResNet-18, second try · running")
    page.get_by_text("provisional until confirmed").first.wait_for()
    assert parse_qs(urlsplit(page.url).query)["job"] == [real.jobs["partial"]]
    page.get_by_text("26 of 72 runs finished").first.wait_for()
    page.get_by_role("link", name="Search").click()  # keeps the job
    page.get_by_role("heading", level=1).filter(has_text="complete search trials").wait_for()
    assert parse_qs(urlsplit(page.url).query)["job"] == [real.jobs["partial"]]
    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    download.value.save_as(tmp_path / "search.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "search.csv").read_text())))
    assert [r["order"] for r in rows] == [str(i + 1) for i in range(len(rows))]
    assert seen.is_clean()
    page.close()


def test_hovering_dims_and_a_click_opens_the_trial(browser: "Browser", notebooks: str, real: "Served") -> None:
    seen = Watched(browser)
    page = seen.page
    page.goto(f"{notebooks}/isoflop/?job={real.jobs['finished']}&theme=dark")
    seen.chart()
    picture = page.locator(".vega-embed .marks").first
    before = picture.screenshot()
    place = picture.evaluate(FIND_A_MARK)
    page.mouse.move(place["x"], place["y"])
    page.locator("#vg-tooltip-element.visible").wait_for()
    assert "Sparse" in page.locator("#vg-tooltip-element").inner_text()
    assert picture.screenshot() != before
    page.mouse.click(place["x"], place["y"])
    page.wait_for_url("**/trial/?**")
    page.get_by_role("heading", level=1).filter(has_text="on validation data").wait_for()
    assert parse_qs(urlsplit(page.url).query)["theme"] == ["dark"]
    assert seen.is_clean()
    page.close()


# Where a point of the chart is: where its picture is most colourful.
FIND_A_MARK = """(marks) => {
  const box = marks.getBoundingClientRect();
  const context = marks.getContext('2d'), scale = marks.width / box.width;
  const image = context.getImageData(0, 0, marks.width, marks.height), size = 6;
  let best = {score: -1};
  for (let y = 60; y < marks.height - 60; y += 2) for (let x = 40; x < marks.width * .75; x += 2) {
    let score = 0;
    for (let dy = -size; dy <= size; dy += 3) for (let dx = -size; dx <= size; dx += 3) {
      const i = 4 * ((y + dy) * marks.width + x + dx), d = image.data;
      const high = Math.max(d[i], d[i + 1], d[i + 2]), low = Math.min(d[i], d[i + 1], d[i + 2]);
      score += d[i + 3] > 200 ? high - low : 0;
    }
    if (score > best.score) best = {score, x: box.x + x / scale, y: box.y + y / scale};
  }
  return best;
}"""


def test_choices_stand_in_the_address_and_come_back(browser: "Browser", notebooks: str, real: "Served") -> None:
    seen = Watched(browser, scheme="dark")
    page = seen.page
    page.goto(f"{notebooks}/explore/?job={real.jobs['finished']}&x=training_seconds&colour=method")
    seen.chart()
    assert parse_qs(urlsplit(page.url).query)["theme"] == ["dark"]  # as the reader's system has it
    assert page.get_by_label("x", exact=True).input_value() == "Training time (s)"
    page.get_by_label("y", exact=True).select_option("Parameters")
    page.wait_for_url("**y=parameters**")
    assert seen.violations() == []
    page.reload()
    seen.chart()
    assert page.get_by_label("y", exact=True).input_value() == "Parameters"
    assert page.get_by_label("Colour", exact=True).input_value() == "Method"
    page.get_by_role("button", name="Change between light and dark").click()
    page.wait_for_url("**theme=light**")
    seen.chart()
    assert "dark" not in (page.locator("html").get_attribute("class") or "")
    assert seen.is_clean()
    page.close()


@pytest.mark.parametrize(
    ("name", "job", "words"),
    [
        ("isoflop", "empty", "No result yet"),
        ("search", "empty", "No trial yet"),
        ("trial", "empty", "No trial yet"),
        ("equivalence", "empty", "No sparse point has a result yet"),
        ("equivalence", "partial", "No dense-equivalent multiplier"),
        ("best", "failed", "ended without a result"),
    ],
)
def test_pages_without_an_answer_say_why(
    browser: "Browser", notebooks: str, real: "Served", name: str, job: str, words: str
) -> None:
    seen = Watched(browser, 390)
    seen.page.goto(f"{notebooks}/{name}/?job={real.jobs[job]}")
    seen.page.get_by_role("heading", level=1).filter(has_text=words).wait_for()
    assert seen.is_within()
    assert seen.is_clean()
    seen.page.close()


def test_a_job_that_is_not_there(browser: "Browser", notebooks: str) -> None:
    seen = Watched(browser)
    seen.page.goto(f"{notebooks}/pareto/?job=job_none")
    seen.page.get_by_text("job_none").first.wait_for()
    seen.page.close()


def test_the_keyboard_reaches_everything_and_leaves_it(browser: "Browser", notebooks: str, real: "Served") -> None:
    seen = Watched(browser)
    page = seen.page
    page.goto(f"{notebooks}/best/?job={real.jobs['finished']}")
    seen.chart()
    page.get_by_text("Cite", exact=True).wait_for()
    where, lit = [], []
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        where.append(found["name"])
        lit.append(found["lit"])
        if "Cite" in found["name"]:
            break
    assert where[0] == "Skip to content"
    assert where[1:10] == [name for _, name in shell.PAGES.values()]
    assert any("Sparse Wide" in name for name in where)  # from the table to the trial
    assert where[-1].startswith("Cite"), where
    assert all(lit), [name for name, is_lit in zip(where, lit, strict=True) if not is_lit]
    page.keyboard.press("Enter")
    page.get_by_text("@misc{job_").wait_for()
    page.close()


FOCUSED = """() => {
  let e = document.activeElement;
  while (e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
  const style = getComputedStyle(e);
  const ring = style.outlineStyle !== 'none' && style.outlineWidth !== '0px';
  const name = e.innerText || e.getAttribute('aria-label') || e.value || e.tagName;
  return {name: name.trim(), lit: ring || style.boxShadow !== 'none' || e === document.body};
}"""


def test_the_exported_page_draws_itself_offline(browser: "Browser", states: dict[str, Curve], tmp_path: Path) -> None:
    file = tmp_path / "curve.html"
    file.write_bytes(render(states["off"], "html"))
    seen = Watched(browser)
    seen.page.goto(file.as_uri())
    seen.page.locator("#chart svg").wait_for()
    assert [url for url in seen.requests if not url.startswith("file:")] == []
    assert seen.errors == []
    seen.page.close()

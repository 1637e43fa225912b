"""Every page in a real browser, over the real notebook server, before the real service over real rows.

A page is loaded twice, light and dark; its jobs and its widths change in between, so that one load is looked at often.
"""

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.curve import Curve
from analysis.notebooks import shell
from analysis.render import render
from tests.analysis.notebooks.conftest import in_browser
from tests.analysis.notebooks.watching import CHART, DESK, FIND_A_MARK, FOCUSED, PHONE, Watched

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.analysis.notebooks.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow, in_browser]

FINISHED, EMPTY = "ResNet-18 on CIFAR-100 · finished", "ViT-Tiny on CIFAR-10 · waiting for a worker"
PARTIAL, FAILED = "ResNet-18, second try · running", "A job that failed · failed"
WORDS = {  # of each page's heading, by job
    "isoflop": {
        FINISHED: "confirmed on fresh seeds",
        EMPTY: "No result yet",
        PARTIAL: "provisional until confirmed",
        FAILED: "ended without a result",
    },
    "best": {
        FINISHED: "Sparse Wide 75 % better",
        EMPTY: "No result yet",
        PARTIAL: "Against dense at equal FLOPs",
        FAILED: "ended without a result",
    },
    "equivalence": {
        FINISHED: "is as good as dense 2.",
        EMPTY: "No sparse point has a result yet",
        PARTIAL: "No dense-equivalent multiplier",
        FAILED: "No sparse point has a result yet",
    },
    "schedules": {
        FINISHED: "mask schedule",
        EMPTY: "No trial with a mask schedule is complete yet",
        PARTIAL: "mask schedule",
        FAILED: "No trial with a mask schedule is complete yet",
    },
    "search": {
        FINISHED: "Best of 42 complete search trials",
        EMPTY: "No trial yet",
        PARTIAL: "complete search trials",
        FAILED: "No trial yet",
    },
    "pareto": {
        FINISHED: "configurations are on the front",
        EMPTY: "No configuration has a result yet",
        PARTIAL: "configurations are on the front",
        FAILED: "No configuration has a result yet",
    },
    "explore": {
        FINISHED: "72 trials, 66 complete",
        EMPTY: "No trial yet",
        PARTIAL: "30 trials, 24 complete",
        FAILED: "No trial yet",
    },
    "trial": {FINISHED: "on validation data", EMPTY: "No trial yet", PARTIAL: "Trial", FAILED: "No trial yet"},
}
CLICKED = ("isoflop", "best", "search", "pareto", "explore")  # a mark opens its trial
POINTED = (*CLICKED, "equivalence")  # the nearest mark tells of itself


@pytest.mark.parametrize("name", WORDS)
def test_a_page_in_every_state_width_and_theme(
    viewer: "BrowserContext", notebooks: str, real: "Served", name: str
) -> None:
    seen = Watched(viewer)
    page = seen.page
    page.goto(f"{notebooks}/{name}/?job={real.jobs['finished']}&theme=light")
    seen.heading(WORDS[name][FINISHED])
    seen.chart()
    page.get_by_text("Cite", exact=True).wait_for()  # the last of the page
    assert page.locator("#sift-bar [aria-current=page]").count() == 1
    assert page.locator(".sift table, marimo-table").count() >= 1  # the same as numbers
    assert page.get_by_text("CSV", exact=True).count() == 1
    assert page.get_by_text("Parquet", exact=True).count() == 1
    assert page.locator("[aria-roledescription=visualization]").first.get_attribute("aria-label")
    assert name == "trial" or page.get_by_role("link", name="3 failed").count() == 1
    assert seen.violations() == []
    seen.resize(PHONE)
    picture = page.locator(CHART).first
    seen.picture(150, PHONE["width"])
    assert page.get_by_role("button", name="Copy link").is_visible()
    assert seen.violations() == []
    for label, job in ((EMPTY, "empty"), (FAILED, "failed"), (PARTIAL, "partial")):
        page.get_by_label("Job", exact=True).select_option(label=label)
        page.wait_for_url(f"**job={real.jobs[job]}**")
        state = label.split(" · ")[1]
        if (name, job) != ("trial", "partial"):  # a trial's page is not of its job's progress
            page.get_by_text(re.compile(f"^{state}: ", re.IGNORECASE)).first.wait_for()
        seen.heading(WORDS[name][label])
        seen.resize(PHONE)
        assert job == "partial" or seen.violations() == []  # what is partial has the parts of what is finished
    seen.chart()
    page.get_by_label("Job", exact=True).select_option(label=FINISHED)
    seen.heading(WORDS[name][FINISHED])
    page.get_by_role("button", name="Change between light and dark").click()
    page.wait_for_url("**theme=dark**")
    seen.heading(WORDS[name][FINISHED])
    seen.chart()
    seen.resize(PHONE)
    seen.resize(DESK)
    seen.picture(260, DESK["width"])
    assert seen.violations() == []
    if name in POINTED:
        before = picture.screenshot()
        place = picture.evaluate(FIND_A_MARK)
        page.mouse.move(place["x"], place["y"])
        page.locator("#vg-tooltip-element.visible").wait_for()
        assert picture.screenshot() != before  # what is not pointed at is dimmed
    if name in CLICKED:
        page.mouse.click(place["x"], place["y"])
        page.wait_for_url("**/trial/?**")
        seen.heading("Trial ")
        assert parse_qs(urlsplit(page.url).query)["theme"] == ["dark"]
    seen.close()


def test_all_jobs_with_their_states_and_a_filter(viewer: "BrowserContext", notebooks: str, real: "Served") -> None:
    seen = Watched(viewer)
    page = seen.page
    page.goto(f"{notebooks}/?theme=light")
    page.get_by_text("4 jobs, 2 active.").wait_for()
    cards = page.locator(".card")
    assert [cards.nth(i).locator(".badge").inner_text() for i in range(4)] == [
        *("finished", "running", "waiting for a worker", "failed"),
    ]
    assert "+2." in cards.nth(0).inner_text()
    assert "left" in cards.nth(1).inner_text()
    assert "No result yet" in cards.nth(2).inner_text()
    assert "sparseift data cifar100" in cards.nth(3).inner_text()
    assert cards.nth(0).get_by_role("link", name="3 failed").count() == 1
    assert seen.violations() == []
    seen.resize(PHONE)
    assert seen.violations() == []
    page.get_by_role("button", name="Change between light and dark").click()
    page.wait_for_url("**theme=dark**")
    page.get_by_text("4 jobs, 2 active.").wait_for()
    assert seen.violations() == []
    seen.resize(DESK)
    assert seen.violations() == []
    page.get_by_label("State").select_option("Failed")
    page.get_by_text("1 job, 0 active.").wait_for()
    assert parse_qs(urlsplit(page.url).query)["state"] == ["failed"]
    page.reload()  # the state is in the address
    page.get_by_text("1 job, 0 active.").wait_for()
    page.get_by_role("link", name="A job that failed").first.click()
    seen.heading("ended without a result")
    page.get_by_text("run `sparseift data cifar100`").wait_for()
    assert urlsplit(page.url).path == "/isoflop/"
    seen.close()


def test_from_a_job_to_its_files_and_another_job(
    viewer: "BrowserContext", notebooks: str, real: "Served", tmp_path: Path
) -> None:
    import httpx

    seen = Watched(viewer)
    page = seen.page
    page.goto(f"{notebooks}/?job={real.jobs['finished']}")  # as commands print it
    seen.chart()
    assert urlsplit(page.url).path == "/isoflop/"
    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    download.value.save_as(tmp_path / "curve.csv")
    curve = httpx.get(f"{real.url}/v1/jobs/{real.jobs['finished']}/curve", trust_env=False).json()
    assert (tmp_path / "curve.csv").read_bytes() == render(Curve.from_json(curve), "csv")
    with page.expect_download() as download:
        page.get_by_text("Report", exact=True).click()
    download.value.save_as(tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()
    assert "confirmed on fresh seeds" in report
    assert ">Limits<" in report
    page.get_by_text("Cite", exact=True).click()
    assert "sparseift 0.1.0 commit 4d8e1d2" in page.locator("details pre").inner_text()  # as its attempts recorded it
    page.get_by_role("link", name="3 failed").click()
    page.get_by_role("heading", name="Trials without a result").wait_for()
    with page.expect_download() as download:
        page.get_by_text("CSV", exact=True).click()
    download.value.save_as(tmp_path / "search.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "search.csv").read_text())))
    assert [r["order"] for r in rows] == [str(i + 1) for i in range(len(rows))]
    seen.close()


def test_while_the_service_is_away_the_last_answer_stays_and_is_marked(
    viewer: "BrowserContext", notebooks: str, real: "Served"
) -> None:
    seen = Watched(viewer, PHONE)
    page = seen.page
    page.goto(f"{notebooks}/isoflop/?job={real.jobs['finished']}&theme=light")
    seen.chart()
    again = page.get_by_role("button", name="Look again now")
    again.wait_for()
    with real.away():
        again.click()
        page.get_by_text("does not answer").wait_for()
        page.get_by_text("This page shows the last answer and asks again.").wait_for()
        seen.heading(WORDS["isoflop"][FINISHED])
        seen.chart()
        assert seen.violations() == []
        seen.resize(PHONE)
    again.click()
    page.get_by_text("does not answer").wait_for(state="detached")
    seen.heading(WORDS["isoflop"][FINISHED])
    seen.close()


def test_choices_stand_in_the_address_and_come_back(viewer: "BrowserContext", notebooks: str, real: "Served") -> None:
    seen = Watched(viewer)
    page = seen.page
    page.emulate_media(color_scheme="dark")
    page.goto(f"{notebooks}/explore/?job={real.jobs['finished']}&x=training_seconds&colour=method")
    seen.chart()
    assert parse_qs(urlsplit(page.url).query)["theme"] == ["dark"]  # as the reader's system has it
    assert page.get_by_label("x", exact=True).input_value() == "Training time (s)"
    page.get_by_label("y", exact=True).select_option("Parameters")
    page.wait_for_url("**y=parameters**")
    page.reload()
    seen.chart()
    assert page.get_by_label("y", exact=True).input_value() == "Parameters"
    assert page.get_by_label("Colour", exact=True).input_value() == "Method"
    seen.close()


def test_what_is_not_there_is_said(viewer: "BrowserContext", notebooks: str, real: "Served") -> None:
    seen = Watched(viewer, PHONE)
    seen.page.goto(f"{notebooks}/pareto/?job=job_none")
    seen.page.get_by_text("job_none").first.wait_for()
    assert seen.violations() == []
    seen.page.goto(f"{notebooks}/trial/?job={real.jobs['finished']}&key=nothing")
    seen.page.get_by_text("no trial of the configuration 'nothing'").first.wait_for()
    seen.close()


def test_layers_of_a_trial(viewer: "BrowserContext", notebooks: str, real: "Served") -> None:
    seen = Watched(viewer, PHONE)
    page = seen.page
    page.goto(f"{notebooks}/trial/?job={real.jobs['finished']}&trial=7")
    page.get_by_role("heading", name="Layers").wait_for()
    row = page.get_by_role("row").filter(has_text="block3.weight")
    assert row.get_by_role("cell").nth(4).inner_text() == "25 %"
    page.locator("[aria-label*='5 layers, 3 of them masked']").first.wait_for()
    seen.close()


def test_the_keyboard_reaches_everything_and_leaves_it(
    viewer: "BrowserContext", notebooks: str, real: "Served"
) -> None:
    seen = Watched(viewer)
    page = seen.page
    page.goto(f"{notebooks}/best/?job={real.jobs['finished']}")
    seen.chart()
    page.get_by_text("Cite", exact=True).wait_for()
    where, lit = [], []
    for _ in range(80):
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
    seen.close()


def test_the_exported_page_draws_itself_offline(
    viewer: "BrowserContext", states: dict[str, Curve], tmp_path: Path
) -> None:
    file = tmp_path / "curve.html"
    file.write_bytes(render(states["off"], "html"))
    seen = Watched(viewer)
    seen.page.goto(file.as_uri())
    seen.page.locator("#chart svg").wait_for()
    assert [url for url in seen.requests if not url.startswith("file:")] == []
    seen.close()

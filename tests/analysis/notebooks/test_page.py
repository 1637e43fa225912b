from dataclasses import replace

from analysis.curve import Curve
from analysis.notebooks import page
from analysis.notebooks.api import Job

JOB = Job("job_000001", "Small GPT", "running", "", 0.5, 190.0, 0)
EVIL = "<img src=x onerror=alert(1)>"


def test_the_menu_keeps_namesakes_apart() -> None:
    other, done = replace(JOB, id="job_000002"), replace(JOB, id="job_000003", state="succeeded")
    assert page.menu([JOB, other, done]) == {
        "Small GPT · running · 000001": "job_000001",
        "Small GPT · running · 000002": "job_000002",
        "Small GPT · finished": "job_000003",
    }
    assert len(page.shortened("x" * 200)) == page.NAME_LENGTH


def test_progress_says_how_far_and_how_long(states: dict[str, Curve]) -> None:
    html = page.progress(JOB, states["partial"])
    assert "Running: 15 of 45 runs finished, 1 failed, about 3 min left" in html
    assert 'value="0.5000"' in html
    assert "left" not in page.progress(replace(JOB, state="succeeded"), states["confirmed"])


def test_a_failed_job_says_why(states: dict[str, Curve]) -> None:
    html = page.progress(replace(JOB, state="failed", message="Data are missing."), states["partial"])
    assert "Data are missing." in html


def test_durations() -> None:
    assert [page.duration(s) for s in (5, 90, 7200)] == ["5 s", "2 min", "2.0 h"]


def test_waiting_pages_say_what_to_do() -> None:
    assert "sparseift submit" in page.waiting(None, [])
    assert "does not answer" in page.waiting("The service does not answer.", [])
    assert "Choose a job" in page.waiting(None, [JOB])


def test_what_a_job_brings_is_escaped(states: dict[str, Curve]) -> None:
    bad = replace(states["partial"], provenance={"model": EVIL}, headline=EVIL, remarks=(EVIL,))
    failed = replace(JOB, state="failed", message=EVIL)
    for html in (
        page.provenance(bad),
        page.headline(bad),
        page.progress(failed, bad),
        page.stale(EVIL),
        page.waiting(EVIL, []),
        page.caption(EVIL),
    ):
        assert "<img" not in html

from dataclasses import replace

from analysis.curve import Curve
from analysis.notebooks import page
from analysis.notebooks.jobs import Job
from analysis.notebooks.live import Frame

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
    html = page.progress(Frame(job=JOB), states["partial"])
    assert "Running: 15 of 45 runs finished, 1 failed, about 3 min left" in html
    assert 'value="0.5000"' in html
    assert "left" not in page.progress(Frame(job=replace(JOB, state="succeeded")), states["confirmed"])


def test_failed_runs_lead_to_their_messages_in_the_pages_theme(states: dict[str, Curve]) -> None:
    dark = Frame(job=replace(JOB, counts=(("failed", 12), ("complete", 3)), failed=12), address=(("theme", "dark"),))
    link = '<a href="/search/?job=job_000001&amp;theme=dark">'
    assert f"{link}1 failed</a>" in page.progress(dark, states["partial"])
    assert f"15 of 15 runs ended, {link}12 failed</a>" in page.status(dark)
    assert "<a" not in page.status(Frame(job=JOB))


def test_citing_names_what_trained_not_what_shows() -> None:
    ran = ({"facts": {"sparseift": "0.3.0", "git_commit": "4d8e1d2a9f10334455+"}, "attempts": 9},
           {"facts": {"sparseift": "0.3.1"}, "attempts": 1}, {"facts": {}, "attempts": 1})  # fmt: skip
    frame = Frame(job=replace(JOB, updated_at="2026-09-21T14:00:00Z"), environments=ran)
    assert "sparseift 0.3.0 commit 4d8e1d2a9f10+, 0.3.1, as of 2026-09-21 14:00:00 UTC" in page.cite(frame, "curve")
    assert "version not recorded" in page.cite(replace(frame, environments=()), "curve")


def test_a_failed_job_says_why(states: dict[str, Curve]) -> None:
    html = page.progress(Frame(job=replace(JOB, state="failed", message="Data are missing.")), states["partial"])
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
        page.progress(Frame(job=failed), bad),
        page.cite(Frame(job=replace(JOB, name=EVIL)), EVIL),
        page.stale(EVIL),
        page.waiting(EVIL, []),
        page.caption(EVIL),
    ):
        assert "<img" not in html

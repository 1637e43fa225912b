"""The pieces of a page around its chart, as HTML. Pure: whatever comes from a job is escaped here."""

from collections.abc import Sequence
from html import escape

from analysis.charts import unbroken
from analysis.curve import Curve
from analysis.notebooks.api import Job

NAME_LENGTH = 28  # characters
MINUTE_S, HOUR_S = 60, 3600
STATES = {
    "queued": "waiting for a worker",
    "running": "running",
    "paused": "paused",
    "stopping": "stopping",
    "succeeded": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}
STYLE = """<style>
.sift{--quiet:#5c6570;--line:#e9ecef;--fill:#0072b2;--track:#e4e7ea;--warn:#8a4b00;font-size:.95rem}
.dark .sift{--quiet:#a3abb5;--line:#2a2f2d;--fill:#56b4e9;--track:#363c3a;--warn:#f5b971}
.sift .quiet{color:var(--quiet);margin:.2em 0} .sift .warn{color:var(--warn);margin:.2em 0}
.sift h1{font-size:1.5rem;line-height:1.3;margin:.1em 0 .4em;font-weight:600;text-wrap:pretty}
.sift h2{font-size:1.05rem;font-weight:600;margin:.6em 0 .3em}
.sift ul{margin:0;padding-left:1.2em;color:var(--quiet);list-style:disc}
.sift progress{appearance:none;width:100%;height:6px;border:0;border-radius:3px;background:var(--track);display:block}
.sift progress::-webkit-progress-bar{background:var(--track);border-radius:3px}
.sift progress::-webkit-progress-value{background:var(--fill);border-radius:3px}
.sift progress::-moz-progress-bar{background:var(--fill);border-radius:3px}
.sift .scroll{overflow-x:auto}
.sift table{font-size:.9rem;border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
.sift th,.sift td{padding:.4em .8em .4em 0;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
.sift th{color:var(--quiet);font-weight:600} .sift footer{color:var(--quiet);font-size:.87rem;overflow-wrap:anywhere}
</style>"""


def block(content: str) -> str:
    """Content inside the page's style."""
    return f'<div class="sift">{content}</div>'


def menu(jobs: Sequence[Job]) -> dict[str, str]:
    """The menu's entries and their job ids; only namesakes show the end of theirs."""
    words = [f"{shortened(job.name)} · {STATES.get(job.state, job.state)}" for job in jobs]
    return {
        (f"{text} · {job.id[-6:]}" if words.count(text) > 1 else text): job.id
        for text, job in zip(words, jobs, strict=True)
    }


def shortened(name: str) -> str:
    """A name that leaves room for the rest of a phone's line."""
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def duration(seconds: float) -> str:
    """About how long, e.g. "40 s", "12 min", "3.5 h"."""
    if seconds < MINUTE_S:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE_S:.0f} min" if seconds < HOUR_S else f"{seconds / HOUR_S:.1f} h"


def progress(job: Job, curve: Curve) -> str:
    """How far the job is: a bar with its words."""
    words = f"{STATES.get(job.state, job.state).capitalize()}: {curve.progress}"
    if job.is_active and job.eta_seconds is not None:
        words += f", about {duration(job.eta_seconds)} left"
    if job.state == "failed" and job.message:
        words += f". {job.message}"
    bar = f'<progress max="1" value="{job.progress:.4f}" aria-label="{escape(words)}"></progress>'
    return block(f'<p class="quiet">{escape(words)}</p>{bar}')


def headline(curve: Curve) -> str:
    """The answer and what must be known beside it."""
    remarks = "".join(f"<li>{escape(unbroken(r))}</li>" for r in curve.remarks)
    return block(f"<h1>{escape(unbroken(curve.headline))}</h1>" + (f"<ul>{remarks}</ul>" if remarks else ""))


def caption(text: str) -> str:
    """Quiet words under a picture."""
    return block(f'<p class="quiet">{escape(text)}</p>')


def stale(problem: str) -> str:
    """What is wrong, over content that may be old."""
    return block(f'<p class="warn" role="status">{escape(problem)} This page shows the last answer and asks again.</p>')


def waiting(problem: str | None, jobs: Sequence[Job]) -> str:
    """A page without a job to show: why, and what to do."""
    if problem:
        return block(f'<h1>Nothing to show yet</h1><p class="warn" role="status">{escape(problem)}</p>')
    if jobs:
        return block("<h1>Choose a job</h1>")
    words = "Submit one, for example with <code>sparseift submit job.yaml</code>: it appears here within a minute."
    return block(f"<h1>No job yet</h1><p>{words}</p>")


def provenance(curve: Curve) -> str:
    """Where the numbers come from, for citing."""
    origin = {"job": curve.job_id, **curve.provenance}
    return block(f"<footer>{escape(' · '.join(f'{k} {v}' for k, v in origin.items()))}</footer>")

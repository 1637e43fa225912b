"""The pieces of a page around its chart, as HTML. Pure: whatever comes from a job is escaped here."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from analysis.charting.frame import Canvas, style
from analysis.charts import unbroken
from analysis.curve import Curve
from analysis.notebooks.api import Job
from analysis.notebooks.live import Frame
from analysis.notebooks.style import STYLE as STYLE
from analysis.palette import Theme, order
from analysis.tables import Table
from sparseift.records import DENSE

FAILED = re.compile(r"\b[1-9]\d* failed\b")
COMMIT_LENGTH = 12  # characters
NAME_LENGTH = 28  # characters
MINUTE_S, HOUR_S = 60, 3600
SHAPES = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "triangle-down": "▼", "cross": "✚"}
STATES = {
    "queued": "waiting for a worker",
    "running": "running",
    "paused": "paused",
    "stopping": "stopping",
    "succeeded": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}


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


def progress(frame: Frame, curve: Curve) -> str:
    """How far the frame's job is: a bar with its words."""
    return bar(frame.job, curve.progress, frame.get("theme")) if frame.job else ""


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


def answer(sentence: str, remarks: Sequence[str] = ()) -> str:
    """A page's answer as its heading, and what must be known beside it."""
    notes = "".join(f"<li>{escape(unbroken(r))}</li>" for r in remarks if r)
    return block(f"<h1>{escape(unbroken(sentence))}</h1>" + (f"<ul>{notes}</ul>" if notes else ""))


def status(frame: Frame) -> str:
    """How far the frame's job is, where no curve is at hand."""
    job = frame.job
    if job is None:
        return ""
    counts = dict(job.counts)
    ended = sum(n for state, n in counts.items() if state not in ("waiting", "running"))
    counted = f"{ended} of {max(job.planned, ended)} runs ended" + (f", {job.failed} failed" if job.failed else "")
    return bar(job, counted, frame.get("theme"))


def bar(job: Job, counted: str, theme: str) -> str:
    """A job's progress as a bar with its words, of which the failed runs lead to their messages."""
    words = f"{STATES.get(job.state, job.state).capitalize()}: {counted}"
    if job.is_active and job.eta_seconds is not None:
        words += f", about {duration(job.eta_seconds)} left"
    if job.state == "failed" and job.message:
        words += f". {job.message}"
    shown = escape(words)
    line = f'<p class="quiet">{linked(shown, job, theme)}</p>'
    return block(f'{line}<progress max="1" value="{job.progress:.4f}" aria-label="{shown}"></progress>')


def linked(words: str, job: Job, theme: str) -> str:
    """Escaped words in which "3 failed" leads to the list of trials without a result."""
    to = escape(address("/search/", theme, job=job.id))
    return FAILED.sub(lambda found: f'<a href="{to}">{found[0]}</a>', words)


def address(path: str, theme: str, **names: str) -> str:
    """A page with its state."""
    dark = {"theme": "dark"} if theme == "dark" else {}
    return f"{path}?{urlencode({**names, **dark})}"


def table(
    rows: Table, heading: str, *, link: Callable[[int], str] | None = None, wide: Sequence[str] = (), tall: bool = False
) -> str:
    """A table with its heading, without columns that are empty throughout; nothing for no rows.

    Args:
        link: where the first cell of a row leads; "" for nowhere.
        wide: columns whose text may wrap.
        tall: long enough to scroll inside the page.
    """
    if not rows:
        return ""
    kept = [column for i, column in enumerate(rows[0]) if i == 0 or any(row[column] for row in rows)]
    rows = [{column: row[column] for column in kept} for row in rows]
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in rows[0])
    body = "".join(f"<tr>{_cells(row, link(i) if link else '', wide)}</tr>" for i, row in enumerate(rows))
    kind = "scroll tall" if tall else "scroll"
    return block(
        f'<h2>{escape(heading)}</h2><div class="{kind}" tabindex="0" role="region" aria-label="{escape(heading)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(row: Mapping[str, str], to: str, wide: Sequence[str]) -> str:
    cells = []
    for i, (column, value) in enumerate(row.items()):
        text = escape(value)
        if i == 0 and to:
            text = f'<a href="{escape(to)}">{text}</a>'
        cells.append(f'<td class="wide">{text}</td>' if column in wide else f"<td>{text}</td>")
    return "".join(cells)


def key(families: Sequence[str], theme: Theme) -> str:
    """What colours and shapes mean, for charts whose marks are too many to name each; dense's is a square."""
    ordered = sorted(set(families), key=lambda f: (f == DENSE, order(f)))
    kinds = [style(f, Canvas(theme)) for f in ordered]
    return names(kind | {"shape": "square"} if kind["family"] == DENSE else kind for kind in kinds)


def names(kinds: Iterable[Mapping[str, str]]) -> str:
    """A line of shapes with their names, each in its colour."""
    items = "".join(
        f'<li style="color:{kind["ink"]}"><span aria-hidden="true">{SHAPES[kind["shape"]]}</span> '
        f"{escape(kind['label'])}</li>"
        for kind in kinds
    )
    return block(f'<ul class="key" aria-label="What colours mean">{items}</ul>') if items else ""


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values side by side."""
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs.items() if v)
    return block(f"<dl>{items}</dl>")


def log(text: str) -> str:
    """The end of an attempt's output; nothing where there is none."""
    if not text:
        return ""
    return block(f'<h2>Output, its end</h2><pre tabindex="0" role="region" aria-label="Output">{escape(text)}</pre>')


def empty(frame: Frame, heading: str, words: str) -> str:
    """A page that has nothing to show of its job yet, or of none: why, and what to do."""
    if frame.job is None or frame.problem:
        return waiting(frame.problem, frame.jobs)
    return block(f"<h1>{escape(heading)}</h1><p>{escape(words)}</p>")


def provenance(curve: Curve) -> str:
    """Where the numbers come from, for citing."""
    origin = {"job": curve.job_id, **curve.provenance}
    return block(f'<p class="quiet small">{escape(" · ".join(f"{k} {v}" for k, v in origin.items()))}</p>')


def cite(frame: Frame, where: str) -> str:
    """How to cite a page: who it is of, what made its numbers, when it last changed."""
    job = frame.job
    if job is None:
        return ""
    year = (job.updated_at or "n.d.")[:4]
    code, at = made_by(frame.environments), job.updated_at[:19].replace("T", " ")
    text = (
        f"{job.name} ({job.id}), {code}, as of {at} UTC.\n\n"
        f"@misc{{{job.id},\n  title = {{{job.name}: {where}}},\n  year = {{{year}}},\n"
        f"  note = {{Job {job.id}, {code}, {at[:10]}}}\n}}"
    )
    return block(f'<details><summary>Cite</summary><pre tabindex="0">{escape(text)}</pre></details>')


def made_by(environments: Sequence[Mapping[str, Any]]) -> str:
    """Version and commit of the program that trained, as its attempts recorded them; where several did, all."""

    def words(facts: Mapping[str, str]) -> str:
        commit = facts.get("git_commit", "")
        short = commit[:COMMIT_LENGTH] + ("+" if commit.endswith("+") else "")  # +: files differed from it
        return " commit ".join(x for x in (facts.get("sparseift", ""), short) if x)

    found = [words(e["facts"]) for e in environments]
    known = ", ".join(dict.fromkeys(one for one in found if one))
    return f"sparseift {known}" if known else "sparseift (version not recorded)"

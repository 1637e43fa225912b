"""The page of all jobs: what it reads, and its cards as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from analysis.charts import unbroken
from analysis.labels import family_name
from analysis.notebooks import page
from analysis.notebooks.api import Api, Job, Json
from analysis.notebooks.live import Frame
from analysis.units import difference_unit, number, percent, value_text

SHOWN = 24  # jobs with their answers; more are found by the filter
STATES = {"All": "", **{words.capitalize(): state for state, words in page.STATES.items()}}


@dataclass(frozen=True, slots=True)
class Look:
    """What the page shows.

    Attributes:
        jobs: the newest that the address's filters leave, with their answers so far.
        over_jobs: best sparsity against the model's size.
    """

    jobs: tuple[Job, ...]
    over_jobs: Json


def read(api: Api, frame: Frame) -> Look:
    """Jobs, and what those that have succeeded say together."""
    wanted = {name: frame.get(name) for name in ("name", "state") if frame.get(name)}
    jobs = api.jobs(**wanted) if wanted else list(frame.jobs)
    return Look(tuple(api.details(jobs[:SHOWN])), api.over_jobs())


def state_label(state: str) -> str:
    """The menu's entry for a state of the address."""
    return next((label for label, known in STATES.items() if known == state), "All")


def cards(frame: Frame, jobs: Sequence[Job] | None, theme: str) -> str:
    """One card per job, newest first; words where there is none."""
    stale = page.stale(frame.problem) if frame.problem and jobs is not None else ""
    if jobs is None:
        return page.waiting(frame.problem, [])
    if not jobs:
        is_filtered = bool(frame.get("name") or frame.get("state"))
        return stale + (page.block("<h1>No job like this</h1>") if is_filtered else page.waiting(None, []))
    more = f" The {SHOWN} newest are shown." if len(frame.jobs) > SHOWN and len(jobs) == SHOWN else ""
    active = sum(job.is_active for job in jobs)
    heading = f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}, {active} active.{more}"
    items = "".join(f"<li>{_card(job, theme)}</li>" for job in jobs)
    return stale + page.block(
        f'<h1 class="hidden">Jobs</h1><p class="quiet">{heading}</p><ul class="cards">{items}</ul>'
    )


def _card(job: Job, theme: str) -> str:
    state = page.STATES.get(job.state, job.state)
    words = f"{state.capitalize()}: {_counted(job)}"
    if job.is_active and job.eta_seconds is not None:
        words += f", about {page.duration(job.eta_seconds)} left"
    task = f"{job.model} on {job.dataset}"
    about = f"{escape(task)} · " if task.casefold() != job.name.casefold() else ""
    pages = "".join(
        f'<a href="{escape(link(path, job, theme))}" aria-label="{escape(f"{name}: {job.name}")}">{name}</a>'
        for path, name in (("/isoflop/", "Iso-FLOP"), ("/best/", "Best"), ("/search/", "Search"))
    )
    headline = f'<p class="answer">{escape(unbroken(job.headline))}</p>' if job.headline else ""
    problem = f'<p class="warn">{escape(job.message)}</p>' if job.state == "failed" and job.message else ""
    main = escape(link("/isoflop/", job, theme))
    return (
        f'<article class="card"><header><h2><a href="{main}">{escape(job.name)}</a></h2>'
        f'<span class="badge {escape(job.state)}">{escape(state)}</span></header>'
        f"{headline}{problem}{_best(job)}"
        f'<p class="quiet">{page.linked(escape(words), job, theme)}</p>'
        f'<progress max="1" value="{job.progress:.4f}" aria-label="{escape(words)}"></progress>'
        f"<footer><span>{about}{escape(job.created_at[:10])}</span>"
        f'<span class="links">{pages}</span></footer></article>'
    )


def _counted(job: Job) -> str:
    counts = dict(job.counts)
    ended = sum(n for state, n in counts.items() if state not in ("waiting", "running"))
    text = f"{ended} of {max(job.planned, ended)} runs"
    return text + (f", {job.failed} failed" if job.failed else "")


def _best(job: Job) -> str:
    best = dict(job.best)
    if not best:
        return ""
    unit = job.metric_unit
    text = f"{family_name(best['family'])} at {percent(best['sparsity'])}: {value_text(best['value'], unit)}"
    if best.get("gain") is not None:
        text += f" ({number(best['gain'], unit, signed=True)} {difference_unit(unit)} over dense)"
    kind = "confirmed" if best.get("confirmed") else "provisional"
    return f'<p class="quiet">Best so far: {escape(unbroken(text))}, {kind}</p>'


def link(path: str, job: Job, theme: str, **more: str) -> str:
    """A page of a job."""
    dark = {"theme": "dark"} if theme == "dark" else {}
    return f"{path}?{urlencode({'job': job.id, **dark, **more})}"

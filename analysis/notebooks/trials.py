"""The page of a trial: what it reads, and its pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.charting import layers
from analysis.charting.course import NAMES, Axis, Course, Measure, course_chart, measured, updates
from analysis.charting.frame import Canvas
from analysis.labels import family_name, schedule_text
from analysis.notebooks import page
from analysis.notebooks.api import Api, ApiError, Job
from analysis.notebooks.figure import Draw
from analysis.notebooks.live import Frame
from analysis.palette import Theme
from analysis.tables import Table
from analysis.units import big, percent, value_text
from sparseift.records import DENSE

LISTED = 500  # trials of one configuration, which differ in their seeds alone
KEY_LENGTH = 64  # characters of a configuration's key at most
COMPARED = 8  # other seeds drawn
POINTS = 120  # of each of their courses
AXES = {"steps": "step", "FLOPs": "flops"}  # of the charts: words -> value in the address


@dataclass(frozen=True, slots=True)
class Look:
    """A trial as its page shows it.

    Attributes:
        trial: as the service tells it, with attempts and reports; siblings: all of its configuration, itself included.
        course: for its charts. log: the end of its newest attempt's output.
        layers: rows of `sparseift.training.layers`, as of `layers_step`; () where no attempt has left them.
    """

    trial: Mapping[str, Any]
    siblings: tuple[Mapping[str, Any], ...]
    course: Course
    log: str
    layers: tuple[Mapping[str, Any], ...] = ()
    layers_step: int = 0


def read(api: Api, frame: Frame) -> Look | None:
    """The address's trial, or a configuration's first, or else the best configuration's; None for a job without any."""
    job = frame.job
    assert job is not None
    number = _number(api, frame, job)
    if number is None:
        return None
    trial = api.trial(job.id, number)
    siblings = _of_configuration(api, job, trial["configuration_key"], kind=trial["kind"])
    others = [t for t in siblings if t["number"] != number and t["state"] == "complete"][:COMPARED]
    courses = api.courses(job.id, others, POINTS)
    total = max([r["total_steps"] for r in trial["reports"]] + [job.total_steps])
    course = Course(
        family=trial["family"],
        title=title(trial),
        reports=tuple(trial["reports"]),
        total_steps=total,
        others={f"Trial {c['number']}": c for c in courses},
        updates=updates(trial["configuration"].get("schedule"), total),
    )
    log = api.log(job.id, number) if trial["attempts"] else ""
    found = api.layers(job.id, trial) or {"layers": (), "step": 0}
    return Look(trial, tuple(siblings), course, log, tuple(found["layers"]), int(found["step"]))


def _number(api: Api, frame: Frame, job: Job) -> int | None:
    given = frame.get("trial")
    if given:
        if not given.isdigit():
            raise ApiError(f"The address asks for trial '{given}'; trials have numbers from 0 on.")
        return int(given)
    key = frame.get("key") or dict(job.best).get("configuration_key", "")
    if key:
        found = _of_configuration(api, job, key)
        if found:
            return int(found[0]["number"])
        raise ApiError(f"This job has no trial of the configuration '{key[:KEY_LENGTH]}' that the address asks for.")
    first = api.trials(job.id, limit=1)["items"]
    return int(first[0]["number"]) if first else None


def _of_configuration(api: Api, job: Job, key: str, kind: str | None = None) -> list[dict[str, Any]]:
    """Trials of a configuration, those of a kind first."""
    found = api.trials(job.id, configuration=key[:KEY_LENGTH], limit=LISTED)["items"]
    return sorted(found, key=lambda t: (t["kind"] != kind, t["state"] != "complete", t["number"]))


def title(trial: Mapping[str, Any]) -> str:
    """e.g. "trial 12, Sparse Wide at 75 %, seed 3"."""
    at = "" if trial["family"] == DENSE else f" at {percent(trial['sparsity'])}"
    return f"trial {trial['number']}, {family_name(trial['family'])}{at}, seed {trial['seed']}"


def headline(look: Look, job: Job) -> str:
    """What became of the trial, in a sentence."""
    t = look.trial
    words = title(t)
    if t["state"] == "complete" and t["value"] is not None:
        return f"{words[0].upper()}{words[1:]}: {value_text(t['value'], job.metric_unit)} on validation data."
    last = t["reports"][-1] if t["reports"] else None
    far = f" at step {last['step']} of {last['total_steps']}" if last else ""
    reason = f". {t['message']}" if t["message"] else "."
    return f"{words[0].upper()}{words[1:]}: {t['state']}{far}{reason}"


def facts(look: Look, job: Job) -> dict[str, str]:
    """The trial's configuration and sizes."""
    t, unit = look.trial, job.metric_unit
    return {
        "Kind": {"confirm": "confirmation", "baseline": "dense baseline"}.get(t["kind"], t["kind"]),
        "Mask schedule": schedule_text(t["configuration"]),
        "Size": t["scale"],
        "Test": value_text(t["test_value"], unit) if t["test_value"] is not None else "",
        "FLOPs × dense": f"{t['flop_ratio']:.4f}" if t["flop_ratio"] is not None else "",
        "Forward FLOPs per sample": big(t["forward_flops_per_sample"]),
        "Executed FLOPs per sample": big(t["executed_flops_per_sample"]),
        "Training FLOPs": big(t["training_flops"]),
        "Parameters": big(t["parameters"]),
        "Non-zero parameters": big(t["nonzero_parameters"]),
        "Training time": page.duration(t["training_seconds"]) if t["training_seconds"] is not None else "",
        "Configuration": t["configuration_key"],
    }


def layers_words(look: Look) -> str:
    """As of when the layers are told, and of how many how many are drawn."""
    when = f"as of step {look.layers_step}" if look.layers_step else "before its first step"
    shown = len(layers.drawn(look.layers))
    some = f" The {shown} that cost most of {len(look.layers)} are drawn." if shown < len(look.layers) else ""
    return f"The newest attempt's layers {when}; grey: not masked.{some}"


def environment(look: Look) -> dict[str, str]:
    """Versions and device of the newest attempt; the exact specification is left to the service."""
    attempts = look.trial["attempts"]
    found = attempts[-1]["environment"] if attempts else {}
    return {str(k).replace("_", " "): str(v) for k, v in found.items() if isinstance(v, str | int | float)}


def attempts(look: Look) -> Table:
    """Every execution of the trial, and why it ended."""
    return [
        {
            "Attempt": str(a["number"]),
            "State": a["state"].replace("_", " "),
            "Slot": a["slot"],
            "Started (UTC)": a["started_at"][:19].replace("T", " "),
            "Ended (UTC)": (a["ended_at"] or "–")[:19].replace("T", " "),
            "Reason": ": ".join(x for x in (a["failure_class"].replace("_", " "), a["message"]) if x) or "–",
        }
        for a in look.trial["attempts"]
    ]


def seeds(look: Look, job: Job) -> Table:
    """All trials of the configuration."""
    unit = job.metric_unit
    return [
        {
            "Trial": str(t["number"]) + (" (this)" if t["number"] == look.trial["number"] else ""),
            "Seed": str(t["seed"]),
            "Kind": t["kind"],
            "State": t["state"],
            "Validation": "–" if t["value"] is None else value_text(t["value"], unit),
            "Test": "–" if t["test_value"] is None else value_text(t["test_value"], unit),
        }
        for t in look.siblings
    ]


def neighbours(look: Look, job: Job, theme: str) -> str:
    """Links to the trials before and after."""
    n = int(look.trial["number"])
    total = sum(count for _, count in job.counts)
    links = []
    for words, to, is_there in (("← Trial", n - 1, n > 0), ("Trial →", n + 1, n + 1 < total)):
        if is_there:
            text = f"← Trial {to}" if words.startswith("←") else f"Trial {to} →"
            links.append(f'<a href="{address(job.id, to, theme)}">{text}</a>')
    return page.block(f'<p class="links">{"".join(links)}</p>')


def address(job_id: str, number: int, theme: str) -> str:
    """A trial's page, as an attribute's value."""
    return page.address("/trial/", theme, job=job_id, trial=str(number)).replace("&", "&amp;")


def rows(look: Look) -> Sequence[Mapping[str, Any]]:
    """The reports, unrounded, for files."""
    return [{"trial": look.trial["number"], **report} for report in look.trial["reports"]]


def charts_of(course: Course, job: Job, axis: str, theme: Theme, mo: Any) -> list[str]:
    """Every measure that the trial reported, as a chart each."""
    canvas = Canvas(theme, "container", paper=False)
    return [
        mo.as_html(
            mo.ui.altair_chart(
                course_chart(course, measure, name_of(measure, job), _axis(axis), canvas),
                chart_selection=False,
                legend_selection=False,
            )
        ).text
        for measure in shown(course)
    ]


def shown(course: Course) -> list[Measure]:
    """The measures to draw; loss and value are waited for."""
    always: tuple[Measure, ...] = ("train_loss", "value")
    more: tuple[Measure, ...] = ("churn", "itop", "sparsity")
    return [*always, *(m for m in more if measured(course, m))]


def name_of(measure: Measure, job: Job) -> str:
    """A measure with its unit."""
    return (
        f"Validation {job.metric_name.replace('_', ' ')} ({job.metric_unit})" if measure == "value" else NAMES[measure]
    )


def drawer(look: Look, frame: Frame) -> Draw:
    """The validation curve as a picture of its own."""
    job = frame.job
    assert job is not None
    return lambda canvas: course_chart(look.course, "value", name_of("value", job), _axis(frame.get("x")), canvas)


def _axis(given: str) -> Axis:
    return "training_flops" if given == "flops" else "step"

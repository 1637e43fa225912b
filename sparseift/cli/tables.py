"""The tables of the commands."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from rich import box
from rich.markup import escape
from rich.table import Table

from sparseift.cli import figures
from sparseift.cli.figures import flops, interval, number, percent, short

Json = Mapping[str, Any]


def _table(*columns: str, folded: str = "") -> Table:
    """A table of short columns that stay whole, but for one that takes what room is left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", caption_justify="left")
    for name in columns:
        # A number that lost digits would be another number: what does not fit ends in an ellipsis.
        overflow: Literal["fold", "ellipsis"] = "fold" if name == folded else "ellipsis"
        table.add_column(name, no_wrap=name != folded, overflow=overflow, ratio=1 if name == folded else None)
    return table


def best_table(curve: Json) -> Table:
    """The best configuration of each family beside dense, from a curve's JSON; narrow enough for 80 columns."""
    unit, dense = curve["metric"]["unit"], curve["dense"]
    table = _table("family", "sparsity", "validation", "test", "against dense", "n")
    table.title = curve["headline"]
    table.caption = f"{unit}, ± 95 % interval over n seeds; a difference without one is no gain yet"
    if dense:
        table.add_row("─ Dense", "0 %", interval(dense, unit), _test(dense, unit), "", str(len(dense["seeds"])))
    for answer in curve["best"]:
        point = answer["point"]
        gain = interval(point["gain"], unit, signed=True) if point["gain"] else "–"
        seeds = str(len(point["seeds"]))
        name, sparsity = _marked(answer["family"]), percent(point["sparsity"])
        table.add_row(name, sparsity, interval(point, unit), _test(point, unit), gain, seeds)
    return table


def best_notes(curve: Json) -> list[str]:
    """Beside the table: each winner's mask schedule, its FLOPs, and whether fresh seeds confirmed it."""
    notes = []
    for answer in curve["best"]:
        point = answer["point"]
        seeds = len(point["seeds"])
        fresh = f"confirmed on {seeds} fresh seed" + ("s" if seeds > 1 else "")
        sure = fresh if point["confirmed"] else "provisional"
        what = f"{_marked(answer['family'])}: {point['schedule']}"
        notes.append(f"{what}; {point['flop_ratio']:.4f} of dense's FLOPs; {sure}")
    return notes


def _marked(family: str) -> str:
    filled, _, colour = figures.mark(family)
    return f"[{colour}]{filled}[/] {short(family)}"


def _test(point: Json, unit: str) -> str:
    return interval({k: point[f"test_{k}"] for k in ("mean", "low", "high")}, unit)


def curve_table(curve: Json) -> Table:
    """Every point of a curve."""
    unit = curve["metric"]["unit"]
    shown = ("family", "sparsity", f"validation, {unit}", "against dense", "seeds", "FLOPs", "mask schedule")
    table = _table(*shown, folded="mask schedule")
    for point in curve["points"]:
        table.add_row(
            short(point["family"]) + (" (best)" if point["is_best"] else ""),
            percent(point["sparsity"]),
            interval(point, unit),
            interval(point["gain"], unit, signed=True) if point["gain"] else "–",
            str(len(point["seeds"])),
            f"{point['flop_ratio']:.4f}",
            point["schedule"],
        )
    return table


def trial_table(trials: Iterable[Json], unit: str) -> Table:
    """A job's trials."""
    shown = ("#", "kind", "family", "sparsity", "state", f"value, {unit}", "FLOPs", "time", "size, or what went wrong")
    table = _table(*shown, folded=shown[-1])
    for trial in trials:
        ratio, seconds = trial["flop_ratio"], trial["training_seconds"]
        table.add_row(
            str(trial["number"]),
            trial["kind"],
            short(trial["family"]),
            percent(trial["sparsity"]),
            figures.state(trial["state"]),
            number(trial["value"], unit),
            f"{ratio:.4f}" if ratio is not None else "–",
            figures.duration(seconds) if seconds is not None else "–",
            trial["message"] or trial["scale"],
        )
    return table


def job_table(jobs: Iterable[Json]) -> Table:
    """Jobs, one per row."""
    table = _table("job", "state", "submitted", "trials", "name", folded="name")
    for job in jobs:
        submitted = datetime.fromisoformat(job["created_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(job["id"], figures.state(job["state"]), submitted, counts_text(job["trials"]), job["name"])
    return table


def counts_text(counts: Mapping[str, int]) -> str:
    """ "12 complete, 2 running"."""
    return ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none yet"


def plan_table(plan: Json) -> Table:
    """What a job would train: every point with its exact size and what was moved to get there, or why it is refused."""
    table = _table("family", "nominal", "solved", "FLOPs", "parameters", "of them not zero", "size", folded="size")
    dense = plan["dense"]
    table.title = (
        f"{plan['total_steps']} steps of {plan['batch_size']} samples; dense: {flops(dense['forward_flops'])} forward "
        f"per sample, {flops(plan['dense_training_flops'])} to train"
    )
    table.caption = "FLOPs: forward, per sample, over dense's."
    for point in (dense, *plan["points"]):
        name, nominal = short(point["family"]), percent(point["nominal_sparsity"])
        if point["feasible"]:
            stored, active = figures.count(point["parameters"]), figures.count(point["nonzero_parameters"])
            ratio = f"{point['flop_ratio']:.5f}"
            size = escape(". ".join(filter(None, (point["scale"], point["reason"]))))
            table.add_row(name, nominal, percent(point["sparsity"]), ratio, stored, active, size)
        else:
            table.add_row(name, nominal, "[yellow]refused[/]", "–", "–", "–", escape(point["reason"]))
    return table

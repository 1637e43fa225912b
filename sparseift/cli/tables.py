"""The tables of the commands."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from sparseift.cli import figures
from sparseift.cli.figures import flops, interval, number, percent, short

Json = Mapping[str, Any]


def best_table(curve: Json) -> Table:
    """The best configuration of each family beside dense, from a curve's JSON."""
    unit = curve["metric"]["unit"]
    table = Table(title=curve["headline"], title_justify="left", caption_justify="left")
    table.caption = "95 % intervals over seeds; FLOPs are forward FLOPs per sample over dense's."
    for name in ("family", "sparsity", f"validation, {unit}", f"test, {unit}", "gain over dense", "seeds", "FLOPs"):
        table.add_column(name)
    table.add_column("mask schedule", overflow="fold")
    dense = curve["dense"]
    if dense:
        table.add_row(
            "Dense", "0 %", interval(dense, unit), _test(dense, unit), "", str(len(dense["seeds"])), "1.0000", ""
        )
    for answer in curve["best"]:
        point = answer["point"]
        note = "" if point["confirmed"] else ", provisional"
        table.add_row(
            f"[{figures.mark(answer['family'])[2]}]{figures.mark(answer['family'])[0]}[/] {short(answer['family'])}",
            percent(point["sparsity"]),
            interval(point, unit),
            _test(point, unit),
            interval(point["gain"], unit, signed=True) if point["gain"] else "–",
            f"{len(point['seeds'])}{note}",
            f"{point['flop_ratio']:.4f}",
            point["schedule"],
        )
    return table


def _test(point: Json, unit: str) -> str:
    return interval({k: point[f"test_{k}"] for k in ("mean", "low", "high")}, unit)


def curve_table(curve: Json) -> Table:
    """Every point of a curve."""
    unit = curve["metric"]["unit"]
    table = Table("family", "sparsity", f"validation, {unit}", "gain over dense", "seeds", "FLOPs", "mask schedule")
    for point in curve["points"]:
        table.add_row(
            short(point["family"]) + (" (best)" if point["is_best"] else ""),
            percent(point["sparsity"]),
            interval(point, unit),
            number(point["gain"]["mean"], unit, signed=True) if point["gain"] else "–",
            str(len(point["seeds"])),
            f"{point['flop_ratio']:.4f}",
            point["schedule"],
        )
    return table


def trial_table(trials: Iterable[Json], unit: str) -> Table:
    """A job's trials."""
    table = Table("#", "kind", "family", "sparsity", "size", "state", f"value, {unit}", "FLOPs", "time")
    for trial in trials:
        ratio, seconds = trial["flop_ratio"], trial["training_seconds"]
        table.add_row(
            str(trial["number"]),
            trial["kind"],
            short(trial["family"]),
            percent(trial["sparsity"]),
            trial["scale"],
            figures.state(trial["state"]) + (f": {trial['message']}" if trial["message"] else ""),
            number(trial["value"], unit),
            f"{ratio:.4f}" if ratio is not None else "–",
            figures.duration(seconds) if seconds is not None else "–",
        )
    return table


def job_table(jobs: Iterable[Json]) -> Table:
    """Jobs, one per row."""
    table = Table("job", "name", "state", "trials", "submitted")
    for job in jobs:
        submitted = datetime.fromisoformat(job["created_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(job["id"], job["name"], figures.state(job["state"]), counts_text(job["trials"]), submitted)
    return table


def counts_text(counts: Mapping[str, int]) -> str:
    """ "12 complete, 2 running"."""
    return ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none yet"


def plan_table(plan: Json) -> Table:
    """What a job would train: every point with its exact size, or why it is refused."""
    table = Table(
        "family", "asked", "solved", "size", "FLOPs over dense", "parameters (non-zero)", title_justify="left"
    )
    dense = plan["dense"]
    table.title = (
        f"{plan['total_steps']} steps of {plan['batch_size']} samples; dense: {flops(dense['forward_flops'])} forward "
        f"per sample, {flops(plan['dense_training_flops'])} to train"
    )
    for point in (dense, *plan["points"]):
        if point["feasible"]:
            size = f"{figures.count(point['parameters'])} ({figures.count(point['nonzero_parameters'])})"
            solved, ratio = percent(point["sparsity"]), f"{point['flop_ratio']:.5f}"
            table.add_row(
                short(point["family"]), percent(point["nominal_sparsity"]), solved, point["scale"], ratio, size
            )
        else:
            asked = percent(point["nominal_sparsity"])
            table.add_row(short(point["family"]), asked, "[yellow]refused[/]", point["reason"], "–", "–")
    return table

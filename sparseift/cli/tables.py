"""The tables of the commands."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from sparseift.cli import figures
from sparseift.cli.figures import flops, interval, number, percent, short

Json = Mapping[str, Any]


def grid(*columns: str, folded: str = "") -> Table:
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
    table = grid("family", "sparsity", "validation", "test", "against dense", "n")
    if dense:
        table.add_row("─ Dense", "0 %", interval(dense, unit), _test(dense, unit), "", str(len(dense["seeds"])))
    for rung in curve.get("ladder", ()):  # an older service tells of none
        larger = f"╌ Dense {rung['flop_multiple']:.3g}×"
        table.add_row(larger, "0 %", interval(rung, unit), "", "", str(len(rung["seeds"])))
    for answer in curve["best"]:
        point = answer["point"]
        gain = interval(point["gain"], unit, signed=True) if point["gain"] else "–"
        seeds = str(len(point["seeds"]))
        name, sparsity = _marked(answer["family"]), percent(point["sparsity"])
        table.add_row(name, sparsity, interval(point, unit), _test(point, unit), gain, seeds)
    return table


def standing_table(curve: Json) -> Table:
    """Where each family stands while a search goes on; a difference is one only once fresh seeds confirm it."""
    unit, dense = curve["metric"]["unit"], curve["dense"]
    table = grid("so far", "sparsity", f"validation, {unit}", "against dense", "n")
    if dense:
        table.add_row("─ Dense", "", interval(dense, unit), "", str(len(dense["seeds"])))
    for answer in curve["best"]:
        point = answer["point"]
        gain = interval(point["gain"], unit, signed=True) if point["gain"] else "–"
        table.add_row(
            _marked(answer["family"]), percent(point["sparsity"]), interval(point, unit), gain, str(len(point["seeds"]))
        )
    return table


def best_notes(curve: Json) -> list[Text]:
    """Below the table: its unit, each winner's mask schedule, its FLOPs, and whether fresh seeds confirmed it."""
    unit = curve["metric"]["unit"]
    notes = [Text(f"{unit}, ± 95 % interval over n seeds; a difference without one is no gain yet")]
    for answer in curve["best"]:
        point = answer["point"]
        seeds = len(point["seeds"])
        fresh = f"confirmed on {seeds} fresh seed" + ("s" if seeds > 1 else "")
        sure = fresh if point["confirmed"] else "provisional"
        told = f": {point['schedule']}; {point['flop_ratio']:.4f} of dense's FLOPs; {sure}"
        notes.append(_marked(answer["family"]).append(told))
    return notes


def _marked(family: str) -> Text:
    filled, _, colour = figures.mark(family)
    return Text.assemble((filled, colour), f" {short(family)}")


def _test(point: Json, unit: str) -> str:
    return interval({k: point[f"test_{k}"] for k in ("mean", "low", "high")}, unit)


def curve_table(curve: Json) -> Table:
    """Every point of a curve."""
    unit = curve["metric"]["unit"]
    shown = ("family", "sparsity", f"validation, {unit}", "against dense", "seeds", "FLOPs", "mask schedule")
    table = grid(*shown, folded="mask schedule")
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


def trial_name(trial: Json) -> str:
    """A trial's family; of a rung of the ladder also how much larger it is: "Dense ×2"."""
    multiple = trial.get("configuration", {}).get("flop_multiple", 1.0)
    return short(trial["family"]) + (f" ×{multiple:.3g}" if multiple != 1.0 else "")


def trial_table(trials: Iterable[Json], unit: str) -> Table:
    """A job's trials."""
    head = ("#", "kind", "family", "sparsity", "state", f"value, {unit}")
    shown = (
        *head,
        "FLOPs/sample",
        "time",
        "size, or what went wrong",
    )  # of a run that was pruned too: not what it spent
    table = grid(*shown, folded=shown[-1])
    for trial in trials:
        ratio, seconds = trial["flop_ratio"], trial["training_seconds"]
        table.add_row(
            str(trial["number"]),
            trial["kind"],
            trial_name(trial),
            "" if trial["family"] == "dense" else percent(trial["sparsity"]),
            figures.state(trial["state"]),
            number(trial["value"], unit),
            f"{ratio:.4f}" if ratio is not None else "–",
            figures.duration(seconds) if seconds is not None else "–",
            trial["message"] or trial["scale"],
        )
    return table


def job_table(jobs: Iterable[Json]) -> Table:
    """Jobs, one per row."""
    table = grid("job", "state", "submitted", "trials", "name", folded="name")
    for job in jobs:
        submitted = datetime.fromisoformat(job["created_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
        counts = counts_text(job["trials"])
        table.add_row(job["id"], figures.state(job["state"]), submitted, counts, job["name"])
    return table


def counts_text(counts: Mapping[str, int]) -> str:
    """ "12 complete, 2 running"."""
    return ", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none yet"


def plan_table(plan: Json) -> Table:
    """What a job would train: every point with its exact size and what was moved to get there, or why it is refused."""
    dense = plan["dense"]
    ladder = [(point, f" ×{point['flop_ratio']:.3g}") for point in plan.get("ladder", ())]
    points = [*((point, "") for point in (dense, *plan["points"])), *ladder]
    # An older service tells of no point's memory, and a narrow terminal has no room for a column of nothing.
    memory = ("memory",) if any(point.get("training_memory_bytes") is not None for point, _ in points) else ()
    shown = ("family", "nominal", "solved", "FLOPs", "executed", "parameters", "non-zeros", *memory, "size")
    table = grid(*shown, folded="size")
    table.title = (
        f"{plan['total_steps']} steps of {plan['batch_size']} samples; dense: {flops(dense['forward_flops'])} forward "
        f"per sample, {flops(plan['dense_training_flops'])} to train"
    )
    table.caption = (
        "FLOPs, executed: forward, per sample, over dense's; as counted without zeros, and as run with masks."
    ) + (" memory: of training, estimated." if memory else "")
    for point, larger in points:
        label, nominal = short(point["family"]) + larger, percent(point["nominal_sparsity"])
        if point["feasible"]:
            executed = f"{point['executed_flops'] / dense['forward_flops']:.2f}"
            stored, active = figures.count(point["parameters"]), figures.count(point["nonzero_parameters"])
            bytes_ = point.get("training_memory_bytes")
            takes = ("–" if bytes_ is None else figures.size(bytes_),) if memory else ()
            size = ". ".join(filter(None, (point["scale"], point["reason"])))
            numbers = (percent(point["sparsity"]), f"{point['flop_ratio']:.5f}", executed, stored, active, *takes)
            table.add_row(label, nominal, *numbers, size)
        else:
            unknown = ["–"] * (4 + len(memory))
            table.add_row(label, nominal, Text("refused", "yellow"), *unknown, point["reason"])
    return table


def plan_notes(answer: Json) -> list[str]:
    """Beside the plan: how many trials of which kind, what they compute, and the memory that one takes."""
    planned, plan = answer["planned_trials"], answer["plan"]
    dense = plan["dense"]["forward_flops"]
    executed = max(
        (p["executed_flops"] / dense for p in (plan["dense"], *plan["points"]) if p["feasible"]), default=1.0
    )
    ladder = f", {planned['ladder']} of larger dense models" if planned.get("ladder") else ""
    return [
        f"{planned['total']} trials: {planned['baseline']} dense, {planned['search']} in the search, "
        f"{planned['confirm']} confirmations{ladder}; nothing was stored.",
        f"Together {flops(answer['training_flops'])} of training, of which masked dense kernels execute up to "
        f"{executed:.1f} times as many; about {figures.size(plan['training_memory_bytes'])} for the largest trial.",
        time_note(answer["device_time"]),
    ]


def time_note(time: Json) -> str:
    """How long all trials would keep one slot busy, and what that rests on."""
    if time["total_s"] is None:
        return "How long it takes is unknown: nothing comparable has been trained here yet."
    shared = {"model_and_dataset": "this model and data set", "model": "this model", "dataset": "this data set"}
    longest = max(filter(None, (time["dense_s"], *time["points_s"])))
    return (
        f"About {figures.duration(time['total_s'])} on one slot, one trial up to {figures.duration(longest)}: by the "
        f"speed of {time['measured_trials']} earlier trials of {shared[time['basis']]}."
    )

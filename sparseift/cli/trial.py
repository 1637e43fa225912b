"""How one trial is shown: what it is, where it ran, and its course."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from sparseift.cli import figures
from sparseift.cli.figures import number, percent
from sparseift.cli.tables import grid, trial_name

Json = Mapping[str, Any]
COURSE = 12  # reports shown of a long course


def trial_lines(trial: Json, unit: str) -> Iterator[str]:
    """What a trial is and what came of it, a sentence per line."""
    kind, family, state = trial["kind"], trial_name(trial), trial["state"]
    at = "" if trial["family"] == "dense" else f" at {percent(trial['sparsity'])}"
    yield f"Trial {trial['number']} ({kind}): {family}{at}, {state}. {trial['message']}".rstrip()
    if schedule := trial["configuration"].get("schedule"):
        yield "Masks    " + ", ".join(f"{name} {value}" for name, value in schedule.items())
    if trial["scale"]:
        yield f"Size     {trial['scale']}"
    if trial["parameters"] is not None:
        stored, active = figures.count(trial["parameters"]), figures.count(trial["nonzero_parameters"])
        yield f"Weights  {stored} stored, {active} of them not zero"
    if trial["forward_flops_per_sample"] is not None:
        forward, executed = trial["forward_flops_per_sample"], trial["executed_flops_per_sample"]
        shares = f"{figures.flops(forward)} forward per sample, {figures.flops(executed)} as executed"
        yield f"FLOPs    {shares}, {trial['flop_ratio']:.5f} of dense's{_stopped_at(trial)}"
    if trial["value"] is not None:
        test = "" if trial["test_value"] is None else f", test {number(trial['test_value'], unit)} {unit}"
        yield f"Value    {number(trial['value'], unit)} {unit} on validation{test}"
    if trial["training_seconds"] is not None:
        yield f"Time     {figures.duration(trial['training_seconds'])} of training"
    yield f"Seed     {trial['seed']}; configuration {trial['configuration_key']}"
    if saved := trial["checkpoint"]:
        yield f"Saved    at step {saved['step']}: {saved['path']}"


def _stopped_at(trial: Json) -> str:
    """What a pruned trial has spent: the FLOPs of its sizes are not those of its training."""
    if trial["state"] != "pruned":
        return ""
    if not trial.get("reports"):
        return "; its training was stopped before it had spent them all"
    last = trial["reports"][-1]
    spent, step = figures.flops(last["training_flops"]), f"step {last['step']} of {last['total_steps']}"
    return f"; its training was stopped at {spent}, {step}"


def attempt_table(attempts: Iterable[Json]) -> Table:
    """Where a trial ran, how often, and what ended each time."""
    shown = grid("attempt", "state", "slot", "began", "time", "what went wrong", folded="what went wrong")
    for attempt in attempts:
        began = datetime.fromisoformat(attempt["started_at"]).astimezone()
        ended = attempt["ended_at"]
        seconds = None if ended is None else (datetime.fromisoformat(ended).astimezone() - began).total_seconds()
        shown.add_row(
            str(attempt["number"]),
            figures.state(attempt["state"]),
            attempt["slot"],
            began.strftime("%Y-%m-%d %H:%M:%S"),
            "–" if seconds is None else figures.duration(seconds),
            ": ".join(filter(None, (attempt["failure_class"], attempt["message"]))),
        )
    return shown


def report_table(reports: list[Json], unit: str) -> Table:
    """The course, thinned to what fits a screen; the last report is always there."""
    shown = grid("step", "training loss", f"value, {unit}", "sparsity", "churn", "ever active", "time")
    stride = -(-len(reports) // COURSE)
    for report in [*reports[:-1:stride], reports[-1]]:
        shown.add_row(
            f"{report['step']} of {report['total_steps']}",
            "–" if report["train_loss"] is None else f"{report['train_loss']:.4f}",
            number(report["value"], unit),
            *("–" if report[name] is None else percent(report[name]) for name in ("sparsity", "churn", "itop")),
            figures.duration(report["seconds"]),
        )
    return shown

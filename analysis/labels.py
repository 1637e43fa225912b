"""Names as people read them: families, metrics and mask schedules."""

from collections.abc import Mapping
from typing import Any

from sparseift.records import Metric

METHODS = {"static": "static", "set": "SET", "rigl": "RigL", "snfs": "SNFS", "granet": "GraNet", "gmp": "GMP"}


def family_name(family: str) -> str:
    """ "sparse_wide" as "Sparse Wide"."""
    return family.replace("_", " ").title()


def short_family_name(family: str) -> str:
    """ "sparse_wide" as "Wide", where room is short."""
    return family_name(family).removeprefix("Sparse ")


def metric_title(metric: Metric) -> str:
    """The metric with unit and direction, e.g. "Accuracy (%), higher is better"."""
    name = metric.name.replace("_", " ")
    better = "higher" if metric.direction == "maximize" else "lower"
    unit = "" if metric.unit == name.replace(" per ", "/") else f" ({metric.unit})"
    return f"{name[:1].upper()}{name[1:]}{unit}, {better} is better"


def schedule_text(configuration: Mapping[str, Any] | None) -> str:
    """A canonical configuration's mask schedule, e.g. "RigL, ΔT 100 steps, α₀ 0.30 cosine to 75 %"; or ""."""
    schedule = (configuration or {}).get("schedule")
    if not schedule:
        return ""
    text = METHODS.get(schedule["method"], schedule["method"])
    if "delta_t_steps" in schedule:
        text += f", ΔT {schedule['delta_t_steps']} steps"
        if "drop_fraction" in schedule:  # gradual pruning drops no share
            text += f", α₀ {schedule['drop_fraction']:.2f} {schedule['anneal']}"
        text += f" to {100 * schedule['t_end_fraction']:.0f} %"
    return text if schedule["distribution"] == "uniform" else f"{text}, {schedule['distribution'].upper()}"

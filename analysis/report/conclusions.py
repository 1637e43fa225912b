"""What ran, what is concluded, and what is not: the short text that a report begins with."""

import math

from analysis.headline import progress_text
from analysis.labels import family_name
from analysis.report.material import Material
from analysis.units import decimals, difference_unit, number, percent
from sparseift.records import Named

SCOPES = {
    "model": "the whole model",
    "linear_layers": "the model's linear layers",
    "masked_layers": "the layers that are masked",
}
STATES = {  # of a job
    "queued": "waits",
    "running": "is running",
    "paused": "is paused",
    "stopping": "is stopping",
    "succeeded": "has succeeded",
    "failed": "has failed",
    "cancelled": "was cancelled",
}
FEW_SEEDS = 5  # below which the number of seeds is named as a limit


def what_ran(found: Material) -> tuple[str, ...]:
    """What was asked, how far it came, and what it took."""
    spec, plan, spent = found.spec, found.plan, found.ledger
    families = ", ".join(family_name(f) for f in spec.families)
    model, data = (_named(n) for n in (spec.model, spec.dataset))
    text = [
        f"{model} on {data}: {families} against the dense model, each at the dense model's FLOPs in "
        f"{SCOPES[spec.scope]}, {plan.total_steps} steps of {plan.batch_size} samples per run, the dense model's own "
        "training recipe unchanged.",
        f"The job {STATES.get(found.state, found.state)}{_why(found)}: "
        f"{progress_text(found.curve.counts, found.curve.expected_runs)}.",
    ]
    if spent.total.trials:
        text.append(
            f"Training took {spent.total.algorithmic_flops:.3g} FLOPs by non-zeros, as much as {spent.dense_runs:.1f} "
            f"trainings of the dense model, and {duration(spent.total.device_seconds)} of slots; masked-dense kernels "
            f"executed {spent.total.executed_flops:.3g} FLOPs."
        )
    refused = sum(not p.feasible for p in plan.points)
    if refused:
        text.append(f"{refused} of {len(plan.points)} points of the space cannot meet the FLOP budget and never ran.")
    return tuple(text)


def what_is_concluded(found: Material) -> tuple[str, ...]:
    """Each family's verdict at equal FLOPs, and what stands open."""
    curve, unit = found.curve, found.curve.metric.unit
    if not curve.best:
        return (curve.headline,)
    text = []
    for best in curve.best:
        point = best.point
        name = f"{family_name(best.family)} at {percent(point.sparsity)} sparsity"
        against = next((c for c in found.comparison.comparisons if c.key == point.configuration_key), None)
        if against is None or against.difference is None:
            text.append(f"{name}: there is no dense run to compare it with.")
            continue
        amount = f"{number(abs(against.difference), unit)} {difference_unit(unit)}"
        said = {
            "better": f"better than dense by {amount}",
            "worse": f"worse than dense by {amount}",
            "tie": "not told apart from dense",
            "unknown": f"{amount} {'above' if against.difference >= 0 else 'below'} dense, without an interval",
        }[against.verdict]
        kind = "confirmed on fresh seeds" if point.confirmed else "provisional: chosen and reported by the same runs"
        text.append(f"{name}: {said} ({_interval(against.low, against.high, unit)}{_runs(len(point.seeds))}; {kind}).")
    if len(found.comparison.ties) > 1:
        keys = {b.point.configuration_key: family_name(b.family) for b in curve.best}
        text.append(
            f"Not told apart from each other: {', '.join(keys[k] for k in found.comparison.ties if k in keys)}."
        )
    return tuple(text)


def limits(found: Material) -> tuple[str, ...]:
    """What a reader must not conclude, as far as it follows from what ran."""
    curve, spec = found.curve, found.spec
    text = [_seed_limit(found)] if curve.best else ["No sparse run has a result: nothing is concluded about families."]
    if any(not b.point.confirmed for b in curve.best):
        text.append(
            "Provisional configurations were chosen by the runs that they are reported by; the best of many single "
            "runs flatters itself, so expect less on fresh seeds."
        )
    tested = curve.dense is not None and curve.dense.test_mean is not None
    text.append(
        f"The validation split chose everything; the test split "
        f"{'was measured by final runs alone and chose nothing' if tested else 'was not touched'}."
    )
    text.append(
        "Intervals are 95 %, over seeds, and assume roughly normal seed noise. A tie is no proof of equality, and a "
        "sparsity that was not tried is not judged."
    )
    text.append(
        f"One model, one data set, one training recipe ({spec.model.name}, {spec.dataset.name}): nothing is concluded "
        "about others, nor about a recipe tuned for sparse models."
    )
    text.append(
        "FLOPs count non-zeros. Masked-dense kernels execute more: equal FLOPs are not equal time on today's devices."
    )
    without = [f"{n} {state}" for state in ("failed", "pruned", "cancelled") if (n := found.trials(state))]
    if without:
        text.append(f"Runs without a result: {', '.join(without)}.")
    if len(found.commits) > 1 or any(c.endswith("+") for c in found.commits):
        text.append("Runs came from more than one state of the source, or from one with uncommitted changes.")
    if not found.has_ended:
        text.append(f"The job has not ended: this report is as of {found.as_of} UTC.")
    return tuple(text)


def _named(thing: Named) -> str:
    """e.g. "mlp (width 256)"."""
    arguments = ", ".join(f"{name} {value}" for name, value in sorted(thing.arguments.items()))
    return f"{thing.name} ({arguments})" if arguments else thing.name


def _why(found: Material) -> str:
    return f" ({found.message.rstrip('.')})" if found.message else ""


def _interval(low: float | None, high: float | None, unit: str) -> str:
    if low is None or high is None:
        return ""
    return f"95 % interval {number(low, unit, signed=True)} to {number(high, unit, signed=True)}, "


def _runs(n: int) -> str:
    return f"n = {n} seed" + ("" if n == 1 else "s")


def _seed_limit(found: Material) -> str:
    curve = found.curve
    fewest = min([len(b.point.seeds) for b in curve.best] + ([len(curve.dense.seeds)] if curve.dense else []))
    text = f"{'As few as ' if fewest < FEW_SEEDS else ''}{fewest} seed{'' if fewest == 1 else 's'} per answer"
    first = curve.best[0].point.configuration_key
    open_ = [c for c in found.comparison.comparisons if c.key == first and c.verdict == "tie"]
    if not open_ or not open_[0].difference or open_[0].difference < 10.0 ** -decimals(curve.metric.unit):
        return f"{text}."
    seeds = open_[0].seeds_to_see
    more = "more than 500" if seeds is None else str(seeds)
    return f"{text}; a true difference as large as the one seen would show with about {more} seeds (power .8)."


def duration(seconds: float) -> str:
    """e.g. "41 s", "12.5 min", "3.2 h"; "0 s" for nothing."""
    if not math.isfinite(seconds) or seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

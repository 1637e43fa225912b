"""`sparseift compare`, `equivalence`, `pareto`, `smooth`, `importance` and `ledger`: a job's answer, asked further."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from sparseift.cli.connection import connect
from sparseift.cli.figures import count, duration, flops, interval, number, percent, short
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out, show_json
from sparseift.cli.tables import grid
from sparseift.client import Question

COMPARE_EXAMPLES = examples("sparseift compare last", "sparseift compare JOB KEY OTHER_KEY --reference THIRD_KEY")
EQUIVALENCE_EXAMPLES = examples("sparseift equivalence last")
PARETO_EXAMPLES = examples("sparseift pareto last", "sparseift pareto JOB --cost executed_flops")
SMOOTH_EXAMPLES = examples("sparseift smooth last")
IMPORTANCE_EXAMPLES = examples("sparseift importance last")
SIZES_EXAMPLES = examples("sparseift sizes", "sparseift sizes --dataset cifar10 --family sparse_wide")
LEDGER_EXAMPLES = examples("sparseift ledger last", "sparseift ledger JOB --json")

Json = Mapping[str, Any]
Show = Callable[[Json], Iterator[RenderableType]]


def _answer(api: str, job: str, question: Question, show: Show, as_json: bool, **arguments: Any) -> None:
    with connect(api) as client:
        found = client.answer(resolve(client, job), question, **arguments)
    if as_json:
        show_json(found)
        return
    for part in show(found):
        out.print(part)


def compare(
    job: JobId = "last",
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Configurations; without any, each family's best.")
    ] = None,
    reference: Annotated[
        str, typer.Option("--reference", help="What they are compared with: dense, or a configuration's key.")
    ] = "dense",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Compare configurations at equal FLOPs, with intervals that hold together; refused where FLOPs differ."""
    _answer(api, job, "compare", _comparisons, as_json, key=keys, reference=reference)


def _comparisons(found: Json) -> Iterator[RenderableType]:
    unit = found["metric"]["unit"]
    table = grid("family", "sparsity", f"difference, {unit}", "verdict", "seeds", "to see it", "configuration")
    for row in found["comparisons"]:
        estimate = {"mean": row["difference"], "low": row["low"], "high": row["high"]}
        shown = "refused" if row["refusal"] else interval(estimate, unit, signed=True)
        table.add_row(
            short(row["family"]),
            percent(row["sparsity"]),
            shown,
            row["verdict"],
            str(row["seeds"]),
            "–" if row["seeds_to_see"] is None else str(row["seeds_to_see"]),
            row["key"],
        )
    yield f"Against {found['reference']}; positive is better; the 95 % intervals hold together."
    yield "to see it: seeds that would show a true difference as large as this one (power .8)."
    yield table
    yield from (row["refusal"]["message"] for row in found["comparisons"] if row["refusal"])
    if len(found["ties"]) > 1:
        yield f"Noise does not separate: {', '.join(found['ties'])}."


def equivalence(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Say which larger dense model each confirmed configuration, and each family's provisional best, equals.

    Needs a job with a `ladder`.
    """
    _answer(api, job, "equivalence", _equivalence, as_json)


def _equivalence(found: Json) -> Iterator[RenderableType]:
    unit = found["metric"]["unit"]
    table = grid("family", "sparsity", "equals a dense model of", "status", "why not", folded="why not")
    for row in found["multipliers"]:
        value = "–" if row["value"] is None else f"{row['value']:.2f} x FLOPs{_ends(row['low'], row['high'])}"
        status = "confirmed" if row["confirmed"] else "provisional"
        table.add_row(short(row["family"]), percent(row["sparsity"]), value, status, row["message"])
    yield table
    sizes = [f"{size['flop_multiple']:.2f} x: {interval(size, unit)}" for size in found["sizes"]]
    yield f"Dense models, {unit}: {'; '.join(sizes) or 'none'}."
    if found["gain_per_doubling"] is not None:
        yield f"A doubling of dense's FLOPs gains {number(found['gain_per_doubling'], unit, signed=True)} {unit}."


def _ends(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f" [{'below' if low is None else f'{low:.2f}'}, {'above' if high is None else f'{high:.2f}'}]"


def pareto(
    job: JobId = "last",
    cost: Annotated[
        str,
        typer.Option(
            "--cost",
            help="forward_flops, executed_flops, training_flops, parameters, nonzero_parameters or seconds.",
        ),
    ] = "training_flops",
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show the Pareto front over a cost: what nothing cheaper beats, and what is behind only by noise."""
    _answer(api, job, "pareto", _pareto, as_json, cost=cost)


def _pareto(found: Json) -> Iterator[RenderableType]:
    unit, cost = found["metric"]["unit"], found["cost"]
    table = grid("status", cost, f"validation, {unit}", "seeds", "what", folded="what")
    for point in found["points"]:
        shown = duration(point["cost"]) if cost == "seconds" else count(point["cost"])
        table.add_row(point["status"], shown, interval(point, unit), str(point["seeds"]), point["label"])
    yield table
    yield "tied: behind by the means alone, not beyond noise."
    if found["without_cost"]:
        yield f"Configurations without a known {cost}: {found['without_cost']}."


def smooth(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show each family's smooth curve over sparsity: its best level, what else may be best, and where to look next."""
    _answer(api, job, "smooth", _smooth, as_json)


def _smooth(found: Json) -> Iterator[RenderableType]:
    table = grid("family", "best level", "may be best too", "try next", "runs", "why not", folded="why not")
    for curve in found["curves"]:
        best, following = (_level(curve[name]) for name in ("best_sparsity", "next_sparsity"))
        others = ", ".join(percent(level) for level in curve["candidates"] if level != curve["best_sparsity"])
        table.add_row(short(curve["family"]), best, others or "–", following, str(curve["runs"]), curve["reason"])
    yield table


def _level(sparsity: float | None) -> str:
    return "–" if sparsity is None else percent(sparsity)


def importance(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show what of the mask schedule matters: shares of importance, and effects at fixed sparsity and seed."""
    _answer(api, job, "importance", _importance, as_json)


def _importance(found: Json) -> Iterator[RenderableType]:
    unit = found["metric"]["unit"]
    if found["reason"]:
        yield found["reason"]
    shares = grid("parameter", "importance", "stability", "by chance", "runs")
    for row in found["importances"]:
        between = f"{percent(row['low'])} – {percent(row['high'])}"
        shares.add_row(row["parameter"], percent(row["share"]), between, percent(row["chance"]), str(row["runs"]))
    if found["importances"]:
        yield shares
    effects = grid("change", f"effect, {unit}", "cells", "runs")
    for row in found["effects"]:
        estimate = {"mean": row["effect"], "low": row["low"], "high": row["high"]}
        shown = interval(estimate, unit, signed=True)
        effects.add_row(f"{row['parameter']}: {row['change']}", shown, str(row["cells"]), str(row["runs"]))
    if found["effects"]:
        yield effects
    for row in found["associations"]:
        if row["correlation"] is not None:
            found_in = f"{row['correlation']:+.2f} ({row['runs']} runs)"
            yield f"Rank correlation of {row['measure']} with the metric: {found_in}."


def ledger(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show where a job's compute went: useful FLOPs, executed FLOPs and time, by outcome, kind and family."""
    _answer(api, job, "ledger", _ledger, as_json)


def _ledger(found: Json) -> Iterator[RenderableType]:
    parts: Iterable[tuple[str, list[Json]]] = (
        ("by outcome", found["by_outcome"]), ("by kind", found["by_kind"]), ("by family", found["by_family"])
    )  # fmt: skip
    table = grid("", "trials", "non-zeros only", "as executed", "device time")
    for title, rows in (*parts, ("", [found["total"]])):
        if title:
            table.add_row(title, "", "", "", "")
        for row in rows:
            useful, executed = flops(row["algorithmic_flops"]), flops(row["executed_flops"])
            name = short(row["name"]) if title == "by family" else row["name"]
            table.add_row(f"  {name}", str(row["trials"]), useful, executed, duration(row["device_seconds"]))
    yield table
    share = found["result_share"]
    useful = "" if share is None else f"; {percent(share)} of it is, or may become, a result"
    yield f"As much as {found['dense_runs']:.1f} trainings of the dense model{useful}."


def sizes(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Jobs on this data set alone.")] = None,
    family: Annotated[str | None, typer.Option("--family", help="This family alone.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show over all your jobs how the best confirmed sparsity goes with the size of the model."""
    with connect(api) as client:
        found = client.best_against_size(dataset, family)
    if as_json:
        show_json(found)
        return
    for part in _sizes(found):
        out.print(part)


def _sizes(found: Json) -> Iterator[RenderableType]:
    if not found["points"]:
        yield "No job has a confirmed answer yet."
        return
    table = grid("family", "model", "data set", "dense FLOPs/sample", "best sparsity", "gain", "seeds", "job")
    for p in found["points"]:
        gain = "–" if p["gain"] is None else f"{p['gain']:+.3g}"
        table.add_row(
            short(p["family"]), p["model"], p["dataset"], count(p["size"]), percent(p["sparsity"]), gain,
            str(p["seeds"]), p["job_id"],
        )  # fmt: skip
    yield table
    for t in found["trends"]:
        name = short(t["family"])
        if t["slope"] is None:
            yield f"{name}: {t['sizes']} of at least 3 sizes have an answer; no trend is given."
        elif t["low"] is None:
            yield f"{name}: all {t['jobs']} jobs lie on one line, which leaves no spread for an interval."
        else:
            yield (
                f"{name}: 1/(1 − s) doubles {t['slope']:+.2f} times per tenfold FLOPs (95 % interval {t['low']:+.2f} "
                f"to {t['high']:+.2f}, {t['jobs']} jobs)."
            )

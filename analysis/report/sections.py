"""The report's sections, from what was found; every state of a job has all of them, and says what is not there."""

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

from analysis.charting.equivalence import equivalence_chart, multiplier_table, sizes_table
from analysis.charting.frame import Canvas
from analysis.charting.gains import gains_chart
from analysis.charting.panels import associations_table, effects_table, importance_table
from analysis.charting.pareto import pareto_chart, pareto_table
from analysis.charting.smooth import smooth_chart, smooth_table
from analysis.charts import caption, iso_flop_chart, unbroken
from analysis.labels import family_name
from analysis.report import grids
from analysis.report.citation import bibtex, citation, job_file
from analysis.report.conclusions import limits, what_is_concluded, what_ran
from analysis.report.document import Block, Bullets, Code, Document, Figure, Grid, Heading, Section, Words
from analysis.report.material import Material
from analysis.tables import best_table, point_table

MOST_POINTS = 200  # rows of the table of every configuration
MOST_ENVIRONMENTS = 6
MOST_FRONT = 24  # rows of the Pareto table
MOST_BEHIND = 250  # points of its chart that are not on the front

Answer = Mapping[str, Any]


def report(found: Material) -> Document:
    """The whole report."""
    curve = found.curve
    return Document(
        title=curve.name,
        status=f"Job {curve.job_id} · {found.state} · created {found.created_at} UTC · as of {found.as_of} UTC",
        headline=unbroken(curve.headline),
        sections=(
            _summary(found),
            _picture(found),
            _best(found),
            _comparison(found),
            _equivalence(found),
            _pareto(found),
            _sparsity(found),
            _masks(found),
            _runs(found),
            _compute(found),
            _points(found),
            _environment(found),
            _again(found),
            Section("How to cite", (Words(citation(found)), Code(bibtex(found), "bibtex"))),
        ),
    )


def _summary(found: Material) -> Section:
    parts = (("What ran", what_ran), ("What we conclude", what_is_concluded), ("Limits", limits))
    blocks: list[Block] = []
    for title, told in parts:
        blocks += [Heading(title), Bullets(tuple(unbroken(text) for text in told(found)))]
    return Section("In short", tuple(blocks))


def _picture(found: Material) -> Section:
    curve = found.curve
    figure = Figure(caption(curve), lambda width: iso_flop_chart(curve, "light", width, paper=False))
    return Section("Sparsity at equal FLOPs", (figure, *_bullets(curve.remarks)))


def _best(found: Material) -> Section:
    rows = best_table(found.curve)
    blocks: tuple[Block, ...] = (Grid(rows),) if rows else (Words("No run has a result yet."),)
    if len(found.curve.best) > 1:
        blocks += (Words("Each row's interval stands alone; those of the comparison below hold together."),)
    if any(b.probability is not None for b in found.curve.best):
        blocks += (Words("P(best): the probability that the configuration is truly its family's best of those tried."),)
    return Section("Best of each family", blocks)


def _comparison(found: Material) -> Section:
    answer, rows = found.comparison, grids.comparisons(found)
    if not rows:
        return Section(
            "Comparison at equal FLOPs", (Words("Nothing can be compared yet: it takes dense and one more."),)
        )
    together = (
        f"{answer.intervals} intervals hold together (Bonferroni)."
        if answer.intervals > 1
        else "One interval, of 95 %."
    )
    noise = (
        f" One run's noise: {answer.residual_sd:.3g} {answer.metric.unit}, {answer.degrees} degrees of freedom."
        if answer.residual_sd is not None
        else " The runs show no noise, so that there is no interval."
    )
    notes = [f"Positive is better. {together}{noise} {grids.seeds_text(found.curve)}"]
    notes += [c.refusal.message for c in answer.comparisons if c.refusal]
    figure = _figure(answer.to_json(), gains_chart)
    return Section("Comparison at equal FLOPs", (figure, Grid(rows), *_bullets(notes)))


def _equivalence(found: Material) -> Section:
    answer = found.equivalence
    told, means = answer.to_json(), {p.configuration_key: p.mean for p in found.curve.points}
    blocks: list[Block] = []
    if not any(m.value is not None for m in answer.multipliers):
        blocks.append(Words("No dense-equivalent multiplier is given."))
    if len(answer.sizes) > 1:
        blocks.append(_figure(told, lambda told, canvas: equivalence_chart(told, means, canvas)))
        blocks += [Grid(multiplier_table(told, means)), Grid(sizes_table(told))]
    else:
        blocks += _bullets([f"{family_name(m.family)}: {m.message}" for m in answer.multipliers if m.message])
    if len(answer.sizes) < 2 and not found.spec.ladder:
        blocks.append(Words("The job asked for no ladder of larger dense models, so there is none to compare with."))
    if answer.lack_of_fit is not None and answer.lack_of_fit < 0.05:
        blocks.append(Words(f"The curve through the dense models misses them (p = {answer.lack_of_fit:.2g})."))
    return Section("The larger dense model it equals", tuple(blocks))


def _pareto(found: Material) -> Section:
    answer, told = found.pareto, found.pareto.to_json()
    rows = pareto_table(told)
    if not rows:
        return Section("Pareto front", (Words("No configuration has a result yet."),))
    words = (
        f"Over {answer.cost_unit}: {sum(p.is_front for p in answer.points)} of {len(answer.points)} configurations are "
        f"on the front; {sum(p.status == 'dominated' for p in answer.points)} are dominated beyond noise."
    )
    more = f" {MOST_FRONT} of {len(rows)} are listed." if len(rows) > MOST_FRONT else ""
    return Section(
        "Pareto front", (Words(words + more), _figure(_thinned(told), pareto_chart), Grid(rows[:MOST_FRONT]))
    )


def _thinned(told: Answer) -> Answer:
    """A front's answer with so many of the dominated points, evenly: in a file that is sent around all of thousands
    would weigh a megabyte, and overlap."""
    behind = [p for p in told["points"] if not p["is_front"]]
    shown = [p for p in told["points"] if p["is_front"]] + behind[:: max(1, -(-len(behind) // MOST_BEHIND))]
    return {**told, "points": sorted(shown, key=lambda p: p["cost"])}


def _sparsity(found: Material) -> Section:
    title, told = "Best level of sparsity", found.smooth.to_json()
    rows = smooth_table(told)
    if not rows:
        return Section(title, (Words("No family has a feasible point."),))
    drawn = (_figure(told, smooth_chart),) if any(c.sparsities for c in found.smooth.curves) else ()
    return Section(title, (*drawn, Grid(rows)))


def _masks(found: Material) -> Section:
    answer, told = found.importance, found.importance.to_json()
    blocks: list[Block] = []
    if answer.reason:
        blocks.append(Words(f"No importance is given: {answer.reason}"))
    else:
        blocks += [
            Words(f"What decides whether one of {answer.runs} runs is among the best quarter (PED-ANOVA)."),
            Grid(importance_table(told)),
        ]
    for words, rows in (
        ("Effects at fixed family, sparsity and seed; positive is better", effects_table(told)),
        ("How masks' histories go with the metric", associations_table(told)),
    ):
        blocks += [Heading(words), Grid(rows)] if rows else []
    return Section("What of the mask schedule matters", tuple(blocks))


def _figure(told: Answer, chart: Callable[[Answer, Canvas], alt.LayerChart]) -> Figure:
    return Figure("", lambda width: chart(told, Canvas("light", width, paper=False)))


def _runs(found: Material) -> Section:
    blocks: list[Block] = [Words(f"{found.curve.progress[:1].upper()}{found.curve.progress[1:]}.")]
    for words, rows in (
        ("By kind", grids.kinds(found)),
        ("By family", grids.families(found)),
        ("Why runs have no result", grids.reasons(found)),
        ("Attempts that did not finish; their trials may have gone on in another", grids.losses(found.losses)),
        ("Points that cannot meet the FLOP budget", grids.refused(found.plan)),
    ):
        blocks += [Heading(words), Grid(rows)] if rows else []
    return Section("What ran and what did not", tuple(blocks))


def _compute(found: Material) -> Section:
    if not found.ledger.total.trials:
        return Section("Where the compute went", (Words("Nothing was trained yet."),))
    share = found.ledger.result_share
    words = "" if share is None else f"{100 * share:.0f} % of the algorithmic FLOPs went into results."
    return Section("Where the compute went", (*([Words(words)] if words else []), Grid(grids.spending(found))))


def _points(found: Material) -> Section:
    rows = point_table(found.curve)
    more = f" of which {MOST_POINTS} are listed; `sparseift export` has all" if len(rows) > MOST_POINTS else ""
    words = Words(f"{len(rows)} configurations with a result{more}.")
    return Section("Every configuration", (words, Grid(rows[:MOST_POINTS])), folded=True)


def _environment(found: Material) -> Section:
    rows = grids.environments(found.environments[:MOST_ENVIRONMENTS])
    if not rows:
        return Section("Environment", (Words("No attempt has begun."),))
    hidden = len(found.environments) - MOST_ENVIRONMENTS
    more = (Words(f"{hidden} more environments are not shown."),) if hidden > 0 else ()
    return Section("Environment", (Grid(rows), *more))


def _again(found: Material) -> Section:
    return Section(
        "To run it again",
        (
            Words("This job file asks for the same search, with the same seeds:"),
            Code(job_file(found), "yaml"),
            Words("Saved as job.yaml:"),
            Code("sparseift submit job.yaml", "sh"),
        ),
    )


def _bullets(items: tuple[str, ...] | list[str]) -> tuple[Block, ...]:
    told = tuple(unbroken(item) for item in items if item)
    return (Bullets(told),) if told else ()

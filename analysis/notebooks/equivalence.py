"""Accuracy against FLOPs: the dense ladder, its fit, and the dense model that a sparse one equals."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Equivalence")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import equivalence
    from analysis.notebooks import answers, page
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live

    return Controls, INTERVALS, Live, answers, downloads, equivalence, figure, mo, page


@app.cell
def _(INTERVALS, Live, answers, mo):
    live = Live(mo, answers.read_equivalence)
    get_frame, set_frame = mo.state(live.frame)
    get_data, set_data = mo.state(live.data)
    refresh = mo.ui.refresh(options=INTERVALS, default_interval="15s")
    return get_data, get_frame, live, refresh, set_data, set_frame


@app.cell
def _(live, refresh, set_data, set_frame):
    refresh
    live.follow(set_frame, set_data)
    return


@app.cell
def _(Controls, get_frame, live, mo, refresh, set_data, set_frame):
    controls = Controls(mo, live, get_frame(), refresh, (set_frame, set_data))
    controls.shown(mo)
    return


@app.cell
def _(answers, equivalence, get_data, get_frame, mo, page):
    _frame, _found = get_frame(), get_data()
    _job = [page.status(_frame)] if _frame.job else []
    if _found is None:
        _shown = [page.empty(_frame, "", "")]
    else:
        _stale = [page.stale(_frame.problem)] if _frame.problem else []
        _notes = [answers.lack_of_fit(_found.answer), *answers.others(_found.answer)]
        _shown = [*_stale, *_job, page.answer(equivalence.headline(_found.answer), _notes)]
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(equivalence, figure, get_data, live, mo, page):
    mo.stop(get_data() is None)
    _answer, _means = get_data().answer, get_data().means
    draw_ladder = lambda canvas: equivalence.equivalence_chart(_answer, _means, canvas)  # noqa: E731
    _words = (
        "Squares: dense models with 95 % intervals over seeds; line and band: their fit. Coloured marks: confirmed "
        "configurations, and provisional bests, at dense's FLOPs; ring: where the fit reaches it; thick bar: 95 % "
        "interval of the multiplier; an arrow: it goes on beyond the dense models."
    )
    _tables = [
        page.table(equivalence.multiplier_table(_answer, _means), "Dense equivalents", wide=("Note",)),
        page.table(equivalence.sizes_table(_answer), "Dense models"),
    ]
    mo.vstack([figure(mo, draw_ladder, live.theme, _words), *(mo.Html(_table) for _table in _tables)])
    return (draw_ladder,)


@app.cell
def _(downloads, draw_ladder, get_data, get_frame, live, mo, page):
    mo.stop(get_data() is None)
    _job = get_frame().job
    _files = downloads(mo, f"{_job.id}-equivalence", get_data().answer["multipliers"], draw_ladder, live.theme)
    mo.vstack([_files, mo.Html(page.cite(get_frame(), "dense equivalence"))])
    return


if __name__ == "__main__":
    app.run()

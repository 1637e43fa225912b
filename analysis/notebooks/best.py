"""Best sparsity per family, and who is better than dense at equal FLOPs."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Best sparsity")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import gains, smooth
    from analysis.notebooks import answers, curves, page
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live
    from analysis.tables import best_table

    return Controls, INTERVALS, Live, answers, best_table, curves, downloads, figure, gains, mo, page, smooth


@app.cell
def _(INTERVALS, Live, answers, mo):
    live = Live(mo, answers.read_best)
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
def _(answers, get_data, get_frame, mo, page):
    _frame, _best = get_frame(), get_data()
    if _best is None:
        _shown = [page.empty(_frame, "", "")]
    else:
        _stale = [page.stale(_frame.problem)] if _frame.problem else []
        _notes = [answers.ties_sentence(_best.comparison), _best.curve.headline]
        _shown = [
            *_stale, page.progress(_frame, _best.curve), page.answer(answers.best_headline(_best), _notes)
        ]  # fmt: skip
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(answers, figure, gains, get_data, get_frame, live, mo, page):
    mo.stop(get_data() is None)
    _answer, _job = get_data().comparison, get_frame().job
    _link = answers.linker(_job, live.theme)
    draw_gains = lambda canvas: gains.gains_chart(_answer, canvas, _link)  # noqa: E731
    _to = answers.row_linker(_answer["comparisons"], _job, live.theme)
    _table = page.table(gains.gains_table(_answer), "Against dense at equal FLOPs", link=_to, wide=("Note",))
    mo.vstack([figure(mo, draw_gains, live.theme, answers.how(_answer), of=("gains", _answer)), mo.Html(_table)])
    return (draw_gains,)


@app.cell
def _(answers, best_table, curves, get_data, live, mo, page):
    mo.stop(get_data() is None)
    _curve = get_data().curve
    _link = curves.best_linker(_curve, live.theme)
    mo.vstack(
        [
            mo.Html(page.table(best_table(_curve), "Best sparsity per family", link=_link)),
            mo.Html(page.table(answers.tied_table(_curve), "How sure, and tied with what", wide=("Best", "Tied with"))),
        ]
    )
    return


@app.cell
def _(downloads, figure, get_data, get_frame, live, mo, page, smooth):
    mo.stop(get_data() is None)
    _answer = get_data().smooth
    _draw = lambda canvas: smooth.smooth_chart(_answer, canvas)  # noqa: E731
    _words = "A Gaussian process per family over all of its runs; triangles: the sparsity to try next."
    _key = page.key([c["family"] for c in _answer["curves"]], live.theme)
    _table = page.table(smooth.smooth_table(_answer), "Where the smooth curves are best", wide=("Note",))
    _name = f"{get_frame().job.id}-smooth"
    _files = downloads(mo, _name, smooth.smooth_rows(_answer), _draw, live.theme, what="Curves")
    mo.vstack([figure(mo, _draw, live.theme, _words), mo.Html(_key), mo.Html(_table), _files])
    return


@app.cell
def _(downloads, draw_gains, gains, get_data, get_frame, live, mo, page):
    mo.stop(get_data() is None)
    _job = get_frame().job
    _rows = gains.gains_rows(get_data().comparison)
    _files = downloads(mo, f"{_job.id}-comparison", _rows, draw_gains, live.theme)
    mo.vstack([_files, mo.Html(page.cite(get_frame(), "best sparsity")), mo.Html(page.provenance(get_data().curve))])
    return


if __name__ == "__main__":
    app.run()

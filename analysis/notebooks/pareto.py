"""The Pareto front over a cost."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Pareto front")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import pareto
    from analysis.notebooks import answers, page
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live

    return Controls, INTERVALS, Live, answers, downloads, figure, mo, page, pareto


@app.cell
def _(INTERVALS, Live, answers, mo):
    live = Live(mo, answers.read_pareto)
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
def _(Controls, answers, get_frame, live, mo, refresh, set_data, set_frame):
    controls = Controls(
        mo, live, get_frame(), refresh, (set_frame, set_data), {"cost": ("Cost", answers.COSTS, answers.DEFAULT_COST)}
    )
    controls.shown(mo)
    return


@app.cell
def _(answers, get_data, get_frame, mo, page):
    _frame, _answer = get_frame(), get_data()
    _job = [page.status(_frame)] if _frame.job else []
    if _answer is None:
        _shown = [page.empty(_frame, "", "")]
    else:
        _stale = [page.stale(_frame.problem)] if _frame.problem else []
        _shown = [*_stale, *_job, page.answer(answers.front_headline(_answer))]
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(answers, figure, get_data, get_frame, live, mo, page, pareto):
    mo.stop(get_data() is None)
    _answer, _job = get_data(), get_frame().job
    _link = answers.linker(_job, live.theme)
    draw_front = lambda canvas: pareto.pareto_chart(_answer, canvas, _link)  # noqa: E731
    _words = "Line: the front by the means; faint: dominated; squares: dense models. A click opens the trial."
    _key = page.key([p["family"] for p in _answer["points"]], live.theme)
    _to = answers.row_linker(pareto.shown(_answer), _job, live.theme)
    _table = page.table(pareto.pareto_table(_answer), "The front, and what is within noise of it", link=_to)
    mo.vstack([figure(mo, draw_front, live.theme, _words, of=("front", _answer)), mo.Html(_key), mo.Html(_table)])
    return (draw_front,)


@app.cell
def _(downloads, draw_front, get_data, get_frame, live, mo, page):
    mo.stop(get_data() is None)
    _job = get_frame().job
    _files = downloads(mo, f"{_job.id}-pareto", get_data()["points"], draw_front, live.theme)
    mo.vstack([_files, mo.Html(page.cite(get_frame(), "Pareto front"))])
    return


if __name__ == "__main__":
    app.run()

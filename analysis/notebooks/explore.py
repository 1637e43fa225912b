"""Every trial: a table, and a scatter of any two columns."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Explore")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import scatter
    from analysis.notebooks import explorations, page, searches
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live

    return Controls, INTERVALS, Live, downloads, explorations, figure, mo, page, scatter, searches


@app.cell
def _(INTERVALS, Live, explorations, mo):
    live = Live(mo, explorations.read)
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
def _(Controls, explorations, get_frame, live, mo, refresh, set_data, set_frame):
    controls = Controls(mo, live, get_frame(), refresh, (set_frame, set_data), explorations.menus())
    controls.shown(mo)
    return


@app.cell
def _(explorations, get_data, get_frame, mo, page):
    _frame, _trials = get_frame(), get_data()
    _job = [page.status(_frame)] if _frame.job else []
    if _trials is None:
        _shown = [page.empty(_frame, "", "")]
    else:
        _stale = [page.stale(_frame.problem)] if _frame.problem else []
        _shown = [*_stale, *_job, page.answer(explorations.headline(_trials))]
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(explorations, figure, get_data, get_frame, live, mo, scatter, searches):
    mo.stop(not get_data())
    _trials, _job = get_data(), get_frame().job
    _x, _y, _colour = explorations.axes(_trials, get_frame())
    _link = searches.linker(_job, live.theme)
    draw_scatter = lambda canvas: scatter.scatter(_trials, _x, _y, _colour, canvas, _link)  # noqa: E731
    _key = explorations.key(_trials, _x, _y, _colour, live.theme)
    _of = ("scatter", _trials, _x, _y, _colour)
    _words = explorations.caption(_trials, _x, _y)
    mo.vstack([figure(mo, draw_scatter, live.theme, _words, of=_of), mo.Html(_key)])
    return (draw_scatter,)


@app.cell
def _(explorations, get_data, mo, page):
    mo.stop(not get_data())
    _table = mo.ui.table(
        explorations.table(get_data()), selection=None, page_size=15, show_column_summaries=False,
        show_data_types=False, show_download=False,
    )  # fmt: skip
    mo.vstack([mo.Html(page.block("<h2>Every trial</h2>")), _table])
    return


@app.cell
def _(downloads, draw_scatter, get_data, get_frame, live, mo, page):
    mo.stop(not get_data())
    _job = get_frame().job
    _files = downloads(mo, f"{_job.id}-trials", get_data(), draw_scatter, live.theme)
    mo.vstack([_files, mo.Html(page.cite(get_frame(), "trials"))])
    return


if __name__ == "__main__":
    app.run()

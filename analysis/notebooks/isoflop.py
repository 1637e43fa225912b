"""The iso-FLOP page: a job's curve, live, through the API. Everything it shows is computed in `analysis`."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Iso-FLOP curve")


@app.cell
def _():
    import marimo as mo

    from analysis.charts import caption, iso_flop_chart
    from analysis.notebooks import curves, page
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import figure
    from analysis.notebooks.live import INTERVALS, Live
    from analysis.tables import best_table

    return Controls, INTERVALS, Live, best_table, caption, curves, figure, iso_flop_chart, mo, page


@app.cell
def _(INTERVALS, Live, curves, mo):
    live = Live(mo, curves.read)
    get_frame, set_frame = mo.state(live.frame)
    get_curve, set_curve = mo.state(live.data)
    refresh = mo.ui.refresh(options=INTERVALS, default_interval="15s")
    return get_curve, get_frame, live, refresh, set_curve, set_frame


@app.cell
def _(live, refresh, set_curve, set_frame):
    refresh
    live.follow(set_frame, set_curve)
    return


@app.cell
def _(Controls, get_frame, live, mo, refresh, set_curve, set_frame):
    controls = Controls(mo, live, get_frame(), refresh, (set_frame, set_curve))
    controls.shown(mo)
    return


@app.cell
def _(get_curve, get_frame, mo, page):
    _frame, _curve = get_frame(), get_curve()
    if _curve is None:
        _shown = mo.Html(page.waiting(_frame.problem, _frame.jobs))
    else:
        _stale = [mo.Html(page.stale(_frame.problem))] if _frame.problem else []
        _shown = mo.vstack([*_stale, mo.Html(page.progress(_frame, _curve)), mo.Html(page.headline(_curve))])
    _shown
    return


@app.cell
def _(caption, curves, figure, get_curve, iso_flop_chart, live, mo):
    mo.stop(get_curve() is None)
    _curve = get_curve()
    _link = curves.linker(_curve.job_id, live.theme)
    _draw = lambda c: iso_flop_chart(_curve, c.theme, c.width, paper=c.paper, link=_link)  # noqa: E731
    _words = f"{caption(_curve)} {curves.thinned_note(_curve)}"
    figure(mo, _draw, live.theme, _words, of=("iso-FLOP", _curve))
    return


@app.cell
def _(best_table, curves, get_curve, live, mo, page):
    mo.stop(get_curve() is None)
    _link = curves.best_linker(get_curve(), live.theme)
    mo.Html(page.table(best_table(get_curve()), "Best sparsity per family", link=_link))
    return


@app.cell
def _(curves, get_curve, mo, page):
    mo.stop(get_curve() is None or not get_curve().points)
    _heading = curves.heading(get_curve())
    _table = mo.ui.table(
        curves.every_point(get_curve()), selection=None, page_size=10, show_column_summaries=False,
        show_data_types=False, show_download=False,
    )  # fmt: skip
    mo.vstack([mo.Html(page.block(f"<h2>{_heading}</h2>")), _table])
    return


@app.cell
def _(curves, get_curve, get_frame, live, mo, page):
    mo.stop(get_curve() is None)
    _cite = page.cite(get_frame(), "iso-FLOP curve")
    mo.vstack([curves.downloads(mo, live, get_curve()), mo.Html(_cite), mo.Html(page.provenance(get_curve()))])
    return


if __name__ == "__main__":
    app.run()

"""A trial's page: its course, its attempts, its output, the other seeds of its configuration."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Trial")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import layers
    from analysis.charting.course import course_table
    from analysis.notebooks import page, trials
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live
    from analysis.notebooks.trials import charts_of

    return Controls, INTERVALS, Live, charts_of, course_table, downloads, figure, layers, mo, page, trials


@app.cell
def _(INTERVALS, Live, trials, mo):
    live = Live(mo, trials.read)
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
def _(Controls, get_frame, live, mo, trials, refresh, set_data, set_frame):
    controls = Controls(mo, live, get_frame(), refresh, (set_frame, set_data), {"x": ("Against", trials.AXES, "step")})
    controls.shown(mo)
    return


@app.cell
def _(get_data, get_frame, live, mo, page, trials):
    _frame, _look = get_frame(), get_data()
    if _look is None:
        _job = [page.status(_frame)] if _frame.job else []
        _why = page.empty(_frame, "No trial yet", "Trials appear here as the search proposes them.")
        _shown = [*_job, _why]
    else:
        _shown = [
            *([page.stale(_frame.problem)] if _frame.problem else []),
            trials.neighbours(_look, _frame.job, live.theme),
            page.answer(trials.headline(_look, _frame.job)),
            page.facts(trials.facts(_look, _frame.job)),
        ]
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(charts_of, get_data, get_frame, live, mo, page):
    mo.stop(get_data() is None)
    _axis = get_frame().get("x", "step")
    _charts = charts_of(get_data().course, get_frame().job, _axis, live.theme, mo)
    mo.vstack([mo.Html(page.block(f'<div class="grid">{"".join(f"<div>{_c}</div>" for _c in _charts)}</div>'))])
    return


@app.cell
def _(figure, get_data, layers, live, mo, page, trials):
    mo.stop(get_data() is None or not get_data().layers)
    _look = get_data()
    _draw = lambda canvas: layers.layer_chart(_look.layers, _look.trial["family"], canvas)  # noqa: E731
    _table = page.table(layers.layer_table(_look.layers), "The same as numbers", tall=True)
    mo.vstack(
        [
            mo.Html(page.block("<h2>Layers</h2>")),
            figure(mo, _draw, live.theme, trials.layers_words(_look)),
            mo.Html(_table),
        ]
    )
    return


@app.cell
def _(course_table, get_data, get_frame, live, mo, page, trials):
    mo.stop(get_data() is None)
    _look, _job = get_data(), get_frame().job
    _to = lambda i: trials.address(_job.id, _look.siblings[i]["number"], live.theme).replace("&amp;", "&")  # noqa: E731
    mo.vstack(
        [
            mo.Html(page.table(course_table(_look.course, _job.metric_unit), "Its reports", tall=True)),
            mo.Html(page.table(trials.attempts(_look), "Attempts", wide=("Reason",))),
            mo.Html(page.table(trials.seeds(_look, _job), "All seeds of this configuration", link=_to)),
            mo.Html(page.log(_look.log)),
            mo.Html(page.block("<h2>Environment</h2>") + page.facts(trials.environment(_look))),
        ]
    )
    return


@app.cell
def _(downloads, get_data, get_frame, live, mo, page, trials):
    mo.stop(get_data() is None)
    _name = f"{get_frame().job.id}-trial-{get_data().trial['number']}"
    mo.vstack(
        [
            downloads(mo, _name, trials.rows(get_data()), trials.drawer(get_data(), get_frame()), live.theme),
            mo.Html(page.cite(get_frame(), trials.title(get_data().trial))),
        ]
    )
    return


if __name__ == "__main__":
    app.run()

"""Mask schedules side by side, with churn and ITOP, and what their changes did."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Mask schedules")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import panels, parallel
    from analysis.notebooks import page, schedulings
    from analysis.notebooks.controls import Controls, families
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live

    return Controls, INTERVALS, Live, downloads, families, figure, mo, page, panels, parallel, schedulings


@app.cell
def _(INTERVALS, Live, schedulings, mo):
    live = Live(mo, schedulings.read)
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
def _(Controls, families, get_frame, live, mo, refresh, schedulings, set_data, set_frame):
    _choices = {
        "family": ("Family", families(get_frame().job.families if get_frame().job else ()), ""),
        "by": ("Panel per", schedulings.BY, "delta_t_steps"),
        "measure": ("Show", schedulings.MEASURES, "value"),
    }
    controls = Controls(mo, live, get_frame(), refresh, (set_frame, set_data), _choices)
    controls.shown(mo)
    return


@app.cell
def _(get_data, get_frame, mo, page, schedulings):
    _frame, _look = get_frame(), get_data()
    _job = [page.status(_frame)] if _frame.job else []
    if _look is None:
        _shown = [page.empty(_frame, "", "")]
    else:
        _stale = [page.stale(_frame.problem)] if _frame.problem else []
        _shown = [*_stale, *_job, page.answer(schedulings.headline(_look, _frame.get("family")))]
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(get_data, get_frame, live, mo, page, schedulings):
    mo.stop(get_data() is None or not get_data().panels)
    _charts = schedulings.charts_of(get_data(), get_frame(), live.theme, mo)
    _families = [t["family"] for p in get_data().panels for t in p.trials]
    _words = schedulings.words(get_data(), get_frame())
    mo.vstack(
        [
            mo.Html(page.block(f'<div class="grid small">{"".join(f"<div>{_c}</div>" for _c in _charts)}</div>')),
            mo.Html(page.key(_families, live.theme)),
            mo.Html(page.caption(_words)),
        ]
    )
    return


@app.cell
def _(get_data, get_frame, mo, page, panels):
    mo.stop(get_data() is None)
    _look, _unit = get_data(), get_frame().job.metric_unit
    _tables = [
        page.table(panels.panel_table(_look.panels, _unit), "The same as numbers"),
        page.table(panels.effects_table(_look.importance), "Effects at fixed family, sparsity and seed"),
        page.table(panels.associations_table(_look.importance), "How masks' movement goes with the metric"),
        page.table(panels.importance_table(_look.importance), "Importance of parameters"),
    ]
    mo.vstack([mo.Html(_table) for _table in _tables])
    return


@app.cell
def _(downloads, figure, get_data, get_frame, live, mo, page, parallel, schedulings):
    mo.stop(get_data() is None or not get_data().panels)
    _frame = get_frame()
    _job, _trials = _frame.job, schedulings.of_family(get_data(), _frame)
    _link = schedulings.linker(_job, live.theme)
    _draw = lambda canvas: parallel.parallel_chart(_trials, _job.metric, canvas, _link)  # noqa: E731
    _table = page.table(
        parallel.parallel_table(_trials, _job.metric), "The best trials and their parameters",
        link=schedulings.trial_linker(_trials, _frame, live.theme),
    )  # fmt: skip
    _shown = parallel.searched(_trials)
    mo.vstack(
        [
            mo.Html(page.block("<h2>All parameters at once</h2>")),
            figure(mo, _draw, live.theme, parallel.caption(_trials)),
            mo.Html(page.key([t["family"] for t in _shown], live.theme)),
            mo.Html(page.caption(parallel.summary(_trials, _job.metric))),
            mo.Html(_table),
            downloads(mo, f"{_job.id}-parameters", _shown, _draw, live.theme, what="Parameters"),
        ]
    )
    return


@app.cell
def _(downloads, get_data, get_frame, live, mo, page, schedulings):
    mo.stop(get_data() is None)
    _job = get_frame().job
    _draw = schedulings.drawer(get_data(), get_frame())
    _files = downloads(mo, f"{_job.id}-schedules", schedulings.rows(get_data()), _draw, live.theme)
    mo.vstack([_files, mo.Html(page.cite(get_frame(), "mask schedules"))])
    return


if __name__ == "__main__":
    app.run()

"""The iso-FLOP page: a job's curve, live, through the API. Everything it shows is computed in `analysis`."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Iso-FLOP curve")


@app.cell
def _():
    import marimo as mo

    from analysis.charts import caption, iso_flop_chart
    from analysis.notebooks import page
    from analysis.notebooks.api import Api, ApiError
    from analysis.render import html_table, render
    from analysis.tables import best_table, point_table

    return Api, ApiError, best_table, caption, html_table, iso_flop_chart, mo, page, point_table, render


@app.cell
def _(Api, mo):
    # States are set only to something new: then what shows them runs again, and nothing else does.
    api, seen = Api.from_environment(), {}
    parameters = mo.query_params() if mo.running_in_notebook() else {}
    theme = "dark" if parameters.get("theme") == "dark" else "light"
    get_wanted, set_wanted = mo.state(parameters.get("job"))
    get_jobs, set_jobs = mo.state(())
    get_job, set_job = mo.state(None)
    get_curve, set_curve = mo.state(None)
    get_problem, set_problem = mo.state(None)
    refresh = mo.ui.refresh(options=["5s", "15s", "60s"], default_interval="15s")
    return (
        api,
        get_curve,
        get_job,
        get_jobs,
        get_problem,
        get_wanted,
        parameters,
        refresh,
        seen,
        set_curve,
        set_job,
        set_jobs,
        set_problem,
        set_wanted,
        theme,
    )


@app.cell
def _(ApiError, api, get_wanted, refresh, seen, set_curve, set_job, set_jobs, set_problem):
    refresh

    def show(setter, name, value):
        if name not in seen or seen[name] != value:
            seen[name] = value
            setter(value)

    try:
        _jobs = tuple(api.jobs())
        show(set_jobs, "jobs", _jobs)
        _id = get_wanted() or (_jobs[0].id if _jobs else None)
        _job, _curve = (api.job(_id), api.curve(_id)) if _id else (None, None)
        show(set_job, "job", _job)
        show(set_curve, "curve", _curve)
        show(set_problem, "problem", None)
    except ApiError as _error:
        show(set_problem, "problem", str(_error))
    return


@app.cell
def _(get_job, get_jobs, mo, page, parameters, refresh, set_wanted):
    _listed = [*get_jobs()]
    if get_job() and get_job().id not in [_job.id for _job in _listed]:
        _listed.append(get_job())  # an old one, from the address
    _options = page.menu(_listed)
    _current = next((_label for _label, _id in _options.items() if get_job() and _id == get_job().id), None)

    def choose(job_id):
        parameters.set("job", job_id)
        set_wanted(job_id)

    menu = mo.ui.dropdown(_options, value=_current, on_change=choose, allow_select_none=_current is None)
    mo.vstack([mo.Html(page.STYLE), mo.hstack([menu, refresh], justify="space-between", wrap=True)])
    return


@app.cell
def _(get_curve, get_job, get_jobs, get_problem, mo, page):
    if get_curve() is None:
        _shown = mo.Html(page.waiting(get_problem(), get_jobs()))
    else:
        _stale = [mo.Html(page.stale(get_problem()))] if get_problem() else []
        _shown = mo.vstack(
            [*_stale, mo.Html(page.progress(get_job(), get_curve())), mo.Html(page.headline(get_curve()))]
        )
    _shown
    return


@app.cell
def _(caption, get_curve, iso_flop_chart, mo, page, theme):
    mo.stop(get_curve() is None)
    chart = iso_flop_chart(get_curve(), theme, "container", paper=False)
    mo.vstack(
        [
            mo.ui.altair_chart(chart, chart_selection=False, legend_selection=False),
            mo.Html(page.caption(caption(get_curve()))),
        ]
    )
    return


@app.cell
def _(best_table, get_curve, html_table, mo, page):
    mo.stop(get_curve() is None)
    mo.Html(page.block(html_table(best_table(get_curve()), "Best sparsity per family")))
    return


@app.cell
def _(get_curve, mo, page, point_table):
    mo.stop(get_curve() is None or not get_curve().points)
    _table = mo.ui.table(
        point_table(get_curve()), selection=None, page_size=10, show_column_summaries=False, show_data_types=False,
        show_download=False,
    )  # fmt: skip
    mo.vstack([mo.Html(page.block("<h2>Every configuration</h2>")), _table])
    return


@app.cell
def _(get_curve, mo, page, render, theme):
    mo.stop(get_curve() is None)

    def file(form, media_type):
        data = lambda: render(get_curve(), form, theme)  # noqa: E731 (drawn when it is asked for)
        return mo.download(data, f"{get_curve().job_id}.{form}", media_type, label=form.upper())

    _files = [
        file("csv", "text/csv"),
        file("svg", "image/svg+xml"),
        file("png", "image/png"),
        file("html", "text/html"),
    ]
    mo.vstack([mo.hstack(_files, justify="start", wrap=True), mo.Html(page.provenance(get_curve()))])
    return


if __name__ == "__main__":
    app.run()

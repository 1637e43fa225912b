"""All jobs: how far each is, what it says so far, and the way to its pages."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Jobs")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import meta
    from analysis.notebooks import overviews, page
    from analysis.notebooks.figure import figure
    from analysis.notebooks.live import INTERVALS, Live

    return INTERVALS, Live, figure, meta, mo, overviews, page


@app.cell
def _(INTERVALS, Live, mo, overviews):
    live = Live(mo, overviews.read, of_job=False)
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
def _(live, mo, overviews, page, refresh, set_data, set_frame):
    def choose(name):
        return lambda value: live.choose(name, value, set_frame, set_data)

    words = mo.ui.text(live.frame.get("name"), "A part of the name", label="Find", on_change=choose("name"))
    _chosen = overviews.state_label(live.frame.get("state"))
    states = mo.ui.dropdown(overviews.STATES, value=_chosen, label="State", on_change=choose("state"))
    mo.vstack([mo.Html(page.STYLE), mo.hstack([words, states, refresh], justify="start", wrap=True)])
    return states, words  # marimo knows elements as long as somebody holds them


@app.cell
def _(get_data, get_frame, live, mo, overviews):
    _look = get_data()
    mo.Html(overviews.cards(get_frame(), None if _look is None else _look.jobs, live.theme))
    return


@app.cell
def _(figure, get_data, live, meta, mo, page):
    mo.stop(get_data() is None or not meta.points(get_data().over_jobs))
    _answer = get_data().over_jobs
    _link = lambda job: page.address("/isoflop/", live.theme, job=job)  # noqa: E731
    _draw = lambda canvas: meta.meta_chart(_answer, canvas, _link)  # noqa: E731
    _words = (
        "One mark per family and finished job; a line from three sizes on. Jobs on different data sets are a mixture."
    )
    mo.vstack(
        [
            mo.Html(page.block("<h2>Over jobs</h2>")),
            figure(mo, _draw, live.theme, _words, of=("over jobs", _answer)),
            mo.Html(page.key([p["family"] for p in _answer["points"]], live.theme)),
            mo.Html(
                page.table(meta.meta_table(_answer), "Does the best sparsity move with the size?", wide=("Trend",))
            ),
        ]
    )
    return


if __name__ == "__main__":
    app.run()

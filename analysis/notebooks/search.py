"""How a search goes, live: the best so far, trials per family, what ran where."""
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="var-annotated"

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Search")


@app.cell
def _():
    import marimo as mo

    from analysis.charting import progress
    from analysis.notebooks import page, searches
    from analysis.notebooks.controls import Controls
    from analysis.notebooks.figure import downloads, figure
    from analysis.notebooks.live import INTERVALS, Live
    from analysis.notebooks.memory import part

    return Controls, INTERVALS, Live, downloads, figure, mo, page, part, progress, searches


@app.cell
def _(INTERVALS, Live, searches, mo):
    live = Live(mo, searches.read)
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
def _(Controls, get_frame, live, mo, refresh, searches, set_data, set_frame):
    controls = Controls(
        mo, live, get_frame(), refresh, (set_frame, set_data), {"show": ("Show", searches.SHOW, "best")}
    )
    controls.shown(mo)
    return


@app.cell
def _(get_data, get_frame, mo, page, searches):
    _frame, _look = get_frame(), get_data()
    _job = [page.status(_frame)] if _frame.job else []
    if _look is None:
        _shown = [
            *_job,
            page.empty(_frame, "No trial yet", "Bars, slots and the best so far appear with the first one."),
        ]
    else:
        _stale = [page.stale(_frame.problem)] if _frame.problem else []
        _words = page.answer(searches.headline(_look, _frame.job), searches.remarks(_look))
        _shown = [*_stale, *_job, _words]
    mo.vstack([mo.Html(_part) for _part in _shown])
    return


@app.cell
def _(figure, get_data, get_frame, live, mo, page, progress, searches):
    mo.stop(get_data() is None)
    _look, _job, _show = get_data(), get_frame().job, get_frame().get("show", "best")
    _link = searches.linker(_job, live.theme)
    draw_best = lambda canvas: progress.best_so_far(_look.trials, _job.metric, canvas, _show, _link)  # noqa: E731
    _words = "One mark per complete trial of the search, in the order of their ends; line: the best so far."
    _to = searches.turn_linker(_look, _job, live.theme)
    _table = page.table(searches.so_far_table(_look, _job), "What became the best, and when", link=_to)
    mo.vstack([figure(mo, draw_best, live.theme, _words, of=("best", _look.trials, _show)), mo.Html(_table)])
    return (draw_best,)


@app.cell
def _(figure, get_data, live, mo, page, part, progress):
    mo.stop(get_data() is None)
    _trials = get_data().trials
    _draw = lambda canvas: progress.family_bars(_trials, canvas)  # noqa: E731
    _words = "Colour: complete; lighter: running; grey: pruned, infeasible, failed or cancelled; pale: waiting."
    _rows = part("families", (_trials,), lambda: progress.family_table(_trials))
    _table = page.table(_rows, "Trials per family and state")
    mo.vstack([figure(mo, _draw, live.theme, _words, of=("families", _trials)), mo.Html(_table)])
    return


@app.cell
def _(downloads, figure, get_data, get_frame, live, mo, page, progress, searches):
    mo.stop(get_data() is None)
    _look, _job = get_data(), get_frame().job
    _link = searches.linker(_job, live.theme)
    _draw = lambda canvas: progress.timeline(_look.stretches, canvas, _look.now, _link)  # noqa: E731
    _words = "One bar per attempt on its slot, coloured by family; what runs is paler; × marks what was lost or failed."
    _table = page.table(progress.timeline_table(_look.stretches, _look.now), "What each slot did")
    _to = searches.problem_linker(_look, _job, live.theme)
    _bad = page.table(searches.problems(_look), "Trials without a result", link=_to, wide=("Message",))
    _rows = lambda: progress.timeline_rows(_look.stretches)  # noqa: E731 (when they are asked for)
    _files = downloads(mo, f"{_job.id}-attempts", _rows, _draw, live.theme, what="Attempts")
    _of = ("timeline", _look.stretches, _look.now)
    _words += searches.stretches_note(_look)
    mo.vstack([figure(mo, _draw, live.theme, _words, of=_of), mo.Html(_table), _files, mo.Html(_bad)])
    return


@app.cell
def _(downloads, draw_best, get_data, get_frame, live, mo, page, searches):
    mo.stop(get_data() is None)
    _job = get_frame().job
    _files = downloads(mo, f"{_job.id}-search", searches.so_far(get_data(), _job), draw_best, live.theme)
    mo.vstack([_files, mo.Html(page.cite(get_frame(), "search progress"))])
    return


if __name__ == "__main__":
    app.run()

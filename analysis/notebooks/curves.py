"""The iso-FLOP page: what it reads, where its points lead, and its files."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from analysis.charting import files
from analysis.curve import Curve
from analysis.notebooks import page
from analysis.notebooks.api import THIN, Api
from analysis.notebooks.live import Frame, Live
from analysis.notebooks.memory import part
from analysis.points import CurvePoint
from analysis.render import render
from analysis.tables import Table, csv_text, point_table


def read(api: Api, frame: Frame) -> Curve:
    """The job's curve."""
    assert frame.job is not None
    return api.curve(frame.job.id)


def linker(job_id: str, theme: str) -> Callable[[CurvePoint], str]:
    """Where a click on a point leads: the trials of its configuration."""

    def link(p: CurvePoint) -> str:
        return configuration_address(job_id, p.family, p.sparsity, p.configuration_key, theme)

    return link


def configuration_address(job_id: str, family: str, sparsity: float, key: str, theme: str) -> str:
    """The page of a configuration's trials."""
    return page.address("/trial/", theme, job=job_id, family=family, sparsity=f"{sparsity:.6g}", key=key)


def best_linker(curve: Curve, theme: str) -> Callable[[int], str]:
    """Where a row of the table of the best leads; dense's, the last one, nowhere."""
    link = linker(curve.job_id, theme)
    return lambda i: link(curve.best[i].point) if i < len(curve.best) else ""


def every_point(curve: Curve) -> Table:
    """The table of the configurations that were read."""
    found: Table = part("points", (curve,), lambda: point_table(curve))
    return found


def total(curve: Curve) -> int:
    """How many configurations the job has results of, those included that a thinned curve leaves out."""
    return sum(b.compared for b in curve.best) + sum(not p.iso_flop for p in curve.points)


def heading(curve: Curve) -> str:
    """Of the table of configurations."""
    shown, every = len(curve.points), total(curve)
    return "Every configuration" if shown >= every else f"{shown:,} of {every:,} configurations"


def thinned_note(curve: Curve) -> str:
    """What of a large job is not drawn; "" where all is."""
    shown, every = len(curve.points), total(curve)
    if shown >= every:
        return ""
    return (
        f"Of {every:,} configurations {shown:,} are shown: the best at each sparsity, the confirmed ones, and of each "
        f"family the {THIN} on most seeds, then the latest. The files have all."
    )


def downloads(mo: Any, live: Live, curve: Curve) -> Any:
    """The whole curve as files, and the report (what ran, what follows, its limits), made when they are asked for."""

    def file(form: str, media_type: str, made: Callable[[Curve], bytes]) -> Any:
        def data() -> bytes:
            return made(live.api.curve(curve.job_id, whole=True))

        label = "Parquet" if form == "parquet" else form.upper()
        return mo.download(data, f"{curve.job_id}.{form}", media_type, label=label)

    def drawn(form: Any) -> Callable[[Curve], bytes]:
        return lambda whole: render(whole, form, live.theme)

    made = [file("csv", "text/csv", drawn("csv"))]
    if files.has_parquet():
        made.append(file("parquet", "application/vnd.apache.parquet", parquet))
    made += [
        file("svg", "image/svg+xml", drawn("svg")),
        file("png", "image/png", drawn("png")),
        file("html", "text/html", drawn("html")),
        mo.download(lambda: live.api.report(curve.job_id), f"{curve.job_id}-report.html", "text/html", label="Report"),
    ]
    return mo.hstack(made, justify="start", wrap=True)


def parquet(curve: Curve) -> bytes:
    """The rows of the CSV file; columns of numbers as numbers."""
    rows = list(csv.DictReader(io.StringIO(csv_text(curve))))
    columns = {name: _typed([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    return files.parquet_of([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])


def _typed(cells: Sequence[str]) -> list[Any]:
    """Numbers where all that are not empty are; None for empty ones."""
    try:
        return [float(cell) if cell else None for cell in cells]
    except ValueError:
        return [cell or None for cell in cells]

"""The iso-FLOP page: what it reads, and where its points lead."""

from collections.abc import Callable

from analysis.curve import Curve
from analysis.notebooks import page
from analysis.notebooks.api import Api
from analysis.notebooks.live import Frame
from analysis.points import CurvePoint
from analysis.tables import Table, point_table

MOST_ROWS = 2000  # of the table of every configuration; CSV has them all


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
    """The table of every configuration, as far as a table makes sense."""
    return point_table(curve)[:MOST_ROWS]

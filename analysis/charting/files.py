"""Charts and tables as files, without a browser and without a network."""

import csv
import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import vl_convert

from analysis.charting.frame import Drawn
from analysis.render import SCALE, VEGA_LITE


def png(chart: Drawn) -> bytes:
    """The chart as a picture, two pixels per px."""
    picture: bytes = vl_convert.vegalite_to_png(chart.to_dict(), vl_version=VEGA_LITE, scale=SCALE)
    return picture


def svg(chart: Drawn) -> bytes:
    """The chart as a drawing."""
    text: str = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=VEGA_LITE)
    return text.encode()


def csv_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows with the same columns as CSV (RFC 4180)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def has_parquet() -> bool:
    """Whether tables can be written as Parquet here."""
    return find_spec("pyarrow") is not None


def parquet_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows with the same columns as Parquet.

    Raises:
        ImportError: pyarrow is not installed (the extra `parquet`).
    """
    import pyarrow as pa
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([dict(row) for row in rows]), sink)
    return sink.getvalue()

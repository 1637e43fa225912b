"""Rows as files that grow: CSV by the standard library, Parquet where pyarrow is installed."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from service.problems import Refused
from service.times import utc
from store.exports import Kind, Row

if TYPE_CHECKING:
    import pyarrow

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
MEDIA_TYPES = {"csv": CSV, "parquet": PARQUET}

Columns = Mapping[str, Kind]
Writer = Callable[[Columns, Iterable[Sequence[Row]]], Iterator[bytes]]


def writer(form: str) -> Writer:
    """What turns batches of rows into the bytes of a file.

    Raises:
        Refused: the format needs a package that is not installed.
    """
    if form == "csv":
        return as_csv
    if find_spec("pyarrow") is None:
        raise Refused(
            "format-unavailable",
            "Parquet needs pyarrow, which this service is installed without: ask for csv, or install "
            "`sparseift[parquet]`.",
        )
    return as_parquet


def names_of(columns: Columns) -> list[str]:
    """The header: a time is not told in seconds but as a time in UTC, so the unit in its name goes."""
    return [name.removesuffix("_s") if kind == "time" else name for name, kind in columns.items()]


def as_csv(columns: Columns, batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """RFC 4180 with a header; floats in as many digits as they need, times in ISO 8601, an empty field for nothing."""
    times = [i for i, kind in enumerate(columns.values()) if kind == "time"]
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(names_of(columns))
    for batch in batches:
        for row in batch:
            cells = list(row)
            for i in times:
                cells[i] = None if row[i] is None else utc(row[i]).isoformat()
            rows.writerow(cells)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def as_parquet(columns: Columns, batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """A row group per batch, typed columns, times in microseconds of UTC."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in zip(names_of(columns), columns.values(), strict=True)])
    sink = Drain()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as file:
        for batch in batches:
            file.write_table(_table(schema, columns, batch))
            yield sink.drain()
    yield sink.drain()


def _table(schema: "pyarrow.Schema", columns: Columns, batch: Sequence[Row]) -> "pyarrow.Table":
    import pyarrow as pa

    def values(kind: Kind, column: Sequence[Any]) -> Sequence[Any]:
        if kind == "time":
            return [utc(value) for value in column]
        return [None if value is None else float(value) for value in column] if kind == "number" else column

    transposed = zip(columns.values(), zip(*batch, strict=True), strict=True)
    arrays = [pa.array(values(kind, c), field.type) for field, (kind, c) in zip(schema, transposed, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


class Drain(io.RawIOBase):
    """A file that is written at one end and emptied at the other, so that it is never whole in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._written, self._pieces = 0, list[bytes]()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Add bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Bytes written so far, drained or not."""
        return self._written

    def drain(self) -> bytes:
        """What was written since the last time."""
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found

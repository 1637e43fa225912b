"""The database's clock: the only one that leases and timestamps know.

Seconds since 1970 as a double. On PostgreSQL it is `clock_timestamp()`, not `now()`: the latter stands still at the
start of the transaction, so a statement that waited for a row lock would judge a lease by a time long past.
"""

from typing import Any

from sqlalchemy import ColumnElement, Float, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Now(FunctionElement[float]):
    name = "now_s"
    type = Float(53)
    inherit_cache = True


@compiles(_Now, "postgresql")
def _on_postgresql(_element: _Now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(_Now, "sqlite")
def _on_sqlite(_element: _Now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # 2440587.5: the Julian day of 1970-01-01; to the ms


def now() -> ColumnElement[float]:
    """The database's time as an SQL expression, in seconds since 1970."""
    return _Now()


def now_s(session: Session) -> float:
    """The database's time in seconds since 1970."""
    return session.scalars(select(now())).one()

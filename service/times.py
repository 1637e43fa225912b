"""The database's seconds as the API's ISO 8601 times in UTC."""

from datetime import UTC, datetime
from typing import overload


@overload
def utc(seconds: float) -> datetime: ...
@overload
def utc(seconds: float | None) -> datetime | None: ...
def utc(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time in UTC; nothing stays nothing."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

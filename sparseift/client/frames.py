"""Answers of the API as pandas DataFrames; pandas is imported only here, when a frame is asked for."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


def table(rows: Iterable[Mapping[str, Any]]) -> "DataFrame":
    """One row per record; records inside records become columns such as `gain.mean`.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        from pandas import json_normalize
    except ImportError as error:
        raise ImportError("A DataFrame needs pandas; install it with `pip install pandas`.") from error
    return json_normalize(list(rows))


def curve(found: Mapping[str, Any]) -> "DataFrame":
    """The points of a curve's JSON, dense first; errors as `table`."""
    dense = [found["dense"]] if found["dense"] else []
    return table([*dense, *found["points"]])

"""Pages by key: a list in a total order goes on after the last row seen, however many rows were added before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_


@dataclass(frozen=True, slots=True)
class Key:
    """One of the expressions that a list is sorted by, none of them ever null."""

    expression: Any
    descending: bool = False

    def order(self) -> ColumnElement[Any]:
        """For ORDER BY."""
        found: ColumnElement[Any] = self.expression.desc() if self.descending else self.expression.asc()
        return found

    def beyond(self, value: Any) -> ColumnElement[bool]:
        """Rows that come after those with this value."""
        found: ColumnElement[bool] = self.expression < value if self.descending else self.expression > value
        return found


def nulls_last(column: Any, *, descending: bool = False) -> tuple[Key, Key]:
    """A column that may be null, as two keys: rows without a value come last either way."""
    return Key(case((column.is_(None), 1), else_=0)), Key(func.coalesce(column, 0.0), descending)


def after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """The rows that come after the one with these values, in lexicographic order of the keys."""
    ties: list[ColumnElement[bool]] = []
    found: list[ColumnElement[bool]] = []
    for key, value in zip(keys, values, strict=True):
        found.append(and_(*ties, key.beyond(value)))
        ties.append(key.expression == value)
    return or_(*found)

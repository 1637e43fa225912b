"""Whole numbers in request bodies."""

from typing import Any

from pydantic import BeforeValidator


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Behind `StrictInt` and its limits: to JSON Schema 9.0 is an integer, and some languages write one so.
Whole = BeforeValidator(_whole)

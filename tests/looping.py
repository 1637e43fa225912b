"""Coroutines in tests: a browser of the same session keeps an event loop running in the main thread."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT_S = 60.0


def run(coroutine: Coroutine[Any, Any, T], limit_s: float = LIMIT_S) -> T:
    """The coroutine's result, from a loop and a thread of its own; TimeoutError after `limit_s` seconds."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asyncio.wait_for(coroutine, limit_s)).result()

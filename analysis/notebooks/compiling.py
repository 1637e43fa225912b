"""Python 3.11.0–3.11.7 and 3.12.0–3.12.1 lose a race in `compile()` that concurrent viewers hit (cpython gh-106905).

There, and only there, and only in the process that serves notebooks, compilation takes turns.
"""

import builtins
import sys
from functools import wraps
from threading import RLock
from typing import Any

AFFECTED = (((3, 11, 0), (3, 11, 7)), ((3, 12, 0), (3, 12, 1)))  # inclusive ranges of versions


def races(version: tuple[int, int, int]) -> bool:
    """Whether this Python's `compile` is not safe for threads."""
    return any(low <= version <= high for low, high in AFFECTED)


def take_turns(version: tuple[int, int, int] = sys.version_info[:3]) -> bool:
    """Serialise `builtins.compile` where it is needed; returns whether it was."""
    if not races(version):
        return False
    original, lock = builtins.compile, RLock()

    @wraps(original)
    def compile_in_turn(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return original(*args, **kwargs)

    builtins.compile = compile_in_turn
    return True

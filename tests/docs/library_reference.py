"""Writes docs/reference/library.md from the public names' own docstrings: `python tests/docs/library_reference.py`."""

import inspect
import re
from pathlib import Path
from typing import Any

import sparseift

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "library.md"
HEAD = """# The library's public names

Made from their docstrings by `python tests/docs/library_reference.py`; a test compares the two. `import sparseift`
imports no torch; a name imports what it needs when it is first used. Everything else may change without notice.

[How to use them](../how-to/use-the-library.md)
"""


def page() -> str:
    """The whole page."""
    return "\n\n".join([HEAD.strip(), *(section(name) for name in sparseift.__all__)]) + "\n"


def section(name: str) -> str:
    """One name: its signature and its docstring."""
    value: Any = getattr(sparseift, name)
    signature = re.sub(r"\s+", " ", str(inspect.signature(value)))
    signature = re.sub(r"(?:sparseift|torch|collections|typing|pathlib)(?:\.\w+)*\.(\w+)", r"\1", signature)
    signature = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", signature)
    return f"## {name}\n\n```text\n{name}{signature}\n\n{inspect.getdoc(value)}\n```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

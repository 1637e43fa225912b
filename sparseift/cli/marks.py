"""Where each field of a YAML document stands, and what YAML would pass over in silence."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from sparseift.cli.failures import UsageProblem

SCIENTIFIC = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")

Field = tuple[str, ...]
Place = tuple[int, int]  # line and column, from 1 as editors count


def place(mark: Any) -> Place:
    """Of one of PyYAML's marks."""
    return mark.line + 1, mark.column + 1


def shown(file: object, at: Place) -> str:
    """ "job.yaml:4:10", which terminals and editors open there."""
    return f"{file}:{at[0]}:{at[1]}"


def places(node: Any, file: object) -> dict[Field, Place]:
    """The place of every key and every item of a document.

    Args:
        node: what `yaml.compose` gave; file: as complaints name it.

    Raises:
        UsageProblem: a field that stands twice, of which PyYAML would let the last win; a number that YAML reads as
            a text.
    """
    found: dict[Field, Place] = {}
    for field, mark in _walk(node, (), file):
        if field in found:
            where = shown(file, place(mark))
            raise UsageProblem(f"{where}: '{'.'.join(field)}' stands on line {found[field][0]} already.")
        found[field] = place(mark)
    return found


def _walk(node: Any, at: Field, file: object) -> Iterator[tuple[Field, Any]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*at, str(index)), item.start_mark
            yield from _walk(item, (*at, str(index)), file)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*at, str(key.value)), key.start_mark
            yield from _walk(value, (*at, str(key.value)), file)
    elif isinstance(node, yaml.ScalarNode) and _is_number_in_disguise(node):
        raise UsageProblem(
            f"{shown(file, place(node.start_mark))}: {node.value} is a text in YAML; "
            f"write it as {float(node.value)!r}, or with a point and a sign, such as 2.0e-3."
        )


def _is_number_in_disguise(node: yaml.ScalarNode) -> bool:
    """YAML 1.1 wants a point and a signed exponent: it reads 2e-3 as a text, and says nothing."""
    return node.style is None and node.tag.endswith(":str") and SCIENTIFIC.fullmatch(node.value) is not None

"""The JSON Schema of job files, and a document held against it without the service.

The schema is made from what the service takes by `python tests/docs/job_schema.py`, so this knows exactly the words
that it has; a test holds both against another implementation of JSON Schema.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from sparseift.cli.suggest import did_you_mean

Json = dict[str, Any]
Field = tuple[str, ...]
Complaint = tuple[Field, str]

TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    # 3.0 too, as JSON Schema and the service have it
    "integer": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and v % 1 == 0,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
}
WORDS = {
    "object": "a mapping", "array": "a list", "string": "a text", "boolean": "true or false", "null": "null",
    "integer": "an integer", "number": "a number",
}  # fmt: skip
BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", lambda v, bound: v >= bound),
    "maximum": ("at most", lambda v, bound: v <= bound),
    "exclusiveMinimum": ("above", lambda v, bound: v > bound),
    "exclusiveMaximum": ("below", lambda v, bound: v < bound),
}
SIZES: Mapping[str, tuple[str, Callable[[int, int], bool]]] = {
    "minItems": ("at least", lambda n, bound: n >= bound),
    "maxItems": ("at most", lambda n, bound: n <= bound),
    "minLength": ("at least", lambda n, bound: n >= bound),
    "maxLength": ("at most", lambda n, bound: n <= bound),
    "maxProperties": ("at most", lambda n, bound: n <= bound),
}
KINDS = {"Items": "entries", "Length": "characters", "Properties": "fields"}


@cache
def job_schema() -> Json:
    """The schema of a job file."""
    schema: Json = json.loads(files("sparseift.cli").joinpath("job.schema.json").read_text(encoding="utf-8"))
    return schema


def known_fields(field: Field) -> tuple[str, ...]:
    """The names that a mapping of a job file may hold; none where any may stand."""
    schema = job_schema()
    for name in field:
        schema = _mapping(schema["properties"][name])
    return tuple(schema.get("properties", ()))


def complaints(document: Any) -> list[Complaint]:
    """What is wrong with a document, field by field in the document's order; a correct one has no complaint."""
    return list(_against(job_schema(), document, ()))


def _mapping(schema: Json) -> Json:
    """The form of a field that is a mapping."""
    schema = _resolved(schema)
    return next((_resolved(s) for s in schema.get("anyOf", ()) if _resolved(s).get("type") == "object"), schema)


def _resolved(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = job_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    return found


def _against(schema: Json, value: Any, at: Field) -> Iterator[Complaint]:
    schema = _resolved(schema)
    kind = schema.get("type")
    if kind is not None and not TYPES[kind](value):
        yield at, f"it is {_said(value)}; it must be {WORDS[kind]}."
        return
    if "anyOf" in schema:
        yield from _against_any([_resolved(s) for s in schema["anyOf"]], value, at)
    if "enum" in schema and value not in schema["enum"]:
        known = [str(name) for name in schema["enum"]]
        yield at, f"it is {_said(value)}; it must be one of {', '.join(known)}.{did_you_mean(value, known)}"
    yield from ((at, sentence) for sentence in _limits(schema, value))
    if isinstance(value, dict):
        yield from _against_fields(schema, value, at)
    elif isinstance(value, list):
        firsts = schema.get("prefixItems", [])
        for index, item in enumerate(value):
            yield from _against(
                firsts[index] if index < len(firsts) else schema.get("items", {}), item, (*at, str(index))
            )


def _against_any(choices: list[Json], value: Any, at: Field) -> Iterator[Complaint]:
    """Where no choice fits, the complaint of the one that is meant: of the value's own type, and the least wrong."""
    found = [list(_against(choice, value, at)) for choice in choices]
    if all(found):
        meant = [wrong for c, wrong in zip(choices, found, strict=True) if TYPES.get(c.get("type", ""), bool)(value)]
        if meant:
            yield from min(meant, key=len)
        else:
            kinds = dict.fromkeys(WORDS[c["type"]] for c in choices if "type" in c)
            yield at, f"it is {_said(value)}; it must be {' or '.join(kinds)}."


def _against_fields(schema: Json, value: Json, at: Field) -> Iterator[Complaint]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, item in value.items():
        if name in known:
            yield from _against(known[name], item, (*at, name))
            continue
        fitting = [part for pattern, part in patterns.items() if re.search(pattern, str(name))]
        for part in fitting:
            yield from _against(part, item, (*at, name))
        if not fitting and schema.get("additionalProperties") is False:
            names = ", ".join(known)
            yield (*at, str(name)), f"there is no such field; the known ones are {names}.{did_you_mean(name, known)}"
    for name in schema.get("required", ()):
        if name not in value:
            yield at, f"it has no field '{name}', which it needs."


def _limits(schema: Json, value: Any) -> Iterator[str]:
    if TYPES["number"](value):
        wrong = [f"{w} {schema[k]}" for k, (w, fits) in BOUNDS.items() if k in schema and not fits(value, schema[k])]
        if wrong:
            yield f"it is {value}; it must be {' and '.join(wrong)}."
    if isinstance(value, str | list | dict):
        kinds = {str: "Length", list: "Items", dict: "Properties"}
        kind = next(word for of, word in kinds.items() if isinstance(value, of))
        for name, (word, fits) in SIZES.items():
            if name.endswith(kind) and name in schema and not fits(len(value), schema[name]):
                yield f"it has {len(value)} {KINDS[kind]}; it must have {word} {schema[name]}."
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"it is {_said(value)}; it must match {schema['pattern']}."


def _said(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"

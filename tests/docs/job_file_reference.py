"""Writes docs/reference/job-file.md from the JSON Schema of job files: `python tests/docs/job_file_reference.py`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.schemas.job import job_schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "job-file.md"
HEAD = """# Job files

Made from what the service takes by `python tests/docs/job_file_reference.py`; a test compares the two.

YAML or JSON. Only `model` and `dataset` are needed. [job.schema.json](job.schema.json) is the same as a JSON Schema
(2020-12), which editors complete and check by; in many of them this first line of the file is enough:

```yaml
# yaml-language-server: $schema=https://example.org/path/to/job.schema.json
```

A service gives its own, with the names that its operator has added, at `GET /v1/schemas/job`.
[How to write one](../how-to/submit-a-search.md).
"""
TABLE = ("| field | what may stand there | default | what it is |", "| --- | --- | --- | --- |")


def page() -> str:
    """The whole page."""
    schema = job_schema()
    fields = schema["properties"]
    parts = [HEAD, "## The job", "\n".join([*TABLE, *rows(schema, fields, simple=True)])]
    for name, title in (("model", "`model`"), ("dataset", "`dataset`"), ("space", "`space`"), ("budget", "`budget`")):
        parts += [f"## {title}", "\n".join([*TABLE, *rows(schema, mapping(schema, fields[name])["properties"])])]
    parts += [
        "## `training`",
        "The same for dense and sparse; each task has those settings for which it has a default.",
    ]
    parts.append("\n".join([*TABLE, *rows(schema, fields["training"]["properties"])]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def mapping(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A field's form as a mapping."""
    part = resolved(schema, part)
    choices = (resolved(schema, choice) for choice in part.get("anyOf", ()))
    return next((choice for choice in choices if choice.get("type") == "object"), part)


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to, with what stands beside it."""
    if "$ref" not in part:
        return part
    return {**schema["$defs"][part["$ref"].rpartition("/")[2]], **{k: v for k, v in part.items() if k != "$ref"}}


def rows(schema: dict[str, Any], fields: dict[str, Any], simple: bool = False) -> Iterator[str]:
    """A line per field; `simple`: a mapping's own fields stand in its section."""
    for name, part in fields.items():
        part = resolved(schema, part)
        has_section = simple and (mapping(schema, part).get("type") == "object")
        default = "" if has_section or "default" not in part else f"`{json.dumps(part['default'])}`"
        told = part.get("description", "").replace("|", "\\|")
        shown = form(schema, part)
        if has_section:
            shown = "a name, or a mapping" if name in ("model", "dataset") else "a mapping"
        yield f"| `{name}` | {shown} | {default} | {told} |"


def form(schema: dict[str, Any], part: dict[str, Any]) -> str:
    """What may stand in a field, in words."""
    part = resolved(schema, part)
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "anyOf" in part:
        choices = [form(schema, choice) for choice in part["anyOf"]]
        has_names = any(choice.startswith("`") for choice in choices)  # an operator's own may stand beside them
        return " or ".join(dict.fromkeys(c for c in choices if not (has_names and c == "a text")))
    kind = part.get("type")
    if kind == "array":
        if "prefixItems" in part:
            return "[" + ", ".join(form(schema, item) for item in part["prefixItems"]) + "]"
        return f"a list of: {form(schema, part['items'])}" if part.get("items") else "a list"
    words = {"string": "a text", "integer": "an integer", "number": "a number", "boolean": "`true`, `false`"}
    return f"{words.get(kind or '', 'null' if kind == 'null' else 'a mapping')}{bounds(part)}"


def bounds(part: dict[str, Any]) -> str:
    """ " in [0.3, 0.95)", or nothing."""
    low, high = part.get("minimum", part.get("exclusiveMinimum")), part.get("maximum", part.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    first = "(" if "exclusiveMinimum" in part or low is None else "["
    last = ")" if "exclusiveMaximum" in part or high is None else "]"
    return f" in {first}{'−∞' if low is None else f'{low:g}'}, {'∞' if high is None else f'{high:g}'}{last}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The JSON Schema of job files, made from what the service takes: editors and `sparseift check` read it."""

import dataclasses
import json
import typing
from collections.abc import Callable, Iterable
from typing import Any

from service.jobs.job_body import JobBody
from sparseift import catalog
from sparseift.training.recipes import RECIPES, SCHEDULES

JSON_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}
WORD = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9_.-]+$"}
OURS = {"model": catalog.MODELS, "dataset": catalog.DATASETS, "family": catalog.FAMILIES}


def published(kind: str) -> Iterable[str]:
    """The names of a catalog that every installation has."""
    return OURS[kind]


def job_schema(known: Callable[[str], Iterable[str]] = published) -> dict[str, Any]:
    """What the service takes, with the catalogs' names and the recipes' settings for completion.

    Args:
        known: the names of a catalog.
    """
    made = JobBody.model_json_schema()
    fields = made["properties"]
    for name, kind in (("model", "model"), ("dataset", "dataset")):
        made["$defs"][f"{kind.title()}Name"] = offered(known(kind))
        named = {
            **made["$defs"]["NamedBody"],
            "properties": {
                **made["$defs"]["NamedBody"]["properties"],
                "name": {"$ref": f"#/$defs/{kind.title()}Name"},
                "arguments": arguments(kind, known(kind)),
            },
        }
        # the name alone stands for a mapping with that name
        fields[name] = {"anyOf": [named, {"$ref": f"#/$defs/{kind.title()}Name"}]}
    del made["$defs"]["NamedBody"]
    families = {"type": "string", "enum": list(known("family"))}
    fields["families"]["items"] = {"type": "string", "anyOf": [families, WORD]}
    fields["training"] = {**fields["training"], "properties": settings()}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A job file of sparseift",
        "description": "What `sparseift submit FILE` takes.",
    }
    return head | {k: v for k, v in made.items() if k not in ("title", "description")}


def offered(names: Iterable[str]) -> dict[str, Any]:
    """These names for completion; there may be others."""
    return {"type": "string", "anyOf": [{"type": "string", "enum": list(names)}, WORD]}


def arguments(kind: str, names: Iterable[str]) -> dict[str, Any]:
    """Every argument that these cards of a catalog declare; ranges differ from card to card."""
    told: dict[str, list[str]] = {}
    for card in (catalog.get(kind, name) for name in names):
        for argument in card.arguments:
            told.setdefault(argument.name, []).append(f"{card.name}: {argument.summary} ({argument.default})")
    number = {"type": "number", "minimum": -1e12, "maximum": 1e12}
    return {
        "type": "object",
        "maxProperties": 32,
        "properties": {name: {**number, "description": "; ".join(cards)} for name, cards in told.items()},
        "patternProperties": {"^[a-z][a-z0-9_]{0,63}$": number},
        "additionalProperties": False,
    }


def settings() -> dict[str, Any]:
    """Every setting of the tasks' recipes; of what two of them share, the wider range."""
    found: dict[str, dict[str, Any]] = {}
    for task, recipe in RECIPES.items():
        types = typing.get_type_hints(recipe)
        for field in dataclasses.fields(recipe):
            part = setting(field, types[field.name])
            before = found.setdefault(field.name, part)
            if "minimum" in part:
                before["minimum"] = min(before["minimum"], part["minimum"])
                before["maximum"] = max(before["maximum"], part["maximum"])
            default = json.dumps(list(field.default) if isinstance(field.default, tuple) else field.default)
            before["description"] = "; ".join(filter(None, (before["description"], f"{task}: {default}")))
    return found


def setting(field: Any, kind: Any) -> dict[str, Any]:
    """One setting's form."""
    if typing.get_origin(kind) is tuple:
        return {"type": "array", "items": {"type": "number"}, "description": ""}
    part: dict[str, Any] = {"type": JSON_TYPES[kind], "description": ""}
    if "range" in field.metadata:
        part["minimum"], part["maximum"] = field.metadata["range"]
    if field.name == "schedule":
        part["enum"] = list(SCHEDULES)
    return part

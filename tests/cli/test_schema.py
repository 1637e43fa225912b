"""Job files held against their schema without a service."""

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.jobs.job_body import JobBody
from sparseift.cli.schema import complaints, job_schema, known_fields
from tests.docs.job_schema import FILES, text

GOOD: dict[str, Any] = {"model": {"name": "mlp", "arguments": {"width": 32}}, "dataset": {"name": "digits"}}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.name)
def test_the_published_schema_is_what_the_service_takes(file: Any) -> None:
    assert file.read_text() == text(), "run: python tests/docs/job_schema.py"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(job_schema())
    assert set(known_fields(())) == set(JobBody.model_fields)
    assert known_fields(("model",)) == ("name", "arguments")
    assert "search_trials" in known_fields(("budget",))


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"budget": {"search_trials": 0}}, "budget.search_trials", "it is 0; it must be at least 1."),
        ({"budget": {"search_trials": 2.5}}, "budget.search_trials", "it is 2.5; it must be an integer."),
        ({"budget": {"wall_time_s": "1h"}}, "budget.wall_time_s", 'it is "1h"; it must be a number or null.'),
        ({"budget": {"wall_time_s": 0}}, "budget.wall_time_s", "it is 0; it must be above 0.0."),
        (
            {"space": {"methods": ["rigle"]}},
            "space.methods.0",
            "it is \"rigle\"; it must be one of static, set, rigl, snfs. Did you mean 'rigl'?",
        ),
        ({"space": {"sparsities": []}}, "space.sparsities", "it has 0 entries; it must have at least 1."),
        ({"space": {"drop_fraction": [0.1]}}, "space.drop_fraction", "it has 1 entries; it must have at least 2."),
        ({"space": {"drop_fraction": [0.1, 1.0]}}, "space.drop_fraction.1", "it is 1.0; it must be below 1.0."),
        ({"model": {"arguments": {}}}, "model", "it has no field 'name', which it needs."),
        ({"model": 3}, "model", "it is 3; it must be a mapping or a text."),
        ({"families": "all"}, "families", 'it is "all"; it must be a list.'),
        ({"name": "x" * 201}, "name", "it has 201 characters; it must have at most 200."),
    ],
)
def test_each_complaint_names_its_field(changes: dict[str, Any], field: str, sentence: str) -> None:
    assert [(".".join(at), said) for at, said in complaints({**GOOD, **changes})] == [(field, sentence)]


def test_unknown_fields_come_with_what_may_be_meant() -> None:
    ((at, said),) = complaints({**GOOD, "training": {"learning_rate": 0.1}, "famlies": ["sparse_wide"]})
    assert at == ("famlies",)
    assert said.startswith("there is no such field; the known ones are name, model")
    assert said.endswith("Did you mean 'families'?")


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.sampled_from([0.5, 0.05, 1.5, 3.0, -0.0, float(2**60) + 0.5]),
    st.sampled_from(["", "rigl", "finish", "model", "a b", "x" * 201]), st.lists(st.sampled_from([0.5, 3, "set"])),
    st.dictionaries(st.sampled_from(["name", "width", "Bad"]), st.sampled_from([1, "mlp", None])),
)  # fmt: skip
PLACES = [
    (), *((f,) for f in JobBody.model_fields), ("nonsense",), ("model", "arguments", "width"), ("model", "name"),
    *(("budget", f) for f in ("search_trials", "wall_time_s", "when_spent", "nonsense")),
    *(("space", f) for f in ("methods", "delta_t_steps", "sparsities")), ("training", "epochs"), ("training", "x"),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), max_size=3))
def test_it_refuses_what_another_implementation_refuses(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    document: Any = copy.deepcopy({**GOOD, "space": {}, "budget": {}, "training": {}})
    for at, value in changes:
        part = document
        for name in at[:-1]:
            part = part.get(name, {}) if isinstance(part, dict) else {}
        if at and isinstance(part, dict):
            part[at[-1]] = value
        elif not at:
            document = value
    theirs = jsonschema.Draft202012Validator(job_schema()).is_valid(json.loads(json.dumps(document)))
    assert (complaints(document) == []) == theirs

"""The card that travels with a model."""

import pytest

from sparseift.errors import CheckpointError
from sparseift.export.card import CITATION, KINDS, Card, card_markdown, card_of
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Point

POINT = Point(
    family="sparse_wide",
    nominal_sparsity=0.75,
    feasible=True,
    sparsity=0.75123,
    scale="width 128 (k = 2.000)",
    forward_flops=1000,
    executed_flops=4000,
    flop_ratio=1.0,
    parameters=500,
    nonzero_parameters=200,
)


def test_a_point_gives_a_card_that_json_carries() -> None:
    schedule = MaskSchedule("static")
    card = card_of(POINT, scope="model", seeds={"weights": 1}, schedule=schedule, notes="Trained twice.")
    assert card.dense_flops == 1000
    assert card.schedule == schedule.canonical()
    assert Card.from_json(card.to_json()) == card
    assert card_of(POINT, scope="masked_layers").dense_flops is None
    assert card_of(POINT, scope="masked_layers", dense_flops=7).dense_flops == 7


def test_what_is_no_card_is_refused() -> None:
    with pytest.raises(CheckpointError, match="colour"):
        Card.from_json({"colour": "blue"})
    for wrong in ({"seeds": 5}, {"notes": []}, {"parameters": 1.5}, {"sparsity": "much"}, {"dense_flops": True}):
        with pytest.raises(CheckpointError, match=f"its {next(iter(wrong))} is "):
            Card.from_json(wrong)


def test_every_field_has_a_kind() -> None:
    assert {name for names in KINDS for name in names} == set(Card.__dataclass_fields__)


def test_the_markdown_states_what_is_known_and_nothing_else() -> None:
    page = card_markdown(card_of(POINT, scope="model", notes="One | two"), title="My model")
    assert page.startswith("# My model\n")
    assert "| Sparse over dense FLOPs | 1.00000 (scope: model) |" in page
    assert "| FLOPs that masked-dense kernels execute | 4,000 forward FLOPs per sample |" in page
    assert "## Notes\n\nOne | two\n" in page
    assert CITATION in page
    empty = card_markdown(Card())
    assert "None" not in empty
    assert "Notes" not in empty
    assert "\\|" in card_markdown(Card(scale="a|b"))

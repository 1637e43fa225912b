"""Every card: builds, says which modules stay dense, needs no torch."""

import math
import subprocess
import sys
from fnmatch import fnmatch
from typing import Any

import pytest
import torch

from sparseift import catalog
from sparseift.cards import ModelCard
from sparseift.errors import InvalidValue, UnknownName
from sparseift.records import Arguments, DataShape

SHAPES = {"images": DataShape("images", (3, 16, 16), 10, 100), "text": DataShape("text", (16,), 320, 100)}
SMALL: dict[str, Arguments] = {
    "mlp": {"width": 8},
    "resnet": {"width": 4},
    "resnet18": {"width": 4},
    "resnet34": {"width": 4},
    "resnet50": {"width": 4},
    "mobilenetv2": {"width": 8},
    "vit": {"width": 8, "layers": 2},
    "vit-ti": {"width": 6, "layers": 2},
    "vit-s": {"width": 12, "layers": 2},
    "gpt": {"width": 8, "layers": 2},
    "gpt3-small": {"width": 24},
}


@pytest.mark.parametrize("name", sorted(catalog.MODELS))
def test_a_model_builds_and_answers(name: str) -> None:
    card: ModelCard = catalog.get("model", name)
    shape = SHAPES[card.task]
    model = catalog.load(card.build)(shape, **card.resolve(SMALL[name])).eval()
    example = torch.zeros(2, *shape.input_shape, dtype=torch.float32 if card.task == "images" else torch.int64)
    assert model(example).shape == ((2, 10) if card.task == "images" else (2, 16, 320))


@pytest.mark.parametrize("name", sorted(catalog.MODELS))
def test_every_glob_names_a_module_with_weights(name: str) -> None:
    card: ModelCard = catalog.get("model", name)
    model = catalog.load(card.build)(SHAPES[card.task], **card.resolve(SMALL[name]))
    owners = {path for path, module in model.named_modules() if hasattr(module, "weight")}
    for pattern in (*card.dense, *card.mask_only):
        assert any(fnmatch(path, pattern) for path in owners), pattern


@pytest.mark.parametrize("name", sorted(catalog.MODELS))
def test_the_width_argument_widens_everything_but_inputs_and_outputs(name: str) -> None:
    card: ModelCard = catalog.get("model", name)
    shape, build = SHAPES[card.task], catalog.load(card.build)
    arguments = card.resolve(SMALL[name])
    narrow = build(shape, **arguments)
    wide = dict(build(shape, **{**arguments, card.width: 2 * arguments[card.width]}).named_parameters())
    for path, parameter in narrow.named_parameters():
        scaled = [b // a for a, b in zip(parameter.shape, wide[path].shape, strict=True)]
        assert set(scaled) <= {1, 2}
        assert 2 in scaled or path == "head.bias"


def test_listing_models_imports_no_torch() -> None:
    code = "import sys; from sparseift import catalog; [catalog.get('model', n) for n in catalog.MODELS]; "
    subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"], check=True)


def test_bad_arguments_are_refused_by_name_and_range() -> None:
    card: ModelCard = catalog.get("model", "resnet18")
    with pytest.raises(UnknownName, match="width, imagenet_stem"):
        card.resolve({"depth": 3})
    with pytest.raises(InvalidValue, match=r"imagenet_stem is 2; it must lie in \[0, 1\]"):
        card.resolve({"imagenet_stem": 2})


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "wide"])
def test_an_integer_argument_that_is_none_is_refused(value: Any) -> None:
    card: ModelCard = catalog.get("model", "resnet18")
    with pytest.raises(InvalidValue, match=r"resnet18's width is .*; it must be an integer"):
        card.resolve({"width": value})


def test_a_number_that_is_none_is_refused() -> None:
    card: ModelCard = catalog.get("model", "gpt")
    with pytest.raises(InvalidValue, match=r"gpt's dropout is nan; it must lie in"):
        card.resolve({"dropout": math.nan})
    assert card.resolve({"dropout": 0, "width": 8.0}) == {"width": 8, "layers": 4, "heads": 4, "dropout": 0.0}

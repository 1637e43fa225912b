"""Recipes: the paper's values, and refusals."""

import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest
import yaml

from sparseift.errors import InvalidValue, UnknownName
from sparseift.training.recipes import LanguageRecipe, VisionRecipe, resolve


def test_vision_defaults_are_those_of_the_official_cifar_recipe() -> None:
    recipe = VisionRecipe()
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.momentum) == (200, 128, 0.1, 0.9)
    assert (recipe.nesterov, recipe.weight_decay, recipe.crop_padding_fraction * 32) == (True, 5e-4, 4)
    assert recipe.total_steps(50_000) == 200 * 390
    assert recipe.learning_rate_at(60 * 390 - 1, 78_000) == 0.1
    assert recipe.learning_rate_at(60 * 390, 78_000) == pytest.approx(0.02)


@pytest.mark.parametrize("name", ["imagenet-resnet18", "imagenet-resnet34"])
def test_the_imagenet_presets_train_as_the_official_code_does(name: str) -> None:
    job = yaml.safe_load((files("sparseift.presets") / f"{name}.yaml").read_text("utf-8"))
    recipe = resolve("images", job["training"])
    assert isinstance(recipe, VisionRecipe)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.momentum) == (90, 256, 0.256, 0.875)
    assert (recipe.nesterov, recipe.weight_decay, recipe.decay_norms_and_biases) == (False, 2**-15, False)
    assert (recipe.label_smoothing, recipe.resized_crop_area, recipe.flip, recipe.bf16) == (0.1, 0.08, True, True)
    total = recipe.total_steps(1_268_356)
    assert recipe.learning_rate_at(0, total) == 0.256
    assert recipe.learning_rate_at(total // 2, total) == pytest.approx(0.128)
    assert recipe.learning_rate_at(total - 1, total) == pytest.approx(0.0, abs=1e-8)
    space = job["space"]
    assert (space["delta_t_steps"], space["drop_fraction"], space["t_end_fraction"]) == (
        [100] * 2,
        [0.3] * 2,
        [0.75] * 2,
    )
    assert (space["methods"], space["anneals"], space["distributions"]) == (["rigl"], ["cosine"], ["uniform"])


def test_language_warms_up_and_falls_to_a_tenth() -> None:
    recipe = LanguageRecipe(steps=1000)
    rates = [recipe.learning_rate_at(step, 1000) for step in range(1000)]
    assert max(rates) == rates[99] == rates[100] == 6e-4
    assert rates[0] == pytest.approx(6e-6)
    assert rates[-1] == pytest.approx(6e-5, rel=1e-3)


def test_json_becomes_the_fields_types() -> None:
    recipe = resolve("images", {"epochs": 3.0, "learning_rate": 1, "milestone_fractions": [0.5], "flip": False})
    assert recipe == VisionRecipe(epochs=3, learning_rate=1.0, milestone_fractions=(0.5,), flip=False)
    assert resolve("text", {}) == LanguageRecipe()


@pytest.mark.parametrize(
    ("task", "overrides", "message"),
    [
        ("images", {"epochs": 0}, r"epochs is 0; it must lie in \[1, "),
        ("images", {"epochs": 1.5}, "epochs is 1.5; it must be an integer"),
        ("images", {"epochs": True}, "epochs is True; it must be an integer"),
        ("images", {"learning_rate": "high"}, "learning_rate is 'high'; it must be a number"),
        ("images", {"learning_rate": float("nan")}, "learning_rate is nan; it must lie in"),
        ("images", {"flip": 1}, "flip is 1; it must be true or false"),
        ("images", {"schedule": 3}, "schedule is 3; it must be a text"),
        ("images", {"milestone_fractions": [0.5, 0.3]}, "must rise within"),
        ("images", {"milestone_fractions": [1.0]}, "must rise within"),
        ("images", {"milestone_fractions": 0.5}, "must be a list of numbers"),
        ("images", {"resized_crop_area": 1.1}, r"resized_crop_area is 1.1; it must lie in \[0"),
        ("images", {"momentum": 0}, "with nesterov it must be positive"),
        ("text", {"steps": -1}, "steps is -1"),
        ("text", {"steps": float("inf")}, "steps is inf; it must be an integer"),
        ("text", {"clip_norm": -1}, "clip_norm is -1"),
    ],
)
def test_bad_values_are_refused(task: str, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        resolve(task, overrides)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UnknownName, match="setting for text 'epochs'; the known ones are steps, batch_size"):
        resolve("text", {"epochs": 3})
    with pytest.raises(UnknownName, match="the known ones are milestones, cosine"):
        resolve("images", {"schedule": "step"})
    with pytest.raises(UnknownName, match="the known ones are images, text"):
        resolve("audio", {})


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(InvalidValue, match="batch_size is 128; the data set has only 100 samples"):
        VisionRecipe().total_steps(100)
    with pytest.raises(InvalidValue, match="batch_size is 32; the data set has only 31 windows"):
        LanguageRecipe().total_steps(31)


def test_recipes_need_no_torch() -> None:
    code = "import sys, sparseift.training.recipes; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

"""A small file cannot make its reader allocate or build much, whatever its header claims."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from sparseift.errors import CheckpointError
from sparseift.export.bounds import bounded, check_counts, check_unstored
from sparseift.export.card import Card
from sparseift.export.file import load
from sparseift.export.recipe import recipe_of
from sparseift.export.tensors import digest_of, tensors_of, value_of, values_of

transformers = pytest.importorskip("transformers")


def claimed(model: nn.Module) -> dict[str, Any]:
    """The table of a file that says it has this model's tensors, of all of which it stores one number."""
    return {
        name: {"form": "dense", "shape": list(t.shape), "transient": not kept, "dtype": "float32", "key": "x"}
        for name, kept, t in tensors_of(model)
    }


def forged(path: Path, recipe: dict[str, Any], table: dict[str, Any], modules: list[Any], transposed: Any = ()) -> None:
    """With a digest that fits."""
    content = {
        "format": 1,
        "card": Card().to_json(),
        "recipe": recipe,
        "structure": {"modules": modules, "transposed": list(transposed)},
        "training": False,
        "tensors": table,
    }
    text, tensors = json.dumps(content), {"x": torch.zeros(1)}
    save_file(tensors, path, {"format": "pt", "sparseift": text, "sparseift_sha256": digest_of(text, tensors)})


@pytest.fixture
def real() -> Iterator[list[int]]:
    """Elements of the parameters that are registered with memory of their own."""
    sizes: list[int] = []
    handle = register_module_parameter_registration_hook(
        lambda _module, _name, parameter: (
            None if parameter is None or parameter.is_meta else sizes.append(parameter.numel())
        )
    )
    yield sizes
    handle.remove()


def test_what_a_header_claims_is_not_allocated(tmp_path: Path, real: list[int]) -> None:
    config = transformers.GPT2Config(n_layer=1, n_embd=512, n_head=8, vocab_size=20_000)
    with torch.device("meta"):
        model = transformers.GPT2Model(config)
    transposed = [name for name, module in model.named_modules() if type(module).__name__ == "Conv1D"]
    forged(tmp_path / "file", recipe_of(model), claimed(model), [], transposed)
    with pytest.raises(CheckpointError, match="'x' is given to"):
        load(tmp_path / "file")
    table = claimed(model)
    for name, entry in table.items():
        entry["key"] = name
    table["wte.weight"]["key"] = "x"
    forged(tmp_path / "file", recipe_of(model), table, [], transposed)
    with pytest.raises(CheckpointError, match=r"'wte\.weight' is stored in the shape \(1,\)"):
        load(tmp_path / "file")
    assert not real


def test_a_sparse_weight_is_compared_before_it_is_made() -> None:
    table = {
        "weight": {"form": "sparse", "shape": [10**9, 10**9], "dtype": "float32", "key": "v"},
        "weight_mask": {"form": "bits", "shape": [1, 8], "dtype": "uint8", "key": "m"},
    }
    tensors = {"v": torch.zeros(8), "m": torch.full((1,), 255, dtype=torch.uint8)}
    with pytest.raises(CheckpointError, match="has 8 values for a mask of 8 ones"):
        value_of("weight", table, tensors)


def test_stored_bytes_serve_one_tensor() -> None:
    bits = {"form": "bits", "shape": [8], "dtype": "uint8", "key": "m"}
    with pytest.raises(CheckpointError, match="'m' is given to 2 tensors"):
        values_of(nn.Linear(1, 1), {"a": bits, "b": bits}, {"m": torch.zeros(1, dtype=torch.uint8)})


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("GPT2", {"n_layer": 10**9}),
        ("Qwen2", {"num_hidden_layers": 10**9}),
        ("ResNet", {"depths": [1, 10**9]}),
        ("GPT2", {"num_labels": 10**9}),
    ],
)
def test_counts_of_layers_are_bounded_by_the_tensors(tmp_path: Path, kind: str, change: dict[str, Any]) -> None:
    with torch.device("meta"):
        model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")())
    recipe = recipe_of(model)
    recipe["config"] |= change
    forged(tmp_path / "file", recipe, claimed(model), [])
    with pytest.raises(CheckpointError, match=f"has {next(iter(change))} = 1000000000, and the file"):
        load(tmp_path / "file")


def test_counts_that_a_small_model_does_not_use_pass() -> None:
    check_counts({"num_hidden_layers": 2, "max_window_layers": 28, "vocab_size": 10**6, "layer_norm_eps": 1e-5}, 30)
    check_counts({"text": {"num_experts": 128, "vocab_size_per_layer_input": 262_144}, "num_labels": 21_841}, 30)


def test_a_recipe_builds_no_more_modules_than_tensors_fill() -> None:
    def many() -> nn.Module:
        return nn.Sequential(*(nn.Identity() for _ in range(10_001)))

    with pytest.raises(CheckpointError, match="far more modules than the file's 3 tensors"), bounded(3):
        many()
    with bounded(200):
        many()
    many()  # and afterwards whatever one likes


def test_branches_of_a_layer_are_bounded_too(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = transformers.BertModel(transformers.BertConfig(num_hidden_layers=1))
    layer = "encoder.layer.0.intermediate.dense"
    entry = {"name": layer, "kind": "parallel", "size": 10**9, "sigma": "relu"}
    forged(tmp_path / "file", recipe_of(model), claimed(model), [entry])
    with pytest.raises(CheckpointError, match="far more modules"):
        load(tmp_path / "file")


def test_buffers_outside_the_state_are_bounded() -> None:
    stored = {"x": torch.zeros(1)}
    with torch.device("meta"):
        model = nn.Linear(2, 2)
        model.register_buffer("kept", torch.empty(10**9))
        check_unstored(model, stored)  # in the state: compared with what is stored
        model.register_buffer("table", torch.empty(10**9), persistent=False)
    with pytest.raises(CheckpointError, match="buffers would take 4,000,000,000 bytes beside the 4"):
        check_unstored(model, stored)
    model._buffers.pop("table")
    model.angles = torch.empty(10**9, device="meta")
    with pytest.raises(CheckpointError, match="buffers would take"):
        check_unstored(model, stored)

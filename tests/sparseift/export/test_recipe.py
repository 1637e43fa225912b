"""Hugging Face models come back from their file alone; what is not transformers' own code does not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sparseift.errors import CheckpointError, InvalidValue
from sparseift.export.card import card_of
from sparseift.export.file import load, save
from sparseift.export.recipe import builder, recipe_of
from sparseift.families.blocks import Factorized, Packed
from sparseift.families.kinds import plain, split
from sparseift.masks.state import masks_of
from sparseift.plain import squash
from sparseift.transformation import transform
from tests.sparseift.export.samples import assert_equal_bits, masked

transformers = pytest.importorskip("transformers")

TINY: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 8}),
    "llama": (
        "LlamaConfig",
        "LlamaForCausalLM",
        {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
    ),
    "bert": (
        "BertConfig",
        "BertForSequenceClassification",
        {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_labels": 5},
    ),
    "vit": (
        "ViTConfig",
        "ViTForImageClassification",
        {
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 8,
            "patch_size": 4,
        },
    ),
}


def tiny(name: str) -> Any:
    """A small model of transformers; 40 tokens where it has any."""
    config, kind, sizes = TINY[name]
    tokens = {"vocab_size": 40, "bos_token_id": 0, "eos_token_id": 0} if name != "vit" else {}
    torch.manual_seed(0)
    return getattr(transformers, kind)(getattr(transformers, config)(**sizes, **tokens)).eval()


def forward(model: Any) -> Any:
    with torch.no_grad():
        if model.config.model_type == "vit":
            return model(pixel_values=torch.ones(1, 3, 8, 8, dtype=model.dtype)).logits
        return model(input_ids=torch.arange(8)[None]).logits


def masked_linears(model: nn.Module) -> None:
    """Masks on every linear layer inside the model's first block."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and ".0." in name:
            masked(module)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_hugging_face_model_comes_back_from_its_file_alone(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    model = tiny(name).to(dtype)
    masked_linears(model)
    save(model, tmp_path / "file")
    restored = load(tmp_path / "file")
    assert type(restored) is type(model)
    assert_equal_bits(restored, model)
    torch.testing.assert_close(forward(restored), forward(model))


def test_gpt2s_packed_and_transposed_layers_come_back(tmp_path: Path) -> None:
    model = tiny("gpt2")
    block = model.transformer.h[0]
    parts = split(plain(block.attn.c_attn), 3)
    block.attn.c_attn = masked(Packed(Factorized(part, 20, "gelu") for part in parts))
    block.mlp.c_fc = masked(Factorized(plain(block.mlp.c_fc), 24, "identity"))
    masked(block.mlp.c_proj)  # a Conv1D with a mask of its own
    for what in (model, squash(model)):
        save(what, tmp_path / "file")
        restored = load(tmp_path / "file")
        assert_equal_bits(restored, what)
        assert restored.lm_head.weight is restored.transformer.wte.weight  # type: ignore[union-attr]
        torch.testing.assert_close(forward(restored), forward(what))
    assert type(restored.get_submodule("transformer.h.0.mlp.c_fc")) is nn.Linear
    assert not masks_of(restored)


@pytest.mark.parametrize("family", ["sparse_parallel", "sparse_factorized", "sparse_doped"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "vit"])
def test_whatever_transform_makes_comes_back(tmp_path: Path, name: str, family: str) -> None:
    model = tiny(name)
    if name == "vit":
        example = {"pixel_values": torch.ones(1, 3, 8, 8)}
    else:
        example = {"input_ids": torch.zeros(1, 8, dtype=torch.int64)}
    point = transform(model, family, 0.5, example, scope="masked_layers")
    written = save(model, tmp_path / "file", card_of(point, scope="masked_layers"))
    restored = load(tmp_path / "file")
    assert_equal_bits(restored, model)
    torch.testing.assert_close(forward(restored), forward(model))
    assert written.nonzero_parameters == point.nonzero_parameters


def test_recipes_hold_no_code_and_no_place(tmp_path: Path) -> None:
    model = tiny("gpt2")
    model.config._name_or_path = str(tmp_path)
    model.config.auto_map = {"AutoModel": "somebody/code--model.Model"}
    recipe = recipe_of(model)
    assert recipe["class"] == "GPT2LMHeadModel"
    assert str(tmp_path) not in str(recipe)
    assert "somebody" not in str(recipe)


def test_a_subclass_of_the_users_is_the_users_to_build(tmp_path: Path) -> None:
    class Mine(transformers.GPT2LMHeadModel):  # type: ignore[misc, name-defined]
        pass

    theirs = tiny("gpt2")
    mine = Mine(theirs.config)
    assert recipe_of(mine) == {"kind": "own", "type": "Mine"}
    save(mine, tmp_path / "file")
    assert_equal_bits(load(tmp_path / "file", Mine(theirs.config)), mine)


def test_a_model_that_its_owner_altered_is_the_owners_to_build(tmp_path: Path) -> None:
    model = tiny("bert")
    model.classifier = nn.Linear(16, 7)
    save(model, tmp_path / "file")
    with pytest.raises(InvalidValue, match="BertForSequenceClassification, which neither"):
        load(tmp_path / "file")
    dense = tiny("bert")
    dense.classifier = nn.Linear(16, 7)
    assert_equal_bits(load(tmp_path / "file", dense), model)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"class": "AutoModel"}, CheckpointError, "'AutoModel', which is no model of transformers"),
        ({"class": "GPT2Config"}, CheckpointError, "no model of transformers"),
        ({"class": "models.gpt2.modeling_gpt2.GPT2Model"}, CheckpointError, "no model of transformers"),
        ({"class": "PreTrainedModel"}, CheckpointError, "no model of transformers"),
        ({"config": {"model_type": "nothing"}}, CheckpointError, "model type 'nothing', unknown to transformers"),
        ({"config": {"model_type": "bert"}}, CheckpointError, "a configuration of 'bert' to a 'GPT2LMHeadModel'"),
        ({"config": {"model_type": "gpt2", "backbone": "a/b"}}, InvalidValue, "nothing is fetched"),
        ({"config": {"model_type": "gpt2", "more": [{"model_type": "timm_wrapper"}]}}, InvalidValue, "timm"),
    ],
)
def test_what_is_not_transformers_own_is_refused(change: dict[str, Any], error: type[Exception], match: str) -> None:
    recipe = {"kind": "transformers", "class": "GPT2LMHeadModel", "config": {"model_type": "gpt2"}, "attention": None}
    with pytest.raises(error, match=match):
        builder({**recipe, **change}, 100)


def test_no_kernel_is_taken_from_elsewhere() -> None:
    config = {**tiny("gpt2").config.to_dict(), "attn_implementation": "somebody/kernel"}
    config["_attn_implementation_internal"] = "somebody/kernel"
    recipe = {"kind": "transformers", "class": "GPT2LMHeadModel", "config": config, "attention": "somebody/kernel"}
    build = builder(recipe, 100)
    assert build is not None
    model: Any = build()
    assert model.config._attn_implementation in ("eager", "sdpa")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("Detr", {}),
        ("Detr", {"use_timm_backbone": False}),
        ("Detr", {"backbone_kwargs": {"out_indices": [1]}}),
        ("ConditionalDetr", {"backbone_config": None, "use_timm_backbone": True}),
        ("Gemma3n", {}),
    ],
)
def test_backbones_from_elsewhere_are_refused_where_a_configuration_takes_them_by_default(
    name: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it asks the network"))
    kind = getattr(transformers, f"{name}Model")
    model_type = kind.config_class.model_type
    recipe = {"kind": "transformers", "class": f"{name}Model", "config": {"model_type": model_type, **more}}
    build = builder({**recipe, "attention": None}, 100)
    assert build is not None
    with torch.device("meta"), pytest.raises(InvalidValue, match="nothing is fetched"):
        build()

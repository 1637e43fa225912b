"""Hugging Face models: what their configs become, what stays dense, what they cost. Nothing is downloaded."""

from typing import Any

import pytest
import torch
import transformers
from torch import nn

from sparseift import huggingface
from sparseift.errors import InvalidValue
from sparseift.flops import count
from sparseift.layers import assign_roles
from sparseift.masks.state import masks_of
from sparseift.transformation import roles_of, transform
from sparseift.widening import widen

TOKENS = {"input_ids": torch.arange(8)[None]}
IMAGE = {"pixel_values": torch.zeros(1, 3, 32, 32)}
LLAMA = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
}
BERT = {
    "hidden_size": 16,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
GPT2 = {"vocab_size": 50, "n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2}
RESNET = {"embedding_size": 16, "hidden_sizes": [64, 128], "depths": [3, 3]}
CASES: dict[str, tuple[Any, dict[str, torch.Tensor], int]] = {  # model, example, maskable layers
    "gpt2": (lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2)), TOKENS, 8),
    "gpt2, bare": (lambda: transformers.GPT2Model(transformers.GPT2Config(**GPT2)), TOKENS, 8),
    "gpt2, eager": (
        lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2, attn_implementation="eager")),
        TOKENS,
        8,
    ),
    "llama": (lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA)), TOKENS, 14),
    "llama, eager": (
        lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA, attn_implementation="eager")),
        TOKENS,
        14,
    ),
    "mistral": (lambda: transformers.MistralForCausalLM(transformers.MistralConfig(**LLAMA)), TOKENS, 14),
    "qwen2": (lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**LLAMA)), TOKENS, 14),
    "qwen3": (lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**LLAMA, head_dim=8)), TOKENS, 14),
    "bert": (
        lambda: transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=50, **BERT)),
        TOKENS,
        12,
    ),
    "bert, masked": (lambda: transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=50, **BERT)), TOKENS, 12),
    "vit": (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(image_size=32, patch_size=8, **BERT)),
        IMAGE,
        12,
    ),
    "resnet": (lambda: transformers.ResNetForImageClassification(transformers.ResNetConfig(**RESNET)), IMAGE, 20),
    "resnet, bare": (lambda: transformers.ResNetModel(transformers.ResNetConfig(**RESNET)), IMAGE, 20),
}
BLOCKS = (".layer.", "layers.", "h.", "stages.")


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_gpt2_small_costs_what_a_hand_count_says(implementation: str) -> None:
    """24·d²·T FLOPs in a block's matrices, 4·d·T² in its attention (the full square), 2·d·V·T in the logits."""
    with torch.device("meta"):
        config = transformers.GPT2Config(attn_implementation=implementation)
        model = transformers.GPT2LMHeadModel(config)
    counted = count(model, {"input_ids": torch.zeros(1, 1024, dtype=torch.int64, device="meta")})
    d, t, v = 768, 1024, 50257
    assert counted.weight_free_flops == 12 * 4 * d * t * t == 38_654_705_664
    assert counted.total == 12 * (24 * d * d * t + 4 * d * t * t) + 2 * d * v * t == 291_648_307_200


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_llama_costs_what_a_hand_count_says(implementation: str) -> None:
    """With 2 key-value heads of 4, keys and values are half as wide; the feed-forward has three matrices."""
    with torch.device("meta"):
        config = transformers.LlamaConfig(**LLAMA, attn_implementation=implementation)
        model = transformers.LlamaForCausalLM(config)
    d, f, t, v = 16, 40, 8, 50
    block = 2 * t * (d * d + d * 8 + d * 8 + d * d + 3 * d * f)
    assert count(model, TOKENS).total == 2 * (block + 4 * d * t * t) + 2 * d * v * t


def test_dimensions_grow_together_and_heads_stay() -> None:
    gpt2 = huggingface.scaled(transformers.GPT2Config(n_inner=1000), 1086 // 12 * 12)
    assert (gpt2.n_embd, gpt2.n_inner, gpt2.n_head, gpt2.n_layer) == (1080, 1406, 12, 12)  # 1000 · 1080 / 768 = 1406.25
    llama = huggingface.scaled(transformers.LlamaConfig(), 5760)
    assert (llama.hidden_size, llama.intermediate_size, llama.head_dim) == (5760, 15480, 180)  # · 1.40625
    assert (llama.num_attention_heads, llama.num_key_value_heads) == (32, 32)
    resnet = huggingface.scaled(transformers.ResNetConfig(), 90)
    assert (resnet.embedding_size, resnet.hidden_sizes) == (90, [360, 720, 1440, 2880])
    unset = huggingface.scaled(transformers.GPT2Config(), 1536)
    assert unset.n_inner is None  # four times the width, by the model itself


def test_a_rotary_head_dimension_of_its_own_stays_even() -> None:
    config = transformers.Qwen3Config(**LLAMA, head_dim=10)
    wide = huggingface.scaled(config, 24)  # 10 · 1.5 = 15 dimensions cannot be paired
    assert (wide.hidden_size, wide.head_dim) in {(24, 14), (24, 16)}
    with pytest.raises(InvalidValue, match="hidden_size is 20; for this config it must be a multiple of 8"):
        huggingface.scaled(transformers.LlamaConfig(**LLAMA), 20)


@pytest.mark.parametrize("name", CASES)
def test_wide_keeps_the_budget_and_masks_nothing_but_blocks(name: str) -> None:
    build, example, layers = CASES[name]
    torch.manual_seed(0)
    dense = build().eval()
    wide, point = widen(dense, 0.75, example)
    assert abs(point.flop_ratio - 1.0) <= 1e-3
    masked = masks_of(wide)
    assert len(masked) == layers
    assert all(any(block in path for block in BLOCKS) for path in masked)
    assert type(wide) is type(dense)
    assert not wide.training
    assert wide.config._attn_implementation == dense.config._attn_implementation
    with torch.no_grad():
        narrow, out = dense(**example)[0], wide(**example)[0]
    is_bare = "bare" in name
    assert out.shape == narrow.shape if not is_bare else out.shape != narrow.shape
    assert out.isfinite().all()


@pytest.mark.parametrize("name", CASES)
def test_interiors_double_at_three_quarters(name: str) -> None:
    build, _, _ = CASES[name]
    widener = huggingface.widener(build())
    narrow, wide = widener.build(widener.width), widener.build(2 * widener.width)
    for (path, a), (_, b) in zip(narrow.named_parameters(), wide.named_parameters(), strict=True):
        ratios = [big / small for small, big in zip(a.shape, b.shape, strict=True)]
        assert set(ratios) <= {1.0, 2.0}, path
        is_ending = path.endswith("bias") and path.startswith(("classifier", "cls.predictions.bias"))
        assert 2.0 in ratios or is_ending, path


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "bert", "vit", "resnet"])
def test_a_wide_config_survives_saving(name: str) -> None:
    build, example, _ = CASES[name]
    model = build()
    wide, _ = widen(model, 0.75, example)
    again = type(model)(type(model.config).from_dict(wide.config.to_dict()))
    assert [p.shape for p in again.parameters()] == [p.shape for p in wide.parameters()]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("family", ["sparse_parallel", "sparse_factorized", "sparse_doped"])
def test_local_families_take_the_same_rules(name: str, family: str) -> None:
    build, example, _ = CASES[name]
    model = build().eval()
    shape = model(**example)[0].shape
    rules = huggingface.architecture_of(model.config).rules
    point = transform(model, family, 0.75, example, rules=rules)
    assert abs(point.flop_ratio - 1.0) <= 1e-3
    assert all(any(block in path for block in BLOCKS) for path in masks_of(model))
    assert model(**example)[0].shape == shape


def test_without_the_rules_poolers_are_taken_for_blocks_and_last_blocks_for_heads() -> None:
    """Why every record has rules: the defaults know the first and the last weight that is read, and nothing else."""
    bert = transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=50, **BERT))
    roles = assign_roles(bert, count(bert, TOKENS))
    assert "bert.pooler.dense" in roles.transform
    bare = transformers.GPT2Model(transformers.GPT2Config(**GPT2))
    assert "h.1.mlp.c_proj" not in assign_roles(bare, count(bare, TOKENS)).transform


def test_a_config_is_built_as_its_architectures_say() -> None:
    config = transformers.GPT2Config(**GPT2, architectures=["GPT2LMHeadModel"])
    wide, _ = widen(config, 0.75, TOKENS)
    assert isinstance(wide, transformers.GPT2LMHeadModel)
    assert wide.config.n_embd == 32
    assert config.n_embd == 16
    chosen = huggingface.widener(config, transformers.GPT2Model)
    assert isinstance(chosen.build(16), transformers.GPT2Model)


def test_the_sources_dtype_and_mode_are_kept() -> None:
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2)).to(torch.bfloat16)
    wide = huggingface.widener(model.train()).build(32)
    assert wide.training
    assert {p.dtype for p in wide.parameters()} == {torch.bfloat16}


def test_what_cannot_be_widened_is_refused_with_advice() -> None:
    with pytest.raises(InvalidValue, match=r"model type 't5' has no record .* gpt2, llama, .* Pass a builder"):
        huggingface.widener(transformers.T5Config())
    with pytest.raises(InvalidValue, match=r"architectures are \[\]; the first must name a class"):
        huggingface.widener(transformers.GPT2Config(**GPT2))
    with pytest.raises(InvalidValue, match=r"architectures are \['Nobodys'\]"):
        huggingface.widener(transformers.GPT2Config(**GPT2, architectures=["Nobodys"]))
    with pytest.raises(InvalidValue, match="Linear is no Hugging Face model or config"):
        huggingface.widener(nn.Linear(2, 2))
    assert not huggingface.is_one(nn.Linear(2, 2))


def test_a_model_inside_another_keeps_its_roles() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = transformers.BertModel(transformers.BertConfig(vocab_size=50, **BERT))
            self.inner, self.head = nn.Linear(16, 16), nn.Linear(16, 2)

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.inner(self.bert(input_ids).pooler_output))

    roles = roles_of(Wrapped(), TOKENS)
    assert "bert.pooler.dense" in roles.dense
    assert len(roles.transform) == 13
    assert roles.transform[-1] == "inner"

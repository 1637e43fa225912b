"""Attention that was taken apart computes what it did in one piece."""

import pytest
import torch
from torch import Tensor, nn

from sparseift.attention import SeparateAttention
from sparseift.errors import InvalidValue
from sparseift.flops import count
from sparseift.masks.state import masks_of
from sparseift.transformation import roles_of, transform
from sparseift.widening import widen

CAUSAL = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
PADDING = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(
    ("sizes", "masks"),
    [
        ({}, {}),
        ({"bias": False}, {"attn_mask": CAUSAL}),
        ({}, {"attn_mask": CAUSAL, "is_causal": True}),
        ({}, {"key_padding_mask": PADDING}),
        ({}, {"attn_mask": CAUSAL == 0, "key_padding_mask": PADDING}),
        ({"kdim": 6, "vdim": 12}, {}),
    ],
    ids=["plain", "causal", "causal-hint", "padding", "both", "kdim"],
)
def test_it_computes_the_same(batch_first: bool, need_weights: bool, sizes: dict, masks: dict) -> None:  # type: ignore[type-arg]
    torch.manual_seed(0)
    original = nn.MultiheadAttention(8, 2, batch_first=batch_first, dtype=torch.float64, **sizes).eval()
    if original.in_proj_bias is not None:
        nn.init.normal_(original.in_proj_bias)
        nn.init.normal_(original.out_proj.bias)
    if masks.get("attn_mask") is not None and masks["attn_mask"].dtype == torch.bool:
        masks = {**masks, "attn_mask": ~masks["attn_mask"]}  # True: not attended
    q, k, v = (torch.randn(2, 5, d, dtype=torch.float64) for d in (8, sizes.get("kdim", 8), sizes.get("vdim", 8)))
    inputs = (q, k, v) if batch_first else tuple(x.transpose(0, 1) for x in (q, k, v))
    apart = SeparateAttention(original)
    expected, weights = original(*inputs, need_weights=need_weights, **masks)
    out, mine = apart(*inputs, need_weights=need_weights, **masks)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-12)
    if need_weights:
        torch.testing.assert_close(mine, weights, rtol=1e-10, atol=1e-12)
    else:
        assert mine is None


def test_unbatched_sequences_and_weights_per_head() -> None:
    torch.manual_seed(0)
    original = nn.MultiheadAttention(8, 2).eval()
    x = torch.randn(5, 8)
    for ours, theirs in zip(
        SeparateAttention(original)(x, x, x, average_attn_weights=False),
        original(x, x, x, average_attn_weights=False),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_what_cannot_be_taken_apart_is_refused() -> None:
    with pytest.raises(InvalidValue, match="add_bias_kv"):
        SeparateAttention(nn.MultiheadAttention(8, 2, add_bias_kv=True))


class Encoder(nn.Module):
    def __init__(self, **arguments: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, **arguments)  # type: ignore[arg-type]
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(tokens)))


@pytest.mark.parametrize("family", ["sparse_parallel", "sparse_factorized", "sparse_doped"])
@pytest.mark.parametrize("kept", [None, "*self_attn", nn.MultiheadAttention])
def test_torchs_own_encoder_is_transformed(family: str, kept: str | type[nn.Module] | None) -> None:
    model = Encoder()
    tokens = torch.randint(20, (3, 7))
    dense = count(model, tokens[:1]).total
    point = transform(model, family, 0.5, tokens[:1], rules=[(kept, "dense")] if kept else ())
    assert point.flop_ratio == pytest.approx(1, abs=1e-3)
    assert count(model, tokens[:1]).total == point.executed_flops
    assert point.forward_flops == pytest.approx(dense, rel=1e-3)
    first = "encoder.layers.0."
    found = [n.removeprefix(first).split(".") for n in masks_of(model) if n.startswith(first)]
    names = {parts[1] if parts[0] == "self_attn" else parts[0] for parts in found}
    projections = {"q_proj", "k_proj", "v_proj", "out_proj"}
    assert names == {"linear1", "linear2"} | (set() if kept else projections)
    assert type(model.encoder.layers[0].self_attn) is (nn.MultiheadAttention if kept else SeparateAttention)
    training = model.train()(tokens)
    with torch.no_grad():  # torch's fused inference path reads packed weights: it must not be taken
        torch.testing.assert_close(model.eval()(tokens), training.detach())


def test_the_decoders_cross_attention_meets_its_budget() -> None:
    class Translator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(20, 16)
            self.decoder = nn.TransformerDecoderLayer(16, 2, 32, batch_first=True)
            self.head = nn.Linear(16, 20)

        def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
            return self.head(self.decoder(self.embedding(tokens), memory))

    model, example = Translator(), (torch.zeros(1, 7, dtype=torch.int64), torch.zeros(1, 11, 16))
    dense = count(model, example).total
    point = transform(model, "sparse_doped", 0.5, example)
    assert point.forward_flops == pytest.approx(dense, rel=1e-3)
    assert {n.split(".")[1] for n in masks_of(model)} == {"self_attn", "multihead_attn", "linear1", "linear2"}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")  # torch's own path, where nothing was replaced
@pytest.mark.parametrize("rule", [None, ("*self_attn", "dense"), ("*layers.0", "dense")])
@pytest.mark.parametrize("wide", [False, True])
def test_torchs_encoder_as_it_ships_takes_padding_in_evaluation(rule: tuple[str, str] | None, wide: bool) -> None:
    class Padded(nn.Module):
        def __init__(self, width: int = 16) -> None:
            super().__init__()
            self.embedding = nn.Embedding(20, width)
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 2, 32, batch_first=True), 2)
            self.head = nn.Linear(width, 20)

        def forward(self, tokens: Tensor, padding: Tensor | None = None) -> Tensor:
            return self.head(self.encoder(self.embedding(tokens), src_key_padding_mask=padding))

    tokens, rules = torch.randint(20, (2, 5)), [rule] if rule else []
    if wide:
        model: nn.Module = widen(Padded, 0.45, tokens[:1], width=16, multiple=2, rules=rules)[0]  # type: ignore[arg-type]
    else:
        model = Padded()
        transform(model, "sparse_factorized", 0.5, tokens[:1], rules=rules)  # type: ignore[arg-type]
    model.eval()
    with torch.no_grad():
        assert model(tokens, PADDING).isfinite().all()
    kept = isinstance(model.encoder.layers[0].self_attn, nn.MultiheadAttention)  # type: ignore[union-attr,index]
    assert kept == (rule is not None)


def test_biases_stay_as_trainable_as_they_were() -> None:
    original = nn.MultiheadAttention(8, 2)
    for name, parameter in original.named_parameters():
        parameter.requires_grad_("bias" in name)
    assert {n for n, p in SeparateAttention(original).named_parameters() if p.requires_grad} == {
        f"{n}_proj.bias" for n in ("q", "k", "v", "out")
    }


def test_a_causal_hint_without_its_mask_is_refused() -> None:
    x = torch.randn(1, 3, 8)
    with pytest.raises(InvalidValue, match="attn_mask"):
        SeparateAttention(nn.MultiheadAttention(8, 2, batch_first=True))(x, x, x, is_causal=True)


def test_callable_rules_know_the_attention_that_was_built() -> None:
    model, tokens = Encoder(), torch.zeros(1, 7, dtype=torch.int64)
    roles = roles_of(model, tokens, [(lambda _name, module: isinstance(module, nn.MultiheadAttention), "dense")])
    assert {n.split(".")[-1] for n in roles.transform} == {"linear1", "linear2"}

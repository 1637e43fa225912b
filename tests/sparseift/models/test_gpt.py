"""GPT: hand-counted cost, causality, the tied head."""

import pytest
import torch

from sparseift.errors import InvalidValue
from sparseift.flops import count
from sparseift.ledger import Network, Weight
from sparseift.models.gpt import build
from sparseift.records import SCOPES, DataShape


def test_gpt2_small_costs_what_a_hand_count_says() -> None:
    with torch.device("meta"):
        model = build(DataShape("text", (1024,), 50257, 1), width=768, layers=12, heads=12, dropout=0.1)
    counted = count(model, torch.zeros(1, 1024, dtype=torch.int64, device="meta"))
    assert counted.total == 291_648_307_200
    assert counted.weight_free_flops == 38_654_705_664
    assert sum(p.numel() for p in model.parameters()) == 124_439_808


def test_a_token_sees_only_its_past() -> None:
    torch.manual_seed(0)
    model = build(DataShape("text", (8,), 50, 1), width=16, layers=2, heads=2, dropout=0.0)
    tokens = torch.arange(8)[None]
    other = tokens.clone()
    other[0, 5:] = 40
    before, after = model(tokens), model(other)
    assert torch.equal(before[0, :5], after[0, :5])
    assert not torch.allclose(before[0, 5:], after[0, 5:])


def test_the_head_is_the_token_embedding() -> None:
    model = build(DataShape("text", (8,), 50, 1), width=16, layers=1, heads=2, dropout=0.0)
    assert not any("head" in name for name, _ in model.named_parameters())
    model(torch.zeros(1, 8, dtype=torch.int64)).sum().backward()
    grad = model.token_embedding.weight.grad
    assert grad is not None
    assert (grad[1:] != 0).any()  # tokens that were not read still get a gradient, through the head


def test_width_must_divide_among_the_heads() -> None:
    with pytest.raises(InvalidValue, match="width is 30; it must be a multiple of its 4 heads"):
        build(DataShape("text", (8,), 50, 1), width=30, layers=1, heads=4, dropout=0.0)


def test_gpt3_small_wide_costs_by_scope_what_a_hand_count_says() -> None:
    """Sparse Wide at .75 without re-solving is iso-FLOP over the blocks' linear layers only.

    At T = 1024 a block's matrices cost 24·d²·T FLOPs, its attention 4·d·T², and the logits 2·d·V·T. Twice as wide and
    a quarter dense, the first stays and the others double: with a = T / 6d = .2222 and l = V / (12 · 12d) = .4544 of
    the first, (1 + 2l) / (1 + l) = 1.312 in all linear layers and (1 + 2l + 2a) / (1 + l + a) = 1.404 in the model.
    """

    def network(width: int) -> Network:
        with torch.device("meta"):
            model = build(DataShape("text", (1024,), 50257, 1), width=width, layers=12, heads=12, dropout=0.1)
        counted = count(model, torch.zeros(1, 1024, dtype=torch.int64, device="meta"))
        in_block = {name: name.startswith("blocks.") for name in counted.weights}
        weights = tuple(
            Weight(w.name, w.shape, w.uses, in_block[w.name], in_block[w.name]) for w in counted.weights.values()
        )
        return Network(weights, counted.weight_free_flops, sum(p.numel() for p in model.parameters()))

    dense, wide = network(768), network(1536)
    quarter = {w.name: w.numel // 4 for w in wide.masked}
    ratios = {scope: wide.flops(scope, quarter) / dense.flops(scope) for scope in SCOPES}
    logits, attention = 50257 / (12 * 12 * 768), 1024 / (6 * 768)
    assert ratios["masked_layers"] == 1.0
    assert ratios["linear_layers"] == pytest.approx((1 + 2 * logits) / (1 + logits), rel=1e-12)
    assert ratios["model"] == pytest.approx((1 + 2 * logits + 2 * attention) / (1 + logits + attention), rel=1e-12)
    assert [round(ratio, 2) for ratio in ratios.values()] == [1.0, 1.31, 1.40]

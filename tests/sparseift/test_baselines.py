"""Every control says what it costs: by hand, and against an independent count."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from sparseift.baselines import dense_ladder, dense_low_rank, plain_sparse, static_erk
from sparseift.errors import InvalidValue
from sparseift.families.blocks import Factorized
from sparseift.flops import count, nonzero_flops
from sparseift.masks.state import masks_of, sparsity_of
from sparseift.models.gpt import GPT
from sparseift.models.resnet import ResNet

X = torch.zeros(1, 64)
TOKENS = torch.zeros(1, 16, dtype=torch.int64)
IMAGE = torch.zeros(1, 3, 16, 16)


def mlp(width: int = 64) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


MODELS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "gpt": (lambda: GPT(50, 16, 64, 2, 4, 0.1), TOKENS),
    "resnet": (lambda: ResNet(3, 10, 16, [1, 1]), IMAGE),
    "encoder": (
        lambda: nn.Sequential(
            nn.Linear(8, 32), nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), nn.Linear(32, 2)
        ),
        torch.zeros(1, 5, 8),
    ),
}


def test_plain_sparse_by_hand() -> None:
    model = mlp()
    point = plain_sparse(model, 0.75, X)
    assert {n: int(m.sum()) for n, m in masks_of(model).items()} == {"2.weight": 1024}
    assert point.forward_flops == 2 * (64 * 64 + 1024 + 640)
    assert point.executed_flops == 2 * (64 * 64 + 64 * 64 + 640)
    assert point.flop_ratio == point.forward_flops / point.executed_flops
    assert (point.family, point.nominal_sparsity, point.sparsity) == ("plain_sparse", 0.75, 0.75)
    assert point.parameters - point.nonzero_parameters == 3072


@pytest.mark.parametrize("distribution", ["uniform", "erk"])
@pytest.mark.parametrize("name", MODELS)
def test_plain_sparse_costs_what_its_point_says(name: str, distribution: str) -> None:
    build, example = MODELS[name]
    model = build()
    dense = count(model, example).total
    point = plain_sparse(model, 0.5, example, distribution=distribution)
    assert point.forward_flops == nonzero_flops(count(model, example), masks_of(model))
    assert point.executed_flops == dense
    assert point.flop_ratio == point.forward_flops / dense < 1
    assert point.sparsity == pytest.approx(sparsity_of(model))
    if distribution == "uniform":
        assert point.sparsity == pytest.approx(0.5, abs=2e-3)


def test_a_ladder_of_dense_widths() -> None:
    dense = count(mlp(), X).total
    ladder = dense_ladder(mlp, 64, [0.5, 1, 2, 4], X, multiple=4)
    rungs = [(count(model, X).total, point) for model, point in ladder]
    assert [p.scale for _, p in rungs][1] == "width 64 (k = 1.000)"
    for factor, (flops, point) in zip([0.5, 1, 2, 4], rungs, strict=True):
        assert point.flop_ratio == flops / dense == pytest.approx(factor, rel=0.05)
        assert point.forward_flops == point.executed_flops == flops
        assert (point.family, point.sparsity, point.nonzero_parameters) == ("dense_wide", 0.0, point.parameters)
        assert int(point.scale.split()[1]) % 4 == 0


def test_a_ladder_builds_one_model_at_a_time_and_the_nearest_width() -> None:
    built: list[int] = []

    def build(width: int) -> nn.Module:
        if torch.get_default_device().type != "meta":
            built.append(width)
        return mlp(width)

    ladder = dense_ladder(build, 64, [2, 4], X)
    _, point = next(ladder)
    assert len(built) == 1
    chosen = built[0]
    missed = {w: abs(count(mlp(w), X).total / count(mlp(), X).total - 2) for w in range(chosen - 3, chosen + 4)}
    assert min(missed, key=missed.__getitem__) == chosen
    assert abs(point.flop_ratio - 2) == missed[chosen]


def test_a_ladder_is_reproducible_and_checks_its_arguments() -> None:
    first, second = (next(dense_ladder(mlp, 64, [2], X, seed=3))[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(InvalidValue, match="factors are"):
        next(dense_ladder(mlp, 64, [0], X))
    with pytest.raises(InvalidValue, match="multiple is 0"):
        next(dense_ladder(mlp, 64, [2], X, multiple=0))


def test_low_rank_by_hand() -> None:
    model = mlp()
    point = dense_low_rank(model, X)
    block = model[2]
    assert isinstance(block, Factorized)
    assert block.u.weight.shape == (32, 64)  # 64 · 64 / (64 + 64), so exactly the dense layer's FLOPs
    assert point.flop_ratio == 1.0
    assert (point.family, point.scale) == ("dense_low_rank", "ranks 32 to 32")
    assert masks_of(model) == {}
    folded = block.v.weight @ block.u.weight
    x = torch.randn(5, 64)
    torch.testing.assert_close(block(x), x @ folded.T + block.output.bias)


@pytest.mark.parametrize("name", MODELS)
def test_low_rank_costs_no_more_than_dense_and_hardly_less(name: str) -> None:
    build, example = MODELS[name]
    model = build()
    dense = count(model, example).total
    point = dense_low_rank(model, example, nonlinearity="default")
    assert point.forward_flops == point.executed_flops == count(model, example).total
    assert point.flop_ratio == point.forward_flops / dense
    # Ranks are whole numbers: of these small networks the cheapest rank is up to 1 % of all FLOPs.
    assert 0.99 <= point.flop_ratio <= 1.0
    out = model.train()(example.repeat(2, *[1] * (example.ndim - 1)))
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_low_rank_of_a_real_network_is_iso_flop() -> None:
    with torch.device("meta"):
        model = ResNet(3, 100, 64, (2, 2, 2, 2))
    assert 0.999 <= dense_low_rank(model, torch.zeros(1, 3, 32, 32)).flop_ratio <= 1.0


def test_static_erk_is_a_family_with_erk_masks_that_stay() -> None:
    model = GPT(50, 16, 64, 2, 4, 0.0)
    dense = count(model, TOKENS).total
    same, point, schedule = static_erk(model, "sparse_parallel", 0.5, TOKENS, seed=1)
    assert same is model
    assert (point.family, point.scale) == ("static_erk", "sparse_parallel, k = 2 branches")
    assert not schedule.is_dynamic
    assert schedule.distribution == "erk"
    assert nonzero_flops(count(model, TOKENS), masks_of(model)) == pytest.approx(dense, rel=1e-3)
    densities = {float(m.float().mean()) for m in masks_of(model).values()}
    assert max(densities) - min(densities) > 0.05
    wide, point, _ = static_erk(lambda w: GPT(50, 16, w, 2, 4, 0.0), "sparse_wide", 0.75, TOKENS, width=64, multiple=4)
    assert point.scale == "sparse_wide, width 128 (k = 2.000)"
    assert masks_of(wide)


def test_a_refusal_leaves_the_model_as_it_was() -> None:
    model = mlp()
    plain_sparse(model, 0.5, X)
    with pytest.raises(InvalidValue, match="has masks already"):
        plain_sparse(model, 0.5, X)
    with pytest.raises(InvalidValue, match="has masks already"):
        dense_low_rank(model, X)
    model = mlp()
    for sparsity in (0.0, 1.0):
        with pytest.raises(InvalidValue, match="The sparsity is"):
            plain_sparse(model, sparsity, X)
    with pytest.raises(InvalidValue, match="normalises channels"):
        dense_low_rank(model, X, nonlinearity="bn")
    assert isinstance(model[2], nn.Linear)
    assert masks_of(model) == {}

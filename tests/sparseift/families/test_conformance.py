"""One suite over every family × layer kind: shapes, budgets, masks, gradients."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sparseift import catalog
from sparseift.errors import Infeasible, InvalidValue, NothingToTransform, UnknownName
from sparseift.families.blocks import Doped, Factorized, Parallel, nonlinearity
from sparseift.families.family import NONLINEARITIES
from sparseift.flops import count, nonzero_flops
from sparseift.isoflop import TOLERANCE
from sparseift.masks.state import masks_of
from sparseift.records import SCOPES
from sparseift.transformation import transform
from sparseift.widening import widen

LOCAL = [name for name in catalog.FAMILIES if catalog.get("family", name).is_local]
BLOCKS = {"sparse_parallel": Parallel, "sparse_factorized": Factorized, "sparse_doped": Doped}


def convolutional(inner: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, inner.in_channels, 3, padding=1),
        nn.ReLU(),
        inner,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(inner.out_channels, 10),
    )


def mlp(width: int = 32, depth: int = 2) -> nn.Sequential:
    hidden = [m for _ in range(depth) for m in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), *hidden, nn.Linear(width, 10))


@pytest.mark.parametrize("family", LOCAL)
@pytest.mark.parametrize(
    "inner",
    [
        nn.Conv2d(16, 24, 3, padding=1),
        nn.Conv2d(16, 24, 1),
        nn.Conv2d(16, 24, (5, 3), stride=(2, 1), padding=(2, 0), dilation=(1, 2), bias=False),
        nn.Conv2d(16, 32, 3, padding="same", groups=4),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="circular"),
    ],
    ids=["3x3", "1x1", "5x3-strided-dilated", "grouped", "circular"],
)
def test_a_block_takes_and_gives_what_the_layer_did(family: str, inner: nn.Conv2d) -> None:
    model = convolutional(deepcopy(inner))
    x = torch.randn(2, 3, 12, 12)
    shape = model[:3](x).shape
    dense = count(model, x[:1]).total
    try:
        point = transform(model, family, 0.5, x[:1])
    except Infeasible as refusal:
        pytest.fail(str(refusal))
    assert isinstance(model[2], BLOCKS[family])
    assert model[:3](x).shape == shape
    assert abs(nonzero_flops(count(model, x[:1]), masks_of(model)) / dense - 1) <= TOLERANCE
    assert point.forward_flops == nonzero_flops(count(model, x[:1]), masks_of(model))
    model(x).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


SPARSITIES = st.floats(0.3, 0.95)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    family=st.sampled_from(LOCAL),
    channels=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    groups=st.sampled_from([1, 1, 2, 4]),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    bias=st.booleans(),
    sparsity=SPARSITIES,
    scope=st.sampled_from(SCOPES),
    distribution=st.sampled_from(["uniform", "erk"]),
)
def test_every_convolution_meets_its_budget_or_is_refused(
    family: str,
    channels: tuple[int, int],
    groups: int,
    kernel: tuple[int, int],
    stride: int,
    dilation: int,
    bias: bool,
    sparsity: float,
    scope: str,
    distribution: str,
) -> None:
    inner = nn.Conv2d(
        4 * channels[0], 4 * channels[1], kernel, stride, padding=4, dilation=dilation, groups=groups, bias=bias
    )
    check_budget(convolutional(inner), torch.zeros(1, 3, 9, 9), family, sparsity, scope, distribution)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    family=st.sampled_from(LOCAL),
    width=st.integers(2, 96),
    depth=st.integers(1, 4),
    sparsity=SPARSITIES,
    scope=st.sampled_from(SCOPES),
)
def test_every_linear_layer_meets_its_budget_or_is_refused(
    family: str, width: int, depth: int, sparsity: float, scope: str
) -> None:
    check_budget(mlp(width, depth), torch.zeros(1, 16), family, sparsity, scope, "uniform")


def check_budget(model: nn.Module, x: Tensor, family: str, sparsity: float, scope: str, distribution: str) -> None:
    sparsity = catalog.get("family", family).snap(sparsity)
    before = {name: type(m) for name, m in model.named_modules()}
    dense = count(model, x).total
    try:
        point = transform(model, family, sparsity, x, scope=scope, distribution=distribution)  # type: ignore[arg-type]
    except Infeasible as refusal:
        assert str(refusal).endswith(".")
        assert {name: type(m) for name, m in model.named_modules()} == before, "a refusal changed the model"
        return
    except NothingToTransform:  # one channel per group is depthwise
        assume(False)
    counted = nonzero_flops(count(model, x), masks_of(model))
    assert counted == point.forward_flops
    assert abs(point.flop_ratio - 1) <= TOLERANCE
    if scope == "model":
        assert abs(counted / dense - 1) <= TOLERANCE
    assert 0.0 <= point.sparsity < 1.0
    assert point.parameters - point.nonzero_parameters == sum(int((m == 0).sum()) for m in masks_of(model).values())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(width=st.integers(2, 24), multiple=st.sampled_from([1, 2]), sparsity=SPARSITIES)
def test_wide_meets_its_budget_or_is_refused(width: int, multiple: int, sparsity: float) -> None:
    width *= multiple
    x = torch.zeros(1, 16)
    dense = count(mlp(width), x).total
    try:
        model, point = widen(mlp, sparsity, x, width=width, multiple=multiple)
    except Infeasible as refusal:
        assert str(refusal).endswith(".")
        return
    assert abs(nonzero_flops(count(model, x), masks_of(model)) / dense - 1) <= TOLERANCE
    assert model[0].out_features % multiple == 0
    assert model(torch.randn(3, 16)).shape == (3, 10)
    assert 0.0 <= point.sparsity < 1.0


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    width=st.integers(2, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    sparsity=SPARSITIES,
    scope=st.sampled_from(SCOPES),
)
def test_wide_convolutions_meet_their_budget_or_are_refused(
    width: int, kernel: int, stride: int, groups: int, sparsity: float, scope: str
) -> None:
    def build(w: int) -> nn.Sequential:
        return convolutional(nn.Conv2d(w, w, kernel, stride, padding=2, groups=groups))

    x = torch.zeros(1, 3, 9, 9)
    dense = count(build(2 * width), x)
    try:
        model, _ = widen(build, sparsity, x, width=2 * width, multiple=2, scope=scope)  # type: ignore[arg-type]
    except Infeasible as refusal:
        assert str(refusal).endswith(".")
        return
    except NothingToTransform:  # two channels in two groups are depthwise
        assume(False)
    masks, counted = masks_of(model), count(model, x)
    if scope == "masked_layers":
        achieved = sum(counted.weights[n].flops(int(m.sum())) for n, m in masks.items())
        wanted = sum(dense.weights[n].flops(dense.weights[n].numel) for n in masks)
    else:
        achieved, wanted = nonzero_flops(counted, masks), dense.total
    assert abs(achieved / wanted - 1) <= TOLERANCE


def test_blocks_compute_the_figures_formulas() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 4).double()
    z = torch.randn(5, 6, dtype=torch.float64)
    parallel, factorized, doped = Parallel(layer, 3, "relu"), Factorized(layer, 7, "relu"), Doped(layer, 2, "relu")
    theta = [b.weight for b in parallel.branches]
    torch.testing.assert_close(parallel(z), sum(torch.relu(z @ t.T) for t in theta) + layer.bias)
    torch.testing.assert_close(
        factorized(z), torch.relu(z @ factorized.u.weight.T) @ factorized.v.weight.T + layer.bias
    )
    torch.testing.assert_close(
        doped(z), z @ doped.u.weight.T @ doped.v.weight.T + torch.relu(z @ doped.theta.weight.T) + layer.bias
    )


def test_the_default_nonlinearity_is_the_figures() -> None:
    assert isinstance(nonlinearity("default", nn.Linear(2, 2), 2), nn.GELU)
    assert [type(m) for m in nonlinearity("default", nn.Conv2d(2, 2, 1), 2)] == [nn.BatchNorm2d, nn.ReLU]


@pytest.mark.parametrize("scale", [0.02, 0.5])
def test_fresh_weights_take_the_replaced_layers_scale(scale: float) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(256, 256)
    nn.init.normal_(layer.weight, std=scale)
    x = torch.randn(512, 256)
    dense = layer(x).detach().var()
    for block, masked in (
        (Parallel(layer, 4, "identity"), 0.25),
        (Doped(layer, 96, "identity"), 0.25),
        (Factorized(layer, 512, "identity"), 0.25),
        (Factorized(layer, 128, "identity"), 1.0),  # dense factors of equal FLOPs: the low-rank control
    ):
        for name in block.masked:  # as a mask of density 1 - s leaves it, with s = .75
            weight = block.get_parameter(name)
            weight.data.mul_(torch.rand_like(weight) < masked)
        assert block(x).var().detach() == pytest.approx(dense.item(), rel=0.15)


@pytest.mark.parametrize("family", LOCAL)
@pytest.mark.parametrize("sigma", NONLINEARITIES)
def test_every_nonlinearity_works_where_it_is_allowed(family: str, sigma: str) -> None:
    model = convolutional(nn.Conv2d(8, 8, 3, padding=1))
    transform(model, family, 0.5, torch.zeros(1, 3, 8, 8), nonlinearity=sigma)
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 10)
    if sigma.startswith("bn"):
        with pytest.raises(InvalidValue, match="channels of convolutions"):
            transform(mlp(), family, 0.5, torch.zeros(1, 16), nonlinearity=sigma)
    with pytest.raises(UnknownName, match="relu"):
        transform(mlp(), family, 0.5, torch.zeros(1, 16), nonlinearity="swish")


@pytest.mark.parametrize("family", LOCAL)
def test_stem_head_embeddings_norms_and_biases_are_never_masked(family: str) -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(50, 32)
            self.first, self.norm, self.second = nn.Linear(32, 32), nn.LayerNorm(32), nn.Linear(32, 32)
            self.head = nn.Linear(32, 50, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens: Tensor) -> Tensor:
            return self.head(self.norm(self.second(self.first(self.embedding(tokens)))))

    model = Text()
    transform(model, family, 0.5, torch.zeros(1, 7, dtype=torch.int64))
    assert {n.split(".")[0] for n in masks_of(model)} == {"first", "second"}
    assert model.head.weight is model.embedding.weight

    images = convolutional(nn.Conv2d(8, 10, 3))  # a dimension equal to the number of classes changes nothing
    transform(images, family, 0.5, torch.zeros(1, 3, 8, 8))
    assert {n.split(".")[0] for n in masks_of(images)} == {"2"}
    assert all("bias" not in n for n in masks_of(images))


def test_depthwise_stays_dense_and_rules_decide() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3, groups=16), nn.Conv2d(16, 32, 1), nn.Conv2d(32, 16, 1), nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )  # fmt: skip
    x = torch.zeros(1, 3, 8, 8)
    transform(model, "sparse_factorized", 0.5, x, rules=[("3", "mask")])
    assert type(model[1]) is nn.Conv2d
    assert set(masks_of(model)) == {"2.u.weight", "2.v.weight", "3.weight"}
    with pytest.raises(NothingToTransform, match="nothing to transform"):
        transform(mlp(), "sparse_doped", 0.5, torch.zeros(1, 16), rules=[("*", "dense")])


def test_the_same_seed_gives_the_same_model() -> None:
    def built(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(7)
        model = mlp()
        transform(model, "sparse_doped", 0.75, torch.zeros(1, 16), seed=seed)
        return dict(model.state_dict())

    first, again, other = built(1), built(1), built(2)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["2.theta.weight_mask"], other["2.theta.weight_mask"])


def test_wide_needs_a_builder() -> None:
    with pytest.raises(InvalidValue, match="widen"):
        transform(mlp(), "sparse_wide", 0.5, torch.zeros(1, 16))
    with pytest.raises(UnknownName, match="sparse_doped"):
        transform(mlp(), "sparse_long", 0.5, torch.zeros(1, 16))


def test_a_refusal_of_parallel_names_its_neighbours() -> None:
    with pytest.raises(Infeasible, match=r"0\.5 and 0\.6667"):
        transform(mlp(), "sparse_parallel", 0.58, torch.zeros(1, 16))


def test_points_are_records() -> None:
    _, point = widen(mlp, 0.5, torch.zeros(1, 16), width=32)
    assert replace(point) == point

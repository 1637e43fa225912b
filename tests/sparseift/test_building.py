"""Catalog models under every family: what is planned is what is built."""

import pytest
import torch

from sparseift import catalog
from sparseift.building import build_sparse, dense_network, example_of, plan_point
from sparseift.errors import Infeasible, InvalidValue
from sparseift.flops import count, nonzero_flops
from sparseift.isoflop import TOLERANCE
from sparseift.masks.state import masks_of, sparsity_of
from sparseift.records import DataShape, Scope

IMAGES = DataShape("images", (3, 16, 16), 10, 100)
TEXT = DataShape("text", (16,), 200, 100)
MODELS = {
    "mlp": ({"width": 24}, IMAGES),
    "resnet": ({"width": 8}, IMAGES),
    "gpt": ({"width": 32, "layers": 2, "heads": 4}, TEXT),
}


@pytest.mark.parametrize("distribution", ["uniform", "erk"])
@pytest.mark.parametrize("sparsity", [0.5, 0.75])
@pytest.mark.parametrize("family", catalog.FAMILIES)
@pytest.mark.parametrize("model", MODELS)
def test_the_plan_is_what_is_built(model: str, family: str, sparsity: float, distribution: str) -> None:
    arguments, shape = MODELS[model]
    card = catalog.get("model", model)
    try:
        planned = plan_point(card, arguments, shape, family, sparsity)
    except Infeasible as refusal:
        with pytest.raises(Infeasible, match=r"[Nn]earest feasible|No sparsity"):
            build_sparse(card, arguments, shape, family, sparsity)
        assert str(refusal)
        return
    network, built = build_sparse(card, arguments, shape, family, sparsity, distribution=distribution, seed=3)
    example = example_of(shape)
    flops = nonzero_flops(count(network, example), masks_of(network))
    assert flops == built.forward_flops
    assert abs(flops / dense_network(card, arguments, shape).flops("model") - 1) <= TOLERANCE
    assert count(network, example).total == built.executed_flops == planned.executed_flops
    assert sum(p.numel() for p in network.parameters()) == built.parameters == planned.parameters
    assert sparsity_of(network) == pytest.approx(built.sparsity)
    if distribution == "uniform":
        assert built == planned
    x = torch.zeros(2, *shape.input_shape, dtype=example.dtype)
    assert network(x).shape[0] == 2


@pytest.mark.parametrize("scope", ["masked_layers", "linear_layers", "model"])
def test_scopes_of_gpt3_small(scope: Scope) -> None:
    """Wide at .75 keeps the block linears' FLOPs only; heads stay 12 and logits and attention grow."""
    card, shape = catalog.get("model", "gpt3-small"), DataShape("text", (1024,), 50257, 1)
    dense = dense_network(card, {}, shape)
    point = plan_point(card, {}, shape, "sparse_wide", 0.75, scope=scope)
    whole = point.forward_flops / dense.flops("model")
    assert whole == pytest.approx({"masked_layers": 1.403, "linear_layers": 1.1326, "model": 1.0}[scope], abs=2e-3)
    assert abs(point.flop_ratio - 1) <= TOLERANCE
    if scope == "masked_layers":
        assert point.sparsity == pytest.approx(0.75, abs=1e-4)


def test_a_model_for_other_data_is_refused() -> None:
    with pytest.raises(InvalidValue, match="takes images; the data set has text"):
        build_sparse(catalog.get("model", "mlp"), {}, TEXT, "dense", 0.0)


def test_the_seed_decides_everything() -> None:
    card = catalog.get("model", "mlp")
    one, again, other = (
        build_sparse(card, {"width": 24}, IMAGES, "sparse_doped", 0.5, seed=s)[0].state_dict() for s in (1, 1, 2)
    )
    assert all(torch.equal(one[k], again[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)
    state = torch.random.get_rng_state()
    build_sparse(card, {"width": 24}, IMAGES, "sparse_parallel", 0.5, seed=1)
    assert torch.equal(state, torch.random.get_rng_state())

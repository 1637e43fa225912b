import math

import pytest

from sparseift.errors import Infeasible, UnknownName
from sparseift.isoflop import TOLERANCE, solve, with_nearest
from sparseift.ledger import Network, Weight


def network(*weights: Weight, free: int = 0) -> Network:
    return Network(weights, free, sum(w.numel for w in weights))


def test_hand_computed_uniform() -> None:
    sized = network(Weight("a", (20, 20), 1, True, True), Weight("b", (10, 10), 4, True, True), Weight("c", (5,), 2))
    solution = solve(sized, budget_flops=2 * (200 + 200 + 10), scope="model")
    assert solution.nonzeros == {"a": 200, "b": 50}
    assert solution.sparsity == 0.5
    assert solution.flop_ratio == 1.0


def test_hand_computed_erk_gives_small_layers_more() -> None:
    # raw densities: a (20+20)/400 = .1, b (10+10)/100 = .2; ε·(.1·400 + .2·100) = 120 → ε = 2
    sized = network(Weight("a", (20, 20), 1, True, True), Weight("b", (10, 10), 1, True, True))
    assert solve(sized, 2 * 120, "model", "erk").nonzeros == {"a": 80, "b": 40}


def test_erk_layers_above_one_become_dense_and_the_rest_is_resolved() -> None:
    sized = network(Weight("a", (20, 20), 1, True, True), Weight("b", (4, 4), 1, True, True))
    # ε·(40 + 8) = 316 → b's density ε·.5 > 1: b dense (16), a takes the other 300.
    assert solve(sized, 2 * 316, "model", "erk").nonzeros == {"a": 300, "b": 16}


def test_everything_dense_is_feasible() -> None:
    sized = network(Weight("a", (3, 5), 2, True, True), Weight("b", (7, 2), 3, True, True))
    for distribution in ("uniform", "erk"):
        solution = solve(sized, sized.flops("model"), "model", distribution)
        assert solution.sparsity == 0.0


def test_scopes_differ_by_what_they_hold_equal() -> None:
    sized = network(Weight("a", (20, 20), 1, True, True), Weight("head", (40, 5), 1), free=100)
    assert sized.flops("masked_layers") == 800
    assert sized.flops("linear_layers") == 1200
    assert sized.flops("model") == 1300
    assert solve(sized, 400, "masked_layers").nonzeros == {"a": 200}
    assert solve(sized, 600, "linear_layers").nonzeros == {"a": 100}
    assert solve(sized, 700, "model").nonzeros == {"a": 100}


def test_rounding_is_absorbed_by_single_weights() -> None:
    layers = [Weight(f"w{i}", (13, 17 + i), 64 // (i + 1), True, True) for i in range(6)]
    sized = network(*layers)
    budget = int(sized.flops("model") * 0.37)
    achieved = solve(sized, budget, "model")
    spent = sum(w.flops(achieved.nonzeros[w.name]) for w in layers)
    assert abs(spent - budget) < 2 * min(w.uses for w in layers)


def test_refusals_say_why() -> None:
    sized = network(Weight("a", (10, 10), 1, True, True), Weight("head", (100, 10), 1))
    with pytest.raises(Infeasible, match=r"stays dense costs 111\.1%"):
        solve(sized, 1800, "model")
    with pytest.raises(Infeasible, match="without zeros"):
        solve(sized, 4000, "model")
    with pytest.raises(UnknownName, match="linear_layers"):
        solve(sized, 1800, "whole_model")  # type: ignore[arg-type]
    coarse = network(Weight("a", (3, 3), 1000, True, True))
    with pytest.raises(Infeasible, match="too small"):
        solve(coarse, 2 * 4500, "model")


def test_the_nearest_feasible_sparsities_are_named() -> None:
    def attempt(sparsity: float) -> None:
        if sparsity > 0.61:
            raise Infeasible("too large.")

    advised = with_nearest(Infeasible("too large."), 0.9, attempt)
    assert advised.nearest == (0.6,)
    assert "0.6" in str(advised)

    def narrow(sparsity: float) -> None:
        if not 0.44 < sparsity < 0.81:
            raise Infeasible("outside.")

    assert with_nearest(Infeasible("outside."), 0.3, narrow).nearest == (0.45,)
    assert with_nearest(Infeasible("at that very one."), 0.6, narrow).nearest == (0.55, 0.65)
    assert with_nearest(Infeasible("x."), 0.9, lambda _s: attempt(0.99)).nearest == ()
    assert with_nearest(Infeasible("x", (0.5,)), 0.4, attempt).nearest == (0.5,)
    assert math.isclose(TOLERANCE, 1e-3)

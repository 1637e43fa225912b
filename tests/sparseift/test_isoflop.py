import math

import pytest

from sparseift.errors import Infeasible, InvalidValue, UnknownName
from sparseift.isoflop import TOLERANCE, solve, with_nearest
from sparseift.ledger import Network, Weight
from sparseift.masks.structures import parse


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


def layer(name: str, *shape: int, uses: int = 1, transposed: bool = False) -> Weight:
    return Weight(name, shape, uses, True, True, transposed)


def test_hand_computed_er_leaves_kernels_out() -> None:
    # er: a (4 + 8)/32 = .375, b (4 + 4)/16 = .5; erk of b with its 3 x 3 kernel: (4 + 4 + 3 + 3)/144 = .097
    sized = network(layer("a", 4, 8), layer("b", 4, 4, 3, 3))
    counts = solve(sized, 2 * 84, "model", "er").nonzeros
    assert counts == {"a": 12, "b": 72}  # ε = 1
    assert solve(sized, 2 * 26, "model", "erk").nonzeros == {"a": 12, "b": 14}


def test_an_explicit_map_gives_relative_densities_and_the_first_match_wins() -> None:
    sized = network(layer("net.0.weight", 10, 10), layer("net.1.weight", 10, 10), layer("head.weight", 10, 10))
    found = solve(sized, 2 * 100, "model", {"net.0.*": 3.0, "net.*": 1.0, "*": 1.0}).nonzeros
    assert found == {"net.0.weight": 60, "net.1.weight": 20, "head.weight": 20}
    assert solve(sized, 2 * 100, "model", {"head.weight": 2.0, "*": 1.0}).nonzeros["head.weight"] == 50
    with pytest.raises(InvalidValue, match=r"nothing of 'head\.weight'"):
        solve(sized, 200, "model", {"net.*": 1.0})
    with pytest.raises(InvalidValue, match="above 0"):
        solve(sized, 200, "model", {"*": 0.0})
    with pytest.raises(InvalidValue, match=r"'lamp' needs scores.*uniform, er, erk"):
        solve(sized, 200, "model", "lamp")


def test_densities_are_capped_by_the_structure() -> None:
    # a wants ε·3, b ε·1; under 2:4 a stops at 50 of 100 and b takes the rest.
    sized = network(layer("a", 5, 20), layer("b", 5, 20))
    assert solve(sized, 2 * 80, "model", {"a": 3.0, "b": 1.0}, "2:4").nonzeros == {"a": 50, "b": 30}
    assert solve(sized, 2 * 100, "model", "uniform", "2:4").nonzeros == {"a": 50, "b": 50}
    with pytest.raises(Infeasible, match=r"highest density under the structure '2:4'.*50\.00%"):
        solve(sized, 2 * 200, "model", "uniform", "2:4")


@pytest.mark.parametrize(
    "structure", ["unstructured", "2:4", "block:4", "constant_fan_in", "channel", "head_balanced:4"]
)
@pytest.mark.parametrize("distribution", ["uniform", "er", "erk"])
def test_counts_are_what_the_structure_can_have(structure: str, distribution: str) -> None:
    layers = [
        layer("a", 64, 32, uses=7), layer("b", 128, 64, 3, 3, uses=3), layer("c", 128, 256), layer("d", 256, 128),
        layer("e", 32, 96, transposed=True),
    ]  # fmt: skip
    sized = network(*layers, Weight("head", (10, 128), 1), free=1000)
    budget = int(sized.flops("model") * 0.31)
    solution = solve(sized, budget, "model", distribution, structure)
    assert abs(sized.flops("model", solution.nonzeros) / budget - 1) <= TOLERANCE
    assert solution.flop_ratio == sized.flops("model", solution.nonzeros) / budget
    for weight in layers:
        layout = parse(structure).layout(weight.shape, weight.transposed)
        layout.check_count(weight.name, solution.nonzeros[weight.name])
        assert solution.nonzeros[weight.name] >= layout.quantum


def test_coarse_steps_trade_with_each_other() -> None:
    # Rows of 30 and of 21: 21a + 30b = 972 has solutions such as (12, 24), which no single layer's steps reach.
    sized = network(layer("a", 40, 21), layer("b", 40, 30))
    solution = solve(sized, 2 * 972, "model", "uniform", "channel")
    assert solution.flop_ratio == 1.0


def test_refusals_name_structure_and_layer() -> None:
    with pytest.raises(Infeasible, match=r"'b' of shape \(8, 6\) cannot be masked: '2:4' needs inputs .*6"):
        solve(network(layer("a", 8, 8), layer("b", 8, 6)), 50, "model", "uniform", "2:4")
    assert solve(network(layer("b", 8, 6, transposed=True)), 48, "model", "uniform", "2:4").nonzeros == {"b": 24}
    with pytest.raises(Infeasible, match="under the structure 'channel' come no nearer"):
        solve(network(layer("a", 3, 100)), 2 * 150, "model", "uniform", "channel")
    with pytest.raises(Infeasible, match="leaves nothing for the masked layers under the structure 'block:8'"):
        solve(network(layer("a", 8, 8)), 2 * 60, "model", "uniform", "block:8")
    with pytest.raises(UnknownName, match="block:B"):
        solve(network(layer("a", 8, 8)), 64, "model", "uniform", "blocks")


def test_counts_of_a_callable_are_rounded_like_any_other() -> None:
    sized = network(layer("a", 10, 10), layer("b", 10, 10))
    asked: list[tuple[tuple[str, ...], int]] = []

    def allocate(masked: tuple[Weight, ...], available: int) -> dict[str, int]:
        asked.append((tuple(w.name for w in masked), available))
        return {"a": 71, "b": 31}

    assert solve(sized, 200, "model", "global", allocate=allocate).nonzeros == {"a": 69, "b": 31}  # 2 too many in all
    solution = solve(sized, 200, "model", "global", "constant_fan_in", allocate)
    assert solution.nonzeros == {"a": 70, "b": 30}
    assert asked == [(("a", "b"), 200)] * 2

import pytest
import torch

from sparseift.errors import InvalidValue, UnknownName
from sparseift.isoflop import TOLERANCE, solve
from sparseift.ledger import Network, Weight
from sparseift.masks.allocation import allocator, lamp


def layer(name: str, *shape: int, uses: int = 1) -> Weight:
    return Weight(name, shape, uses, True, True)


def test_lamp_by_hand() -> None:
    # |w| of 1, 2, 3: 1/(1 + 4 + 9), 4/(4 + 9), 9/9
    assert lamp(torch.tensor([[2.0, 1.0, 3.0]])).tolist() == [[pytest.approx(4 / 13), pytest.approx(1 / 14), 1.0]]
    assert lamp(torch.zeros(2, 2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_global_by_hand() -> None:
    masked = (layer("a", 2, 3), layer("b", 2, 2, uses=2))
    scores = {"a": torch.tensor([[9.0, 8.0, 1.0], [2.0, 3.0, 0.5]]), "b": torch.tensor([[7.0, 0.1], [6.0, 5.0]])}
    # Units of a cost 2, of b 4. In falling order 9 a, 8 a, 7 b, 6 b, 5 b: 2 + 2 + 4 + 4 = 12, and 5 b is beyond.
    assert allocator("global", scores)(masked, 12) == {"a": 2, "b": 2}
    assert allocator("global", scores)(masked, 16) == {"a": 2, "b": 3}
    with pytest.raises(InvalidValue, match="no scores for 'b'"):
        allocator("global", {"a": scores["a"]})(masked, 12)
    with pytest.raises(UnknownName, match="global, lamp"):
        allocator("uniform", scores)


def test_lamp_does_not_depend_on_a_layers_scale_and_global_does() -> None:
    generator = torch.Generator().manual_seed(0)
    masked = (layer("a", 20, 20), layer("b", 20, 20))
    scores = {"a": torch.rand(20, 20, generator=generator), "b": torch.rand(20, 20, generator=generator)}
    louder = {"a": scores["a"], "b": 100 * scores["b"]}
    assert allocator("lamp", scores)(masked, 400) == allocator("lamp", louder)(masked, 400)
    assert allocator("global", louder)(masked, 400) == {"a": 1, "b": 199}  # every layer keeps one
    assert allocator("global", scores)(masked, 400) != {"a": 1, "b": 199}


@pytest.mark.parametrize(
    "structure", ["unstructured", "2:4", "block:4", "constant_fan_in", "channel", "head_balanced:4"]
)
@pytest.mark.parametrize("distribution", ["global", "lamp"])
def test_scored_distributions_meet_the_budget_under_every_structure(distribution: str, structure: str) -> None:
    generator = torch.Generator().manual_seed(0)
    masked = (layer("a", 64, 32, uses=7), layer("b", 128, 64, 3, 3, uses=3), layer("c", 128, 256), layer("d", 256, 128))
    scores = {w.name: torch.randn(w.shape, generator=generator).abs() / w.uses for w in masked}
    network = Network(masked, 0, sum(w.numel for w in masked))
    budget = int(0.31 * network.flops("model"))
    allocate = allocator(distribution, scores, structure)
    solution = solve(network, budget, "model", distribution, structure, allocate)
    assert abs(solution.flop_ratio - 1) <= TOLERANCE
    densities = {w.name: solution.nonzeros[w.name] / w.numel for w in masked}
    assert len(set(densities.values())) > 1
    raw = allocate(masked, budget)
    assert sum(w.flops(raw[w.name]) for w in masked) <= budget

"""Scores at initialisation against what they stand for: differences of the loss and of the gradient's norm."""

import pytest
import torch
from torch import Tensor, nn

from sparseift.masks.initial import grasp, magnitude, snip
from sparseift.masks.state import attach_masks, masks_of

NAMES = ("0.weight", "2.weight")


def model_and_loss() -> tuple[nn.Sequential, object]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = torch.randn(16, 5, dtype=torch.float64), torch.randint(3, (16,))
    return model, lambda m: nn.functional.cross_entropy(m(x), y)


def flow(model: nn.Module, loss: object) -> float:
    """‖g‖² over the scored weights."""
    gradients = torch.autograd.grad(loss(model), [model.get_parameter(n) for n in NAMES])  # type: ignore[operator]
    return float(sum(g.square().sum() for g in gradients))


def derivative_of_removal(model: nn.Module, value: object, name: str, at: tuple[int, int]) -> float:
    """d value / d ε of w ← (1 − ε) w at ε = 0, by central differences: what its removal does, to first order."""
    weight, step = model.get_parameter(name), 1e-5
    original = float(weight[at].detach())
    found = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[at] = original * (1 - sign * step)
        found.append(value())  # type: ignore[operator]
    with torch.no_grad():
        weight[at] = original
    return float(found[0] - found[1]) / (2 * step)


def test_snip_is_what_the_loss_changes_by() -> None:
    model, loss = model_and_loss()
    scores = snip(loss)(model, NAMES)  # type: ignore[arg-type]
    for name, at in (("0.weight", (1, 2)), ("2.weight", (2, 0))):
        change = derivative_of_removal(model, lambda: loss(model).detach(), name, at)  # type: ignore[operator]
        assert float(scores[name][at]) == pytest.approx(abs(change), rel=1e-6)


def test_grasp_keeps_the_weights_whose_removal_costs_gradient_flow() -> None:
    """Eq. 8: removing costs −2 θ ⊙ Hg of ‖g‖², so the highest θ ⊙ Hg are kept."""
    model, loss = model_and_loss()
    scores = grasp(loss)(model, NAMES)  # type: ignore[arg-type]
    assert any((s < 0).any() for s in scores.values())
    for name, at in (("0.weight", (1, 2)), ("0.weight", (3, 0)), ("2.weight", (2, 0)), ("2.weight", (0, 3))):
        change = derivative_of_removal(model, lambda: flow(model, loss), name, at)
        assert 2 * float(scores[name][at]) == pytest.approx(-change, rel=1e-5)


def test_nothing_of_the_model_changes() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
    model[0].weight.requires_grad_(False)
    x = torch.randn(4, 2, 4, 4)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    for score in (magnitude(), snip(lambda m: m(x).square().mean()), grasp(lambda m: m(x).square().mean())):
        scores = score(model, ["0.weight", "3.weight"])
        assert {n: s.shape for n, s in scores.items()} == {n: model.get_parameter(n).shape for n in scores}
        assert all(s.any() and torch.isfinite(s).all() and not s.requires_grad for s in scores.values())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()].count(False) == 1


def test_a_weight_that_the_loss_does_not_use_scores_zero() -> None:
    model, _ = model_and_loss()
    for score in (snip(lambda m: m[0](torch.ones(1, 5).double()).sum()), grasp(lambda m: m[0].weight.sum())):
        assert not score(model, NAMES)["2.weight"].any()


def test_attention_is_differentiated_twice() -> None:
    def loss(model: nn.Module) -> Tensor:
        x = torch.ones(1, 2, 3, 4).cumsum(2)
        return nn.functional.scaled_dot_product_attention(model(x), x, x).square().sum()

    torch.manual_seed(0)
    assert grasp(loss)(nn.Linear(4, 4), ["weight"])["weight"].any()


@pytest.mark.parametrize("score", [magnitude(), snip(model_and_loss()[1]), grasp(model_and_loss()[1])])  # type: ignore[arg-type]
def test_the_highest_scores_become_active(score: object) -> None:
    model, _ = model_and_loss()
    scores = score(model, NAMES)  # type: ignore[operator]
    attach_masks(model, {"0.weight": 7, "2.weight": 5}, seed=0, scores=scores)
    for name, mask in masks_of(model).items():
        assert scores[name][mask == 1].min() >= scores[name][mask == 0].max()

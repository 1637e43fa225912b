"""A CSR layer trains as the masked-dense layer does."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from sparseift.acceleration.csr_linear import CsrLinear, to_csr_training, to_masked_training
from sparseift.errors import InvalidValue
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.state import masks_of
from sparseift.masks.trainer import MaskTrainer
from tests.sparseift.export.samples import assert_equal_bits, masked, small_net, sparse_net

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
}


def test_a_layer_of_three_weights() -> None:
    layer = nn.Linear(3, 2)
    layer.register_buffer("weight_mask", torch.tensor([[1, 1, 0], [0, 0, 1]], dtype=torch.uint8))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 3.0]]))
        layer.bias.copy_(torch.tensor([10.0, 20.0]))
    sparse = CsrLinear(layer)
    x = torch.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    y = sparse(x)
    assert y.tolist() == [[11.0, 32.0]]
    y.backward(torch.tensor([[1.0, 10.0]]))
    assert sparse.values.tolist() == [1.0, 0.0, 3.0]
    assert sparse.values.grad is not None
    assert x.grad is not None
    assert sparse.values.grad.tolist() == [1.0, 2.0, 40.0]
    assert x.grad.tolist() == [[1.0, 0.0, 30.0]]


@pytest.mark.parametrize("shape", [(8,), (5, 8), (2, 3, 8), (0, 8)])
def test_gradients_are_those_of_the_masked_layer(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    dense = masked(nn.Linear(8, 6)).double()
    sparse = CsrLinear(copy.deepcopy(dense))
    x = torch.randn(shape, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = sparse(ours), dense(theirs)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    gradient = torch.randn_like(y)
    y.backward(gradient)
    expected.backward(gradient)
    kept = dense.weight_mask.bool()
    torch.testing.assert_close(sparse.values.grad, dense.weight.grad[kept], rtol=0, atol=1e-12)
    torch.testing.assert_close(sparse.bias.grad, dense.bias.grad, rtol=0, atol=1e-12)  # type: ignore[union-attr]
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-12)


def test_autocast_trains_it_too() -> None:
    torch.manual_seed(0)
    dense = nn.Sequential(masked(nn.Linear(8, 6)), masked(nn.Linear(6, 4)))
    model = copy.deepcopy(dense)
    to_csr_training(model, minimum_sparsity=0.0)
    x = torch.randn(5, 8)
    for net in (dense, model):
        with torch.autocast("cpu", torch.bfloat16):
            y = net(x)
        assert y.dtype == torch.bfloat16
        y.float().square().sum().backward()
    layers = [(theirs, ours) for theirs, ours in zip(dense, model, strict=True)]
    for theirs, ours in layers:
        kept = theirs.weight_mask.bool()
        assert ours.values.grad.dtype == torch.float32
        torch.testing.assert_close(ours.values.grad, theirs.weight.grad[kept], rtol=0.05, atol=0.05)


def test_gradients_pass_a_numerical_check() -> None:
    torch.manual_seed(0)
    sparse = CsrLinear(masked(nn.Linear(4, 3)).double())
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)

    def of_values(x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(sparse, {"values": values}, (x,))

    assert torch.autograd.gradcheck(of_values, (x, sparse.values))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_gives_the_masked_trajectory(optimizer: str) -> None:
    dense = small_net().double()
    sparse = copy.deepcopy(dense)
    changes = to_csr_training(sparse, minimum_sparsity=0.0)
    assert {c.name for c in changes if c.layout} == {"3.u", "3.v", "4.u", "4.v"}
    assert {c.name for c in changes if not c.layout} == {"1.branches.0.weight", "1.branches.1.weight"}
    steps = 6
    for model in (dense, sparse):
        chosen = OPTIMIZERS[optimizer](model.parameters())
        MaskTrainer(model, chosen, MaskSchedule("static"), total_steps=steps, seed=0)  # of what still has masks
        generator = torch.Generator().manual_seed(0)
        for _ in range(steps):
            x = torch.randn(4, 3, 8, 8, generator=generator, dtype=torch.float64)
            chosen.zero_grad()
            model(x).square().mean().backward()
            chosen.step()
    to_masked_training(sparse)
    assert masks_of(sparse).keys() == masks_of(dense).keys()
    for (name, ours), theirs in zip(sparse.state_dict().items(), dense.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11, msg=name)


def test_going_there_and_back_changes_nothing() -> None:
    model = sparse_net()
    before = copy.deepcopy(model)
    state = torch.get_rng_state()
    to_csr_training(model, minimum_sparsity=0.5)
    assert any(isinstance(m, CsrLinear) for m in model.modules())
    to_masked_training(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert_equal_bits(model, before)


def test_what_is_not_sparse_enough_or_cannot_run_stays() -> None:
    model = nn.Sequential(masked(nn.Linear(32, 32), 0.5), masked(nn.Linear(32, 32), 0.05).to(torch.bfloat16))
    changes = {change.name: change for change in to_csr_training(model)}
    assert "is below 0.9" in changes["0"].reason
    assert "not on cpu in torch.bfloat16" in changes["1"].reason
    with pytest.raises(InvalidValue, match=r"must lie in \[0, 1\]"):
        to_csr_training(model, minimum_sparsity=2)
    with pytest.raises(InvalidValue, match="itself one linear layer"):
        to_csr_training(masked(nn.Linear(4, 4)))


def test_hugging_faces_transposed_layers_train_too() -> None:
    utils = pytest.importorskip("transformers.pytorch_utils")
    torch.manual_seed(0)
    layer = masked(utils.Conv1D(6, 4))
    x = torch.randn(5, 4)
    sparse = CsrLinear(layer)
    torch.testing.assert_close(sparse(x), layer(x))
    torch.testing.assert_close(sparse.to_masked()(x), layer(x))

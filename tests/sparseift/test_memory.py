"""What a training step keeps: by hand, and against what autograd really saves."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sparseift.errors import InvalidValue, UnknownName
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.state import masks_of
from sparseift.masks.trainer import MaskTrainer
from sparseift.memory import saved_for_backward, storages_of, training_memory
from sparseift.models.gpt import GPT
from sparseift.models.resnet import ResNet

X = torch.zeros(1, 8)
TOKENS = torch.zeros(1, 8, dtype=torch.int64)
IMAGE = torch.zeros(1, 3, 8, 8)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))


class Reads(nn.Module):
    """A forward that looks at values, so that it does not run on the meta device."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> Any:
        assert float(x.sum()) < 1e9
        return self.inner(x)


def test_a_small_network_by_hand() -> None:
    estimate = training_memory(mlp(), X, 5)
    weights = 4 * (48 + 6 + 12 + 2)
    assert (estimate.weights, estimate.gradients, estimate.optimizer_state) == (weights, weights, 2 * weights)
    assert estimate.masks == 0
    assert estimate.activations == 4 * 5 * (8 + 6)  # the input and the hidden layer after its ReLU, one storage
    assert estimate.total == 4 * weights + estimate.activations


@pytest.mark.parametrize(("optimizer", "moments"), [("sgd", 0), ("sgd_momentum", 1), ("lion", 1), ("adam", 2)])
def test_optimizers_differ_by_their_momenta(optimizer: str, moments: int) -> None:
    estimate = training_memory(mlp(), X, 5, optimizer=optimizer)
    assert estimate.optimizer_state == moments * estimate.weights


def test_masks_come_on_top_and_save_nothing() -> None:
    model = mlp()
    dense = training_memory(model, X, 5)
    model[0].register_buffer("weight_mask", torch.zeros(6, 8, dtype=torch.uint8))
    masked = training_memory(model, X, 5)
    assert masked.masks == 2 * 48  # the mask, and what was ever active
    assert masked.total == dense.total + 2 * 48
    assert training_memory(model, X, 5, mask_bytes=1 / 8).masks == 6


def test_masks_take_what_a_trainer_holds() -> None:
    model = mlp()
    model[0].register_buffer("weight_mask", torch.zeros(6, 8, dtype=torch.uint8))
    estimate = training_memory(model, X, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = MaskTrainer(model, optimizer, MaskSchedule(method="static"), total_steps=4, seed=0)
    held = [*masks_of(model).values(), *trainer._ever_active.values(), *trainer._factors]
    assert estimate.masks == sum(storages_of(held).values())


def test_off_the_cpu_the_mask_is_held_in_the_weights_dtype_too() -> None:
    model = mlp()
    model[0].register_buffer("weight_mask", torch.zeros(6, 8, dtype=torch.uint8))
    model = model.to("meta")
    assert training_memory(model, X, 5).masks == (2 + 4) * 48
    assert training_memory(model, X, 5, dtype=torch.bfloat16).masks == (2 + 2) * 48


def test_half_precision_halves_what_floats() -> None:
    whole, half = (training_memory(mlp(), X, 4, dtype=dtype) for dtype in (None, torch.bfloat16))
    assert whole.total == 2 * half.total


def test_frozen_parameters_have_no_gradient_and_save_no_input() -> None:
    model = mlp()
    model[0].requires_grad_(False)
    estimate = training_memory(model, X, 5)
    assert estimate.gradients == 4 * (12 + 2)
    assert estimate.activations == 4 * 5 * 6
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]


MODELS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "mlp": (mlp, X),
    "resnet": (lambda: ResNet(3, 10, 8, [1, 1]), IMAGE),
    "gpt": (lambda: GPT(11, 8, 16, 2, 2, 0.0), TOKENS),
    "depthwise": (lambda: nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.MaxPool2d(2), nn.GELU()), IMAGE),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("wrap", [lambda m: m, Reads], ids=["meta", "real"])
def test_activations_are_what_a_real_forward_saves(name: str, wrap: Callable[[nn.Module], nn.Module]) -> None:
    build, example = MODELS[name]
    model = build()
    before = {n: v.clone() for n, v in model.state_dict().items()}
    estimated = training_memory(wrap(model), example, 4).activations
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    with saved_for_backward() as saved:
        out = model(example.repeat(4, *[1] * (example.ndim - 1)))
    own = storages_of([*model.parameters(), *model.buffers()])
    really = sum(size for storage, size in storages_of(saved).items() if storage not in own)
    assert estimated == really > 0
    out.sum().backward()


def test_a_loss_keeps_its_log_probabilities() -> None:
    def loss(logits: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))

    without, with_loss = (training_memory(mlp(), X, 5, loss=f).activations for f in (None, loss))
    assert with_loss - without == 4 * 5 * 2 + 8 * 5 + 4  # log-probabilities, targets, and the weights' sum


def test_fused_attention_does_not_keep_its_scores() -> None:
    """Memory grows with T, not with T²: at width 16 the scores of two heads would be larger than all else."""
    model = GPT(11, 512, 16, 1, 2, 0.1)
    short, long = (training_memory(model, torch.zeros(1, t, dtype=torch.int64), 1).activations for t in (256, 512))
    assert long == 2 * short


def test_arguments_are_checked() -> None:
    with pytest.raises(UnknownName, match="no optimizer 'adan'; the known ones are sgd"):
        training_memory(mlp(), X, 1, optimizer="adan")
    with pytest.raises(InvalidValue, match="batch_size is 0"):
        training_memory(mlp(), X, 0)
    with pytest.raises(InvalidValue, match="batch of 2"):
        training_memory(mlp(), torch.zeros(2, 8), 1)
    with pytest.raises(InvalidValue, match="nor on the model's own device"):
        training_memory(mlp(), torch.zeros(1, 7), 1)

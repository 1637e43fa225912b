"""Counts against hand values (docs/explanation/iso-flop.md), to the integer."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sparseift import catalog
from sparseift.building import dense_network
from sparseift.errors import InvalidValue
from sparseift.flops import count, nonzero_flops
from sparseift.records import DataShape

IMAGENET = DataShape("images", (3, 224, 224), 1000, 1_281_167)
CIFAR100 = DataShape("images", (3, 32, 32), 100, 50_000)
GPT2 = DataShape("text", (1024,), 50257, 1)


def total(model: str, shape: DataShape, **arguments: int) -> int:
    return dense_network(catalog.get("model", model), arguments, shape).flops("model")


def test_a_linear_layer_over_five_tokens() -> None:
    counted = count(nn.Linear(3, 7), torch.zeros(1, 5, 3))
    assert counted.total == 2 * 3 * 7 * 5
    assert counted.weights["weight"].uses == 5


def test_a_grouped_strided_dilated_convolution() -> None:
    layer = nn.Conv2d(8, 12, 3, stride=2, padding=2, dilation=2, groups=4)
    counted = count(layer, torch.zeros(1, 8, 9, 9))
    assert counted.weights["weight"].uses == 5 * 5
    assert counted.total == 2 * 12 * (8 // 4) * 9 * 5 * 5


def test_attention_scores_are_weight_free_and_count_the_full_square() -> None:
    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            heads = x.view(1, 6, 2, 4).transpose(1, 2)  # (B, heads, T, head_dim)
            return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)

    counted = count(Attention(), torch.zeros(1, 6, 8))
    assert counted.weights == {}
    assert counted.weight_free_flops == 2 * (2 * 6 * 6 * 4) * 2  # QKᵀ and AV, two heads


def test_resnet18_at_224_and_on_cifar() -> None:
    # Hand count: stem 7²·3·64·112² MACs + stages + 512·1000, times 2.
    assert total("resnet18", IMAGENET, imagenet_stem=1) == 3_628_146_688
    stem, head = 9 * 3 * 64 * 32 * 32, 512 * 100
    stages = sum(
        positions * (first * c * 9 + 3 * c * c * 9 + (first * c if first != c else 0))
        for c, first, positions in ((64, 64, 1024), (128, 64, 256), (256, 128, 64), (512, 256, 16))
    )
    assert total("resnet18", CIFAR100) == 2 * (stem + stages + head)


def test_gpt2_small() -> None:
    network = dense_network(catalog.get("model", "gpt3-small"), {}, GPT2)
    tokens, d, layers, vocabulary = 1024, 768, 12, 50257
    weights = 2 * tokens * (12 * d * d * layers + d * vocabulary)
    attention = layers * 2 * 2 * tokens * tokens * d
    assert weights == 252_993_601_536
    assert attention == 38_654_705_664
    assert network.flops("linear_layers") == weights
    assert network.flops("model") == weights + attention == 291_648_307_200
    assert 3 * network.flops("model") == 874_944_921_600


def test_counting_changes_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    model[2].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    count(model, torch.zeros(1, 3, 8, 8))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert next(model.parameters()).device.type == "cpu"


def test_tied_and_reused_weights_add_up() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(self.layer(x))

    assert count(Twice(), torch.zeros(1, 4)).weights["layer.weight"].uses == 2


def test_only_nonzeros_of_masked_weights_are_paid_for() -> None:
    counted = count(nn.Linear(4, 4, bias=False), torch.zeros(1, 4))
    mask = torch.zeros(4, 4, dtype=torch.uint8)
    mask[0, :3] = 1
    assert nonzero_flops(counted, {"weight": mask}) == 2 * 3


def test_a_batch_is_refused() -> None:
    with pytest.raises(InvalidValue, match="batch of 2"):
        count(nn.Linear(3, 3), torch.zeros(2, 3))


def test_a_module_that_is_registered_twice_is_counted_twice_and_left_alone() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.BatchNorm1d(4), layer)
    assert count(model, torch.zeros(1, 4)).weights["0.weight"].uses == 2
    assert model[0].weight.device.type == model[2].weight.device.type == "cpu"
    assert model(torch.ones(3, 4)).shape == (3, 4)


def test_a_layer_with_its_weight_stored_the_other_way_round() -> None:
    """Hugging Face's GPT-2 multiplies with (in, out) weights: looking for `nn.Linear` finds none of them."""

    class Conv1D(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(inputs, outputs))
            self.bias = nn.Parameter(torch.zeros(outputs))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)

    counted = count(nn.Sequential(Conv1D(6, 18), Conv1D(18, 6)), torch.zeros(1, 5, 6))
    assert [w.uses for w in counted.weights.values()] == [5, 5]
    assert counted.total == 2 * (2 * 5 * 6 * 18)


def test_flops_are_booked_on_the_weight_not_on_a_bias_or_an_input() -> None:
    assert list(count(nn.Linear(1, 8), torch.zeros(1, 1)).weights) == ["weight"]

    class Latents(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.latents = nn.Parameter(torch.zeros(64, 16))
            self.query = nn.Linear(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.query(self.latents) + x.mean()

    assert list(count(Latents(), torch.zeros(1, 3)).weights) == ["query.weight"]


def test_a_forward_that_cannot_be_traced_says_so() -> None:
    class Reads(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * float(x.sum())

    with pytest.raises(InvalidValue, match="forward of Reads does not run on the meta device"):
        count(Reads(), torch.zeros(1, 3))

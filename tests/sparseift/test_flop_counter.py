"""Forward and backward FLOPs against hand values, and against torch's counter where that is right."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sparseift.errors import InvalidValue
from sparseift.flop_counter import FlopCounter
from sparseift.flops import count
from sparseift.models.gpt import GPT
from sparseift.models.resnet import ResNet


def train(model: nn.Module, x: torch.Tensor) -> FlopCounter:
    with FlopCounter() as counter:
        out = model(x)
        (out[0] if isinstance(out, tuple) else out).sum().backward()
    return counter


def test_a_linear_layer() -> None:
    x = torch.randn(5, 3)
    counter = train(nn.Linear(3, 7), x)
    assert (counter.forward, counter.backward) == (2 * 5 * 3 * 7, 2 * 5 * 3 * 7)  # the input asks for no gradient
    assert counter.by_operator == {"aten.addmm": 210, "aten.mm": 210}
    assert train(nn.Linear(3, 7), x.requires_grad_()).backward == 2 * 210


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize("needs_input", [True, False])
def test_a_convolution_of_any_groups_costs_twice_its_forward_backward(groups: int, needs_input: bool) -> None:
    """torch's counter takes every backward for one of a single group: `groups` times too many for the weight."""
    layer = nn.Conv2d(8, 16, 3, stride=2, padding=2, dilation=2, groups=groups)
    x = torch.randn(3, 8, 9, 11, requires_grad=needs_input)
    macs = 3 * 5 * 6 * 16 * (8 // groups) * 9  # batch, positions, outputs, inputs of a group, kernel
    counter = train(layer, x)
    assert counter.forward == 2 * macs
    assert counter.backward == 2 * macs * (2 if needs_input else 1)
    with FlopCounterMode(display=False) as theirs:
        layer(x).sum().backward()
    assert (theirs.get_total_flops() == counter.total) == (groups == 1)


@pytest.mark.parametrize("groups", [1, 4])
def test_a_transposed_convolution_is_paid_for_by_input_positions(groups: int) -> None:
    layer = nn.ConvTranspose2d(8, 12, 3, stride=2, groups=groups)
    counter = train(layer, torch.randn(2, 8, 5, 6, requires_grad=True))
    assert counter.forward == 2 * 2 * 5 * 6 * 8 * (12 // groups) * 9
    assert counter.backward == 2 * counter.forward


@pytest.mark.parametrize("dimensions", [1, 3])
def test_convolutions_of_other_dimensions(dimensions: int) -> None:
    layer = {1: nn.Conv1d, 3: nn.Conv3d}[dimensions](4, 6, 3, groups=2)
    counter = train(layer, torch.randn(2, 4, *[5] * dimensions, requires_grad=True))
    assert counter.forward == 2 * 2 * 3**dimensions * 6 * 2 * 3**dimensions
    assert counter.backward == 2 * counter.forward


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_attention_on_the_cpu(dtype: torch.dtype) -> None:
    """torch's counter has no formula for this kernel and counts 0."""
    b, heads, queries, keys, d = 2, 3, 5, 7, 8
    query = torch.randn(b, heads, queries, d, dtype=dtype, requires_grad=True)
    key, value = (torch.randn(b, heads, keys, d, dtype=dtype, requires_grad=True) for _ in range(2))
    with FlopCounter() as counter, FlopCounterMode(display=False) as theirs:
        F.scaled_dot_product_attention(query, key, value).sum().backward()
    product = 2 * b * heads * queries * keys * d
    assert (counter.forward, counter.backward) == (2 * product, 5 * product)
    assert theirs.get_total_flops() == 0


def test_grouped_queries_share_keys_but_not_products() -> None:
    query, key = torch.randn(1, 4, 6, 8), torch.randn(1, 2, 6, 8)
    with FlopCounter() as counter:
        F.scaled_dot_product_attention(query, key, key, enable_gqa=True)
    assert counter.total == 2 * 2 * 4 * 6 * 6 * 8


def test_causal_attention_counts_the_square_or_half_of_it() -> None:
    def spent(causal: str) -> tuple[int, int]:
        x = torch.randn(1, 2, 6, 8, requires_grad=True)
        with FlopCounter(causal=causal) as counter:  # type: ignore[arg-type]
            F.scaled_dot_product_attention(x, x, x, is_causal=True).sum().backward()
        return counter.forward, counter.backward

    product = 2 * 2 * 6 * 6 * 8
    assert spent("full") == (2 * product, 5 * product)
    assert spent("half") == (product, 5 * product // 2)
    with pytest.raises(InvalidValue, match="causal is 'triangle'; it must be 'full' or 'half'"):
        FlopCounter(causal="triangle")  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(layer: Callable[..., nn.Module]) -> None:
    gates = {nn.LSTM: 4, nn.GRU: 3, nn.RNN: 1}[layer]  # type: ignore[index]
    forward = 2 * 5 * 2 * gates * (4 * 6 + 6 * 6)  # steps, batch
    counter = train(layer(4, 6), torch.randn(5, 2, 4, requires_grad=True))
    assert counter.forward == forward
    assert counter.backward <= 2 * forward
    assert counter.backward >= 1.5 * forward  # the initial state asks for no gradient


def test_products_with_vectors() -> None:
    matrix, vector = torch.randn(3, 4), torch.randn(4)
    with FlopCounter() as counter:
        assert (matrix @ vector).shape == (3,)
        vector.dot(vector)
        torch.addmv(torch.ones(3), matrix, vector)
    assert counter.by_operator == {"aten.mv": 24, "aten.dot": 8, "aten.addmv": 24}


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_sparse_layouts_pay_for_what_they_store() -> None:
    weight = torch.eye(4)
    with FlopCounter() as counter:
        assert (weight.to_sparse_csr() @ torch.ones(4, 3)).shape == (4, 3)
        assert (weight.to_sparse_coo() @ torch.ones(4, 3)).shape == (4, 3)
    assert counter.total == 2 * (2 * 4 * 3)


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2)), torch.randn(3, 8)),
        (ResNet(3, 10, 8, [1, 1]), torch.randn(2, 3, 8, 8)),
    ],
    ids=["mlp", "resnet"],
)
def test_equals_torch_where_torch_is_right(model: nn.Module, x: torch.Tensor) -> None:
    counter = train(model, x)
    with FlopCounterMode(display=False) as theirs:
        model(x).sum().backward()
    assert counter.total == theirs.get_total_flops() > 0
    assert counter.forward == count(model, x[:1]).total * x.shape[0]


def test_a_gpt_step_is_three_forwards_and_the_recomputed_scores() -> None:
    model = GPT(11, 8, 16, 2, 2, 0.0)
    counted = count(model, torch.zeros(1, 8, dtype=torch.int64))
    counter = train(model, torch.zeros(3, 8, dtype=torch.int64))
    assert counter.forward == 3 * counted.total
    assert counter.total == 3 * (3 * counted.total + counted.weight_free_flops // 2)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_fused_encoder_layer_hides_nothing(context: Callable[[], torch.no_grad]) -> None:
    layer, x = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), torch.randn(3, 4, 8)
    with context(), FlopCounter() as counter:
        layer(x)
    assert counter.total == 3 * count(layer, x[:1]).total
    assert torch.backends.mha.get_fastpath_enabled()


def test_it_can_be_nested_and_entered_again() -> None:
    layer, x = nn.Linear(3, 7), torch.randn(5, 3)
    with FlopCounter() as outer:
        with FlopCounter() as inner:
            layer(x)
        layer(x)
    assert (outer.total, inner.total) == (420, 210)
    with inner:
        layer(x)
    assert inner.total == 420
    assert torch.backends.mha.get_fastpath_enabled()


def test_it_counts_on_the_meta_device() -> None:
    with FlopCounter() as counter:
        nn.Linear(3, 7, device="meta")(torch.ones(5, 3, device="meta")).sum().backward()
    assert counter.total == 420

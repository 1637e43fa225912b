"""Masked linear layers in sparse layouts compute what they computed."""

import copy
import io

import pytest
import torch
from torch import nn

from sparseift.errors import InvalidValue, UnknownName
from sparseift.export.layouts import CompressedLinear, SemiStructuredLinear, to_layout
from sparseift.families.blocks import Doped, Parallel
from tests.sparseift.export.samples import assert_equal_bits, masked, sparse_net

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


def test_csr_stores_what_the_mask_keeps() -> None:
    layer = nn.Linear(3, 2)
    layer.register_buffer("weight_mask", torch.tensor([[1, 1, 0], [0, 0, 1]], dtype=torch.uint8))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0, 9.0], [9.0, 9.0, 3.0]]))  # 9: under the mask
        layer.bias.copy_(torch.tensor([10.0, 20.0]))
    sparse, (change,) = to_layout(layer, "csr")
    assert (change.name, change.layout) == ("", "csr")
    assert isinstance(sparse, CompressedLinear)
    assert sparse.values.tolist() == [1.0, 2.0, 3.0]
    assert sparse(torch.tensor([1.0, 1.0, 1.0])).tolist() == [13.0, 23.0]


@pytest.mark.parametrize("layout", ["csr", "bsr:2", "bsr:4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(8,), (1, 8), (5, 8), (2, 3, 8), (2, 1, 3, 8), (0, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_are_equal_for_every_shape_of_input(
    layout: str, dtype: torch.dtype, shape: tuple[int, ...], bias: bool
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(masked(nn.Linear(8, 12, bias=bias)), nn.ReLU()).to(dtype)
    before = copy.deepcopy(model)
    sparse, _ = to_layout(model, layout)
    assert_equal_bits(model, before)
    x = torch.randn(shape, dtype=dtype)
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            y = sparse(x)
            torch.testing.assert_close(y, model(x), rtol=0, atol=TOLERANCE[dtype])
            assert y.is_contiguous()


def test_linear_layers_inside_blocks_change_and_the_rest_says_why_not() -> None:
    model = sparse_net().eval()
    sparse, changes = to_layout(model, "csr")
    changed = {change.name for change in changes if change.layout}
    stayed = {change.name: change.reason for change in changes if not change.layout}
    assert changed == {"attention.q_proj", "qkv.parts.0.theta", "qkv.parts.1.theta", "qkv.parts.2.theta"} | {
        "middle.u",
        "middle.v",
    }
    assert stayed == dict.fromkeys(
        ["conv.branches.0.weight", "conv.branches.1.weight"], "torch has no sparse kernels for convolutions"
    )
    assert sparse.get_parameter("stem.weight") is model.get_parameter("stem.weight")
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(sparse(x), model(x))


def test_a_copy_in_a_layout_can_be_copied_and_saved() -> None:
    model = nn.Sequential(masked(nn.Linear(8, 8)))
    sparse, _ = to_layout(model, "bsr:4")
    x = torch.randn(3, 8)
    assert torch.equal(copy.deepcopy(sparse)(x), sparse(x))
    file = io.BytesIO()
    torch.save(sparse.state_dict(), file)
    file.seek(0)
    again, _ = to_layout(nn.Sequential(masked(nn.Linear(8, 8))), "bsr:4")
    again.load_state_dict(torch.load(file))
    assert torch.equal(again(x), sparse(x))
    assert "bsr:4" in repr(sparse)


def test_a_shared_layer_changes_wherever_it_stands() -> None:
    shared = masked(nn.Linear(4, 4))
    sparse, _ = to_layout(nn.Sequential(shared, nn.ReLU(), shared), "csr")
    assert sparse[0] is sparse[2]  # type: ignore[index]
    assert isinstance(sparse[0], CompressedLinear)  # type: ignore[index]


def test_an_encoder_layer_leaves_its_fused_path() -> None:
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    masked(encoder.linear1)
    masked(encoder.linear2)
    sparse, _ = to_layout(encoder, "csr")
    x = torch.randn(2, 5, 8)
    with torch.inference_mode():
        torch.testing.assert_close(sparse(x), encoder(x), rtol=0, atol=1e-5)


def test_hugging_faces_transposed_layers_change_too() -> None:
    utils = pytest.importorskip("transformers.pytorch_utils")
    torch.manual_seed(0)
    layer = masked(utils.Conv1D(6, 4))  # (in 4, out 6)
    sparse, _ = to_layout(layer, "csr")
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(sparse(x), layer(x))


@pytest.mark.parametrize("layout", ["coo", "bsr", "bsr:", "bsr:1", "bsr:x", "4:2", ""])
def test_unknown_layouts_are_refused(layout: str) -> None:
    with pytest.raises(UnknownName, match="the known ones are csr, bsr:<block>, 2:4"):
        to_layout(nn.Sequential(masked(nn.Linear(4, 4))), layout)


@pytest.mark.parametrize(
    ("model", "layout", "reason"),
    [
        (nn.Linear(4, 4), "csr", "the model has no masks"),
        (masked(nn.Linear(4, 6)), "bsr:4", r"its \(6, 4\) weights do not divide into blocks of 4 × 4"),
        (masked(nn.Linear(4, 4)).to(torch.bfloat16), "csr", "take float32 and float64, not torch.bfloat16"),
        (masked(nn.Linear(4, 4)), "2:4", "2:4 kernels are CUDA's, and the weight is on cpu"),
        (masked(Parallel(nn.Conv2d(2, 2, 3), 2, "relu")), "csr", "no sparse kernels for convolutions"),
        (masked(nn.MultiheadAttention(4, 2).out_proj), "csr", "NonDynamicallyQuantizableLinear"),
    ],
)
def test_where_no_layer_can_change_the_reason_is_given(model: nn.Module, layout: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason):
        to_layout(model, layout)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="2:4 kernels are CUDA's")
def test_two_of_four_runs_on_cuda() -> None:
    layer = nn.Linear(128, 128).half().cuda()
    layer.register_buffer("weight_mask", torch.tensor([1, 0, 0, 1], dtype=torch.uint8, device="cuda").repeat(128, 32))
    with torch.no_grad():
        layer.weight.mul_(layer.weight_mask)
    model = nn.Sequential(layer, Doped(nn.Linear(128, 128), 8, "relu").half().cuda())
    sparse, _ = to_layout(model, "2:4")
    assert isinstance(sparse[0], SemiStructuredLinear)  # type: ignore[index]
    x = torch.randn(4, 32, 128, device="cuda", dtype=torch.half)
    torch.testing.assert_close(sparse(x), model.eval()(x), rtol=1e-2, atol=1e-2)

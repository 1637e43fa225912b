"""Masked linear layers in the sparse layouts of torch, for inference: CSR, BSR and, on CUDA, 2:4 semi-structured.

What runs was tried on torch 2.13's CPU kernels: CSR and BSR times dense, single and double precision only, the dense
operand as (features, rows) and contiguous, with and without autograd's inference mode. `F.linear` with a sparse weight
fails there on a matrix, and on every half precision, so it is not used. Convolutions have no sparse kernels in torch.
"""

import warnings
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue, UnknownName
from sparseift.export.copies import copy_of
from sparseift.families.kinds import is_hugging_face_conv1d
from sparseift.masks.state import masks_of
from sparseift.replacement import Swaps

LAYOUTS = ("csr", "bsr:<block>", "2:4")
CPU_DTYPES = (torch.float32, torch.float64)


def compressed(matrix: Tensor, block: int) -> Tensor:
    """A matrix as torch's CSR tensor (`block` 1) or BSR tensor, without torch's remark that these are in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, message="Sparse (CSR|BSR) tensor support is in beta")
        return matrix.to_sparse_csr() if block == 1 else matrix.to_sparse_bsr((block, block))


class CompressedLinear(nn.Module):
    """A linear layer whose (out, in) matrix is stored as compressed rows of values, or of square blocks. No training.

    The parts are buffers of their own, because torch can neither copy nor save a compressed tensor as one.

    Args:
        matrix: (out, in), with zeros.
        block: side of the blocks; 1 for CSR.
        bias: (out,).
    """

    rows: Tensor
    columns: Tensor
    values: Tensor
    bias: Tensor | None

    def __init__(self, matrix: Tensor, block: int, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = matrix.shape
        self.block = block
        packed = compressed(matrix, block)
        self.register_buffer("rows", packed.crow_indices().to(torch.int32))
        self.register_buffer("columns", packed.col_indices().to(torch.int32))
        self.register_buffer("values", packed.values())
        self.register_buffer("bias", bias)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # nn.Linear's name, which callers may use
        """(…, in) -> (…, out)."""
        x = input
        make = torch.sparse_csr_tensor if self.block == 1 else torch.sparse_bsr_tensor
        shape = (self.out_features, self.in_features)
        matrix = make(self.rows, self.columns, self.values, shape, check_invariants=False)
        tall = x.reshape(-1, self.in_features).T.contiguous()  # (in, rows of x)
        bias = torch.zeros((), dtype=x.dtype, device=x.device) if self.bias is None else self.bias[:, None]
        return torch.addmm(bias, matrix, tall).T.contiguous().view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """As `nn.Linear`'s, with the stored share."""
        stored = self.values.numel() / (self.out_features * self.in_features)
        kind = "csr" if self.block == 1 else f"bsr:{self.block}"
        return f"in_features={self.in_features}, out_features={self.out_features}, {kind}, stored={stored:.3f}"


class SemiStructuredLinear(nn.Module):
    """A linear layer of 2:4 sparsity on CUDA, by torch's semi-structured tensors. No training."""

    bias: Tensor | None

    def __init__(self, matrix: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = matrix.shape
        packed = torch.sparse.to_sparse_semi_structured(matrix.contiguous())
        self.weight = nn.Parameter(packed, requires_grad=False)
        self.register_buffer("bias", bias)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """(…, in) -> (…, out)."""
        return nn.functional.linear(input, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class LayoutChange:
    """What became of one masked layer.

    Attributes:
        name: of the module; of the parameter where it is no linear layer's weight.
        layout: that it has now; None where it stayed as it was.
        reason: why it stayed; else empty.
    """

    name: str
    layout: str | None
    reason: str = ""


def to_layout(model: nn.Module, layout: str) -> tuple[nn.Module, tuple[LayoutChange, ...]]:
    """A copy of the model for inference, its masked linear layers (those inside blocks too) in a sparse layout.

    The copy is in evaluation mode and shares every other tensor with the original.

    Args:
        layout: "csr"; "bsr:16" for blocks of 16 × 16, or another size; "2:4" on CUDA.

    Returns:
        The copy, and what became of every masked layer.

    Raises:
        UnknownName: no such layout.
        InvalidValue: no masked layer can have it; the message says why.
    """
    check_layout(layout)
    changed = copy_of(model, sharing=True).eval()
    swaps = Swaps(changed)
    changes = []
    layers, others = masked_linears(changed)
    for name, module in layers.items():
        try:
            sparse = sparse_layer(module, layout)
        except InvalidValue as refusal:
            changes.append(LayoutChange(name, None, str(refusal)))
            continue
        changes.append(LayoutChange(name, layout))
        if not name:
            return sparse.eval(), tuple(changes)
        swaps.put(name, sparse.eval())
    changes += [LayoutChange(name, None, reason) for name, reason in others.items()]
    if not any(change.layout for change in changes):
        reasons = "; ".join(f"'{change.name}': {change.reason}" for change in changes[:4])
        raise InvalidValue(f"No layer can have the layout {layout}: {reasons or 'the model has no masks'}.")
    return changed, tuple(changes)


def masked_linears(model: nn.Module) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """The linear layers whose weight has a mask, by name; and every other masked parameter with the reason."""
    layers: dict[str, nn.Module] = {}
    others: dict[str, str] = {}
    for parameter in masks_of(model):
        path, _, leaf = parameter.rpartition(".")
        module = model.get_submodule(path)
        if leaf == "weight" and (type(module) is nn.Linear or is_hugging_face_conv1d(module)):
            layers[path] = module
        elif isinstance(module, nn.modules.conv._ConvNd):
            others[parameter] = "torch has no sparse kernels for convolutions"
        else:
            others[parameter] = f"it belongs to a {type(module).__name__}, which may read it in its own way"
    return layers, others


def check_layout(layout: str) -> int:
    """The side of a layout's blocks: 1 for CSR, 0 for 2:4.

    Raises:
        UnknownName: no such layout.
    """
    kind, _, block = layout.partition(":")
    if layout in ("csr", "2:4"):
        return 1 if layout == "csr" else 0
    if kind == "bsr" and block.isdecimal() and int(block) > 1:
        return int(block)
    raise UnknownName("layout", layout, LAYOUTS)


def sparse_layer(layer: nn.Module, layout: str) -> nn.Module:
    """A masked linear layer in a layout.

    Raises:
        UnknownName: no such layout.
        InvalidValue: the layer cannot have it here; the message says why.
    """
    block = check_layout(layout)
    matrix, bias = masked_matrix(layer)
    if block == 0:
        return _semi_structured(matrix, bias)
    if matrix.device.type == "cpu" and matrix.dtype not in CPU_DTYPES:
        raise InvalidValue(f"the CPU's sparse kernels take float32 and float64, not {matrix.dtype}")
    if any(side % block for side in matrix.shape):
        raise InvalidValue(f"its {tuple(matrix.shape)} weights do not divide into blocks of {block} × {block}")
    return CompressedLinear(matrix, block, bias)


def masked_matrix(layer: nn.Module) -> tuple[Tensor, Tensor | None]:
    """The (out, in) matrix of a masked linear layer, zero under the mask, and its bias."""
    weight, mask = cast(Tensor, layer.weight).detach(), cast(Tensor, layer.weight_mask)
    matrix = torch.where(mask.bool(), weight, torch.zeros_like(weight))
    bias = cast(Tensor | None, layer.bias)
    return matrix.t() if is_hugging_face_conv1d(layer) else matrix, None if bias is None else bias.detach()


def _semi_structured(matrix: Tensor, bias: Tensor | None) -> nn.Module:
    if matrix.device.type != "cuda":
        raise InvalidValue(f"2:4 kernels are CUDA's, and the weight is on {matrix.device.type}")
    if matrix.shape[1] % 4 or int((matrix.reshape(-1, 4) != 0).sum(1).max()) > 2:
        raise InvalidValue("its mask keeps more than two of four neighbouring weights")
    try:
        return SemiStructuredLinear(matrix, bias)
    except (RuntimeError, NotImplementedError, ValueError) as error:  # dtypes and sizes that the device's kernels lack
        raise InvalidValue(f"torch's semi-structured tensors refuse it: {error}") from error

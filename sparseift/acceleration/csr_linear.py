"""Training of very sparse linear layers on a CPU with fixed masks: only the weights that a mask keeps exist.

Forward and both gradients are products with a CSR matrix, and the gradient of the weights is computed only where they
are (`torch.sparse.sampled_addmm`). So RigL, which needs the dense gradient, and every other method that moves masks is
out of reach. How much faster than masked dense: benchmarks/results/acceleration-cpu.txt; from s = .9 on it pays.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sparseift.errors import InvalidValue
from sparseift.export.layouts import CPU_DTYPES, LayoutChange, compressed, masked_linears, masked_matrix
from sparseift.families.kinds import is_hugging_face_conv1d
from sparseift.masks.state import SUFFIX
from sparseift.replacement import Swaps


class _CsrProduct(torch.autograd.Function):
    """x Wᵀ: (N, in) · (in, out) -> (N, out), W in CSR, with its transpose's pattern for the gradient of x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, *pattern: Tensor) -> Tensor:
        rows, columns, *_ = pattern
        ctx.save_for_backward(x, values, *pattern)
        ctx.shape = (rows.numel() - 1, x.shape[1])
        return (_csr(rows, columns, values, ctx.shape) @ x.T.contiguous()).T.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, values, rows, columns, t_rows, t_columns, t_order = ctx.saved_tensors
        outputs, inputs = ctx.shape
        tall = gradient.T.contiguous()  # (out, N)
        x_gradient = values_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = (_csr(t_rows, t_columns, values[t_order], (inputs, outputs)) @ tall).T
        if ctx.needs_input_grad[1]:
            zeros = _csr(rows, columns, torch.zeros_like(values), ctx.shape)
            values_gradient = torch.sparse.sampled_addmm(zeros, tall, x.contiguous(), beta=0.0).values()
        return x_gradient, values_gradient, None, None, None, None, None


def _csr(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)


class CsrLinear(nn.Module):
    """A masked linear layer whose parameters are the weights that its mask keeps: `values` (nonzeros,), and `bias`.

    An optimizer gives them the trajectory that it gives a masked-dense layer, as far as it works element by element.

    Under autocast it computes in its own precision, and gives autocast's, as `nn.Linear` does.

    Args:
        layer: `nn.Linear` or Hugging Face `Conv1D` with a mask, on the CPU, in single or double precision.

    Raises:
        InvalidValue: it is on another device or of another dtype.
    """

    rows: Tensor
    columns: Tensor
    t_rows: Tensor
    t_columns: Tensor
    t_order: Tensor

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        matrix, bias = masked_matrix(layer)
        if matrix.device.type != "cpu" or matrix.dtype not in CPU_DTYPES:
            raise InvalidValue(
                f"CSR training runs on the CPU in float32 and float64, not on {matrix.device} in {matrix.dtype}"
            )
        mask = cast(Tensor, layer.weight_mask).bool()
        mask = mask.t() if is_hugging_face_conv1d(layer) else mask
        self.out_features, self.in_features = matrix.shape
        pattern = compressed(mask.to(matrix.dtype), 1)  # the mask's, so that weights that are zero by chance stay
        places = torch.zeros(matrix.shape, dtype=torch.int64)
        places[mask] = torch.arange(1, int(mask.sum()) + 1)
        transposed = compressed(mask.t().to(matrix.dtype).contiguous(), 1)
        for name, indices in {
            "rows": pattern.crow_indices(),
            "columns": pattern.col_indices(),
            "t_rows": transposed.crow_indices(),
            "t_columns": transposed.col_indices(),
            "t_order": places.t()[mask.t()] - 1,
        }.items():
            self.register_buffer(name, indices.to(torch.int32))
        self.values = nn.Parameter(matrix[mask].clone(), requires_grad=cast(Tensor, layer.weight).requires_grad)
        self.bias = None if bias is None else cast(nn.Parameter, layer.bias)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # nn.Linear's name, which callers may use
        """(…, in) -> (…, out)."""
        if (
            torch.is_autocast_enabled("cpu") and self.values.dtype == torch.float32
        ):  # there are no sparse products in half precision
            with torch.autocast("cpu", enabled=False):
                return self.forward(input.float()).to(torch.get_autocast_dtype("cpu"))
        x = input
        pattern = (self.rows, self.columns, self.t_rows, self.t_columns, self.t_order)
        y = cast(Tensor, _CsrProduct.apply(x.reshape(-1, self.in_features), self.values, *pattern))  # type: ignore[no-untyped-call]
        y = y.view(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """As `nn.Linear`'s, with the share of weights that exist."""
        density = self.values.numel() / (self.out_features * self.in_features)
        return f"in_features={self.in_features}, out_features={self.out_features}, density={density:.3f}"

    def to_masked(self) -> nn.Linear:
        """The `nn.Linear` with a mask that computes the same."""
        counts = self.rows.diff().long()
        places = (torch.arange(self.out_features).repeat_interleave(counts), self.columns.long())
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn and thrown away
            layer = nn.Linear(self.in_features, self.out_features, bias=False, dtype=self.values.dtype)
        mask = torch.zeros(layer.weight.shape, dtype=torch.uint8)
        mask[places] = 1
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight[places] = self.values.detach()
        layer.weight.requires_grad_(self.values.requires_grad)
        layer.register_buffer("weight" + SUFFIX, mask)
        layer.register_parameter("bias", self.bias)
        layer.train(self.training)
        return layer


def to_csr_training(model: nn.Module, *, minimum_sparsity: float = 0.9) -> tuple[LayoutChange, ...]:
    """Exchange, in place, masked linear layers that are sparse enough for `CsrLinear`s, which train faster on a CPU.

    Their masks stay as they are; a `MaskTrainer` sees only the masks that are left. Make the optimizer afterwards: the
    parameters are new. Files, FLOPs and layouts know masked layers only: call `to_masked_training` first.

    Args:
        minimum_sparsity: share of zeros from which a layer is exchanged.

    Returns:
        What became of every masked layer.

    Raises:
        InvalidValue: `minimum_sparsity` is outside [0, 1], or the model is itself one linear layer.
    """
    if not 0.0 <= minimum_sparsity <= 1.0:
        raise InvalidValue(f"minimum_sparsity is {minimum_sparsity}; it must lie in [0, 1].")
    layers, others = masked_linears(model)
    if "" in layers:
        raise InvalidValue("The model is itself one linear layer; use CsrLinear(layer).")
    swaps = Swaps(model)
    changes = []
    for name, layer in layers.items():
        mask = cast(Tensor, layer.weight_mask)
        sparsity = 1.0 - int(torch.count_nonzero(mask)) / max(1, mask.numel())
        if sparsity < minimum_sparsity:
            reason = f"its sparsity of {sparsity:.3f} is below {minimum_sparsity:g}"
            changes.append(LayoutChange(name, None, reason))
            continue
        try:
            swaps.put(name, CsrLinear(layer).train(layer.training))
        except InvalidValue as refusal:
            changes.append(LayoutChange(name, None, str(refusal)))
        else:
            changes.append(LayoutChange(name, "csr"))
    return (*changes, *(LayoutChange(name, None, reason) for name, reason in others.items()))


def to_masked_training(model: nn.Module) -> nn.Module:
    """Put masked `nn.Linear`s back in place of every `CsrLinear`, in place; the inverse of `to_csr_training`."""
    swaps = Swaps(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, CsrLinear):
            swaps.put(name, module.to_masked())
    return model

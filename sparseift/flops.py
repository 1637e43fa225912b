"""Exact forward FLOPs of any module, attributed to the parameter whose weights are read.

One forward runs on the meta device under a dispatch mode; torch's own formulas (`torch.utils.flop_counter`) count each
operator, and the count is booked on the parameter whose storage the operator reads. So the uses of a weight come out as
integers, FLOPs = Σ_p 2 · numel_p · uses_p + FLOPs of weight-free operators (attention scores), and when masks change,
Σ_p 2 · nnz_p · uses_p follows without another forward. 1 MAC = 2 FLOPs. Bias additions, norms and activations count 0,
as in torch's counter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from sparseift.errors import InvalidValue
from sparseift.ledger import Weight


@dataclass(frozen=True, slots=True)
class FlopCount:
    """What one forward of one sample costs.

    Attributes:
        weights: per parameter that a counted operator reads, in order of first use: its size and its uses, the
            multiply-accumulates per weight and sample (output positions for a convolution, tokens for a linear layer).
        weight_free_flops: of operators that read no parameter, per sample.
        first_read: the matrix-shaped parameter that is read first, counted or not (an embedding costs nothing).
        activation_bytes: written by all operators of the forward, per sample: an upper estimate of what a backward
        keeps.
    """

    weights: dict[str, Weight]
    weight_free_flops: int
    first_read: str
    activation_bytes: int

    @property
    def total(self) -> int:
        """Forward FLOPs per sample with every weight non-zero."""
        return self.weight_free_flops + sum(w.flops(w.numel) for w in self.weights.values())


class _Attribution(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class hook has no types
    """Books the FLOPs of every operator on the parameter that it multiplies with."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names = names
        self.by_weight: dict[str, int] = {}
        self.weight_free = 0
        self.first_read = ""
        self.activation_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula: Callable[..., int] | None = flop_registry.get(func._overloadpacket)
        out = func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
        if formula is not None:
            is_convolution = "convolution" in func._overloadpacket.__name__
            # (input, weight, bias) of a convolution; (bias, matrix, matrix) or (matrix, matrix) of a product
            operands = tensors[1::-1] if is_convolution else tensors[:-3:-1]
            self.book(formula(*args, **kwargs, out_val=out), operands)
        if not self.first_read:
            self.first_read = next((n for t in tensors if t.ndim > 1 and (n := self.name_of(t))), "")
        read = {t.untyped_storage()._cdata for t in tensors}
        self.activation_bytes += sum(
            leaf.numel() * leaf.itemsize
            for leaf in tree_leaves(out)
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in read
        )
        return out

    def name_of(self, tensor: Tensor) -> str | None:
        """The parameter that a tensor is, or is a view of."""
        return self.names.get(tensor.untyped_storage()._cdata)

    def book(self, flops: int, operands: Sequence[Tensor]) -> None:
        """Add to the first operand that is a parameter, or to no weight."""
        name = next((n for t in operands if (n := self.name_of(t))), None)
        if name is not None:
            self.by_weight[name] = self.by_weight.get(name, 0) + flops
        else:
            self.weight_free += flops


def count(model: nn.Module, example_input: Tensor) -> FlopCount:
    """Forward FLOPs per sample of `model` in evaluation mode; the model is not changed and nothing is computed.

    Args:
        model: any module whose forward takes one tensor, on any device. A weight that several modules share stands
            under the first of its names.
        example_input: (1, …), a batch of one sample; only its shape and dtype matter.

    Raises:
        InvalidValue: the batch is not one sample, the forward does not run on the meta device (the message says why),
            or an operator's FLOPs are no multiple of its weight's size.
    """
    if example_input.shape[0] != 1:
        raise InvalidValue(f"example_input has a batch of {example_input.shape[0]}; FLOPs are counted for 1 sample.")
    # One meta tensor per tensor, under each of its names: `functional_call`'s own tying would leave modules that are
    # registered twice on the meta device.
    stand_ins: dict[int, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    parameters: dict[str, nn.Parameter] = {}
    names: dict[int, str] = {}
    for path, module in model.named_modules():
        for leaf, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is None:
                continue
            name = f"{path}.{leaf}" if path else leaf
            if id(tensor) not in stand_ins:
                stand_ins[id(tensor)] = torch.empty_like(
                    tensor, device="meta", memory_format=torch.contiguous_format, requires_grad=False
                )
                if isinstance(tensor, nn.Parameter):
                    parameters[name] = tensor
                    names[stand_ins[id(tensor)].untyped_storage()._cdata] = name
            tensors[name] = stand_ins[id(tensor)]
    modes = {module: module.training for module in model.modules()}
    attribution = _Attribution(names)
    model.eval()
    try:
        with torch.no_grad(), attribution:
            functional_call(model, tensors, (example_input.to("meta"),), tie_weights=False)
    except Exception as error:
        raise InvalidValue(f"The forward of {type(model).__name__} does not run on the meta device: {error}") from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    weights = {}
    for name, flops in attribution.by_weight.items():
        numel = parameters[name].numel()
        uses, rest = divmod(flops, 2 * numel)
        if rest:
            raise InvalidValue(f"The {flops} FLOPs of '{name}' are no multiple of its {numel} weights.")
        weights[name] = Weight(name, tuple(parameters[name].shape), uses)
    return FlopCount(weights, attribution.weight_free, attribution.first_read, attribution.activation_bytes)


def nonzero_flops(counted: FlopCount, masks: Mapping[str, Tensor]) -> int:
    """Forward FLOPs per sample when only the non-zeros of the masked parameters are paid for.

    Args:
        counted: of the same model.
        masks: parameter name -> mask, non-zero where the weight is active.
    """
    return counted.weight_free_flops + sum(
        w.flops(int(torch.count_nonzero(masks[n])) if n in masks else w.numel) for n, w in counted.weights.items()
    )

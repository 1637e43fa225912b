"""Exact forward FLOPs of any module, attributed to the parameter whose weights are read.

One forward runs on the meta device under a dispatch mode; torch's own formulas (`torch.utils.flop_counter`) count each
operator, and the count is booked on the parameter whose storage the operator reads. So the uses of a weight come out as
integers, FLOPs = Σ_p 2 · numel_p · uses_p + FLOPs of weight-free operators (attention scores), and when masks change,
Σ_p 2 · nnz_p · uses_p follows without another forward. 1 MAC = 2 FLOPs. Bias additions, norms and activations count 0,
as in torch's counter.
"""

from collections.abc import Callable, Mapping
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
        activation_bytes: written by all operators of the forward, per sample: an upper estimate of what a backward
        keeps.
    """

    weights: dict[str, Weight]
    weight_free_flops: int
    activation_bytes: int

    @property
    def total(self) -> int:
        """Forward FLOPs per sample with every weight non-zero."""
        return self.weight_free_flops + sum(w.flops(w.numel) for w in self.weights.values())


class _Attribution(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class hook has no types
    """Books the FLOPs of every operator on the parameter that it reads."""

    def __init__(self, names: Mapping[int, str], numel: Mapping[str, int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names, self.numel = names, numel
        self.by_weight: dict[str, int] = {}
        self.weight_free = 0
        self.activation_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula: Callable[..., int] | None = flop_registry.get(func._overloadpacket)
        out = func(*args, **kwargs)
        if formula is not None:
            self.book(formula(*args, **kwargs, out_val=out), args)
        read = {leaf.untyped_storage()._cdata for leaf in tree_leaves(args) if isinstance(leaf, Tensor)}
        self.activation_bytes += sum(
            leaf.numel() * leaf.itemsize
            for leaf in tree_leaves(out)
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in read
        )
        return out

    def book(self, flops: int, args: tuple[Any, ...]) -> None:
        """Add to the largest parameter among the arguments (a bias rides along), or to no weight."""
        read = [
            self.names[key]
            for leaf in tree_leaves(args)
            if isinstance(leaf, Tensor) and (key := leaf.untyped_storage()._cdata) in self.names
        ]
        if read:
            name = max(read, key=self.numel.__getitem__)
            self.by_weight[name] = self.by_weight.get(name, 0) + flops
        else:
            self.weight_free += flops


def count(model: nn.Module, example_input: Tensor) -> FlopCount:
    """Forward FLOPs per sample of `model` in evaluation mode; the model is not changed and nothing is computed.

    Args:
        model: any module whose forward takes one tensor, on any device.
        example_input: (1, …), a batch of one sample; only its shape and dtype matter.

    Raises:
        InvalidValue: the batch is not one sample, or an operator's FLOPs are no multiple of its weight's size.
    """
    if example_input.shape[0] != 1:
        raise InvalidValue(f"example_input has a batch of {example_input.shape[0]}; FLOPs are counted for 1 sample.")
    tensors: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    numel: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, parameter in model.named_parameters():
        meta = torch.empty_like(parameter, device="meta", memory_format=torch.contiguous_format)
        tensors[name] = meta
        names[meta.untyped_storage()._cdata] = name
        numel[name], shapes[name] = parameter.numel(), tuple(parameter.shape)
    for name, buffer in model.named_buffers():
        tensors[name] = torch.empty_like(buffer, device="meta", memory_format=torch.contiguous_format)
    modes = {module: module.training for module in model.modules()}
    attribution = _Attribution(names, numel)
    model.eval()
    try:
        with torch.no_grad(), attribution:
            functional_call(model, tensors, (example_input.to("meta"),), strict=False)
    finally:
        for module, mode in modes.items():
            module.training = mode
    weights = {}
    for name, flops in attribution.by_weight.items():
        uses, rest = divmod(flops, 2 * numel[name])
        if rest:
            raise InvalidValue(f"The {flops} FLOPs of '{name}' are no multiple of its {numel[name]} weights.")
        weights[name] = Weight(name, shapes[name], uses)
    return FlopCount(weights, attribution.weight_free, attribution.activation_bytes)


def nonzero_flops(counted: FlopCount, masks: Mapping[str, Tensor]) -> int:
    """Forward FLOPs per sample when only the non-zeros of the masked parameters are paid for.

    Args:
        counted: of the same model.
        masks: parameter name -> mask, non-zero where the weight is active.
    """
    return counted.weight_free_flops + sum(
        w.flops(int(torch.count_nonzero(masks[n])) if n in masks else w.numel) for n, w in counted.weights.items()
    )

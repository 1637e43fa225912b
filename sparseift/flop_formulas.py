"""FLOPs of one operator as it is executed, forward or backward: our table on top of torch's `flop_registry`.

Ours comes first. It holds what torch 2.13 lacks (attention on the CPU, products with vectors, fused recurrent layers)
or gets wrong (the backward of grouped convolutions, which it counts as if there were one group), and the products that
every model is made of, which are faster here. 1 MAC = 2 FLOPs; bias additions, norms and activations count 0.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
Formula = Callable[[tuple[Any, ...], Any], int]  # (arguments by the operator's schema, result) -> FLOPs


def flops_of(operator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> int | None:
    """FLOPs of a call that was made, or None for an operator that multiplies no matrices.

    Args:
        operator: an overload as a dispatch mode sees it; args, kwargs: of the call; out: its result.
    """
    packet = operator._overloadpacket
    ours = FORMULAS.get(packet)
    if ours is not None:
        return ours(args, out)
    theirs: Callable[..., int] | None = flop_registry.get(packet)
    return None if theirs is None else int(theirs(*args, **kwargs, out_val=out))


def is_causal(operator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call is attention under a causal mask, as far as the operator tells (a mask tensor is not read)."""
    for position, argument in enumerate(operator._schema.arguments):
        if argument.name == "is_causal":
            return bool(args[position] if position < len(args) else kwargs.get("is_causal", False))
    return False


def _product(first: int, second: int) -> Formula:
    """Of (…, M, K) times (…, K, N), (K,) or (…, K, N) per batch; the positions of both factors."""

    def formula(args: tuple[Any, ...], _out: Any) -> int:
        a: Tensor = args[first]
        b: Tensor = args[second]
        columns = b.shape[-1] if b.ndim > 1 else 1
        if b.layout != torch.strided:
            return 2 * (a.numel() // a.shape[-1]) * entries(b)
        return 2 * entries(a) * columns

    return formula


def entries(tensor: Tensor) -> int:
    """What a product meets: every element, or what a sparse layout stores."""
    if tensor.layout == torch.strided:
        return tensor.numel()
    stored: Tensor = tensor._values() if tensor.layout == torch.sparse_coo else tensor.values()
    return stored.numel()


def _grouped_product(args: tuple[Any, ...], _out: Any) -> int:
    """Of a mixture of experts: either factor has an expert's dimension, or its rows are split between the experts."""
    a, b = args[0], args[1]
    rows = a.numel() if b.ndim == 3 else math.prod(a.shape[-2:])
    return 2 * int(rows) * int(b.shape[-1])


def _convolution_macs(x: Tensor, weight: Tensor, grad_or_out: Tensor, transposed: bool) -> int:
    """Every weight meets each position of the output, or of the input if transposed; its size knows of groups."""
    positions = x if transposed else grad_or_out
    return positions.shape[0] * math.prod(positions.shape[2:]) * weight.numel()


def _convolution(args: tuple[Any, ...], out: Any) -> int:
    return 2 * _convolution_macs(args[0], args[1], out, args[6])


def _convolution_backward(args: tuple[Any, ...], _out: Any) -> int:
    """As many products as forward for the input's gradient, and as many for the weight's, if it is asked for."""
    grad_out, x, weight, transposed, output_mask = args[0], args[1], args[2], args[7], args[10]
    wanted = int(output_mask[0]) + int(output_mask[1])
    return wanted * 2 * _convolution_macs(x, weight, grad_out, transposed)


def _attention_forward(query: Tensor, value: Tensor) -> int:
    """QKᵀ and AV of (B, heads, T, head_dim); fewer key heads than query heads are shared, not saved."""
    b, heads, queries, d = query.shape
    keys, d_value = value.shape[-2:]
    return 2 * b * heads * queries * keys * (d + d_value)


def _attention_backward(query: Tensor, value: Tensor) -> int:
    """Scores again, then four products: gradients of A, V, Q and K (Dao et al. 2022, FlashAttention, algorithm 4)."""
    b, heads, queries, d = query.shape
    keys, d_value = value.shape[-2:]
    return 2 * b * heads * queries * keys * (3 * d + 2 * d_value)


def _recurrent(passes: int, weights: Callable[[tuple[Any, ...]], list[Tensor]]) -> Formula:
    """A fused recurrent layer: every matrix meets every step of (T, B, inputs)."""

    def formula(args: tuple[Any, ...], _out: Any) -> int:
        sequence: Tensor = args[0]
        steps = math.prod(sequence.shape[:-1])
        return passes * 2 * steps * sum(w.numel() for w in weights(args) if w.ndim == 2)

    return formula


def _attend(args: tuple[Any, ...], _out: Any) -> int:
    return _attention_forward(args[0], args[2])


def _attend_backward(args: tuple[Any, ...], _out: Any) -> int:
    return _attention_backward(args[1], args[3])


FORMULAS: dict[Any, Formula] = {
    aten.mm: _product(0, 1),
    aten.addmm: _product(1, 2),
    aten.bmm: _product(0, 1),
    aten.baddbmm: _product(1, 2),
    aten.addbmm: _product(1, 2),
    aten.mv: _product(0, 1),
    aten.addmv: _product(1, 2),
    aten.dot: _product(0, 1),
    aten._int_mm: _product(0, 1),
    aten._addmm_activation: _product(1, 2),
    aten._grouped_mm: _grouped_product,
    aten.convolution: _convolution,
    aten.convolution_backward: _convolution_backward,
    aten._scaled_dot_product_flash_attention_for_cpu: _attend,
    aten._scaled_dot_product_flash_attention: _attend,
    aten._scaled_dot_product_efficient_attention: _attend,
    aten._scaled_dot_product_cudnn_attention: _attend,
    aten._scaled_dot_product_fused_attention_overrideable: _attend,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attend_backward,
    aten._scaled_dot_product_flash_attention_backward: _attend_backward,
    aten._scaled_dot_product_efficient_attention_backward: _attend_backward,
    aten._scaled_dot_product_cudnn_attention_backward: _attend_backward,
    aten._scaled_dot_product_fused_attention_overrideable_backward: _attend_backward,
    aten.mkldnn_rnn_layer: _recurrent(1, lambda args: [args[1], args[2]]),
    aten.mkldnn_rnn_layer_backward: _recurrent(2, lambda args: [args[1], args[2]]),
    aten._cudnn_rnn: _recurrent(1, lambda args: list(args[1])),
    aten._cudnn_rnn_backward: _recurrent(2, lambda args: list(args[1])),
}

"""What slow operators return on the meta device, by shape alone.

There, torch works batch norm out in Python, operator by operator, and draws initial values that nobody will read: that
was four fifths of what planning a ResNet took.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
DRAWS = (aten.normal_.default, aten.uniform_.default, aten.bernoulli_.float, aten.fill_.Scalar, aten.zero_.default)
UNARY = (aten.relu.default, aten.relu_.default, aten.gelu.default, aten.silu.default, aten.silu_.default)
BINARY = (aten.add.Tensor, aten.add_.Tensor, aten.mul.Tensor, aten.mul_.Tensor)
WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32}  # statistics of narrow inputs


def shortcut(func: Any, args: tuple[Any, ...]) -> Any:
    """The operator's result, or NotImplemented where torch is to say it.

    Args:
        func: an operator of ATen. args: with a tensor on the meta device first, or nothing is known.
    """
    if not args or not isinstance(args[0], Tensor) or not args[0].is_meta:
        return NotImplemented
    if func in DRAWS:
        return args[0]
    if func is aten.native_batch_norm.default:
        return _batch_norm(args[0])
    if func is aten.native_layer_norm.default:
        return _layer_norm(args[0], len(args[1]))
    if func in UNARY or (func in BINARY and _are_alike(args[0], args[1])):
        return args[0] if func._schema.is_mutable else _like(args[0])
    return NotImplemented


def _are_alike(a: Tensor, b: Any) -> bool:
    """Whether an operator of both returns what looks like the first."""
    return isinstance(b, Tensor) and b.is_meta and (a.shape, a.dtype, a.stride()) == (b.shape, b.dtype, b.stride())


def _like(x: Tensor) -> Tensor:
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")


def _batch_norm(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(as x, mean, 1 / deviation) of x: (B, C, …); the statistics have a value per channel."""
    return (_like(x), *_statistics(x, (x.shape[1],)))


def _layer_norm(x: Tensor, dims: int) -> tuple[Tensor, Tensor, Tensor]:
    """(as x, mean, 1 / deviation) of x, normalised over its last dimensions; the statistics are of size 1 there."""
    return (_like(x), *_statistics(x, (*x.shape[: x.ndim - dims], *[1] * dims)))


def _statistics(x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    dtype = WIDER.get(x.dtype, x.dtype)
    return torch.empty(shape, dtype=dtype, device="meta"), torch.empty(shape, dtype=dtype, device="meta")


class Shapes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class hook has no types
    """Takes the shortcuts, for code that only looks at shapes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = shortcut(func, args)
        return func(*args, **(kwargs or {})) if out is NotImplemented else out

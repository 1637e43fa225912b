"""Single layers made larger in place, with fresh weights at the scale of their own: what automatic widening needs.

A weight is drawn normal with the old root mean square times √(old inputs / new inputs), so an initialisation by fan-in
carries over, and a weight of zeros stays zero; what is constant (most biases, norms) stays constant.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

Side = Literal["in", "out"]
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
PRODUCTS = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


@dataclass(frozen=True, slots=True)
class Growth:
    """How one type of layer grows.

    Attributes:
        sides: the attribute that holds the size of each side; layers that keep their channels have "out" only.
        grow: from (layer, inputs, outputs, device) to nothing, in place; a device of None is the layer's own.
    """

    sides: dict[Side, str]
    grow: Callable[[Any, int, int, torch.device | None], None]


def is_depthwise(module: nn.Module) -> bool:
    """Whether a convolution filters each channel by itself, so that its groups grow with its channels."""
    is_convolution = isinstance(module, (*CONVOLUTIONS, *TRANSPOSED))
    return is_convolution and module.groups == module.in_channels == module.out_channels > 1  # type: ignore[operator,return-value]


def size_of(layer: nn.Module, side: Side) -> int:
    """Entries of a side; of its last dimension where there are several."""
    size: Any = getattr(layer, GROWTH[type(layer)].sides[side])
    return int(size[-1] if isinstance(size, tuple) else size)


def grow(layer: nn.Module, sizes: dict[Side, int], device: torch.device | None) -> None:
    """Give the sides that are named their new sizes.

    Args:
        layer: of a type in `GROWTH`.
        device: of the new tensors; None is the layer's own.
    """
    growth = GROWTH[type(layer)]
    outputs = sizes.get("out", size_of(layer, "out"))
    inputs = sizes.get("in", size_of(layer, "in")) if "in" in growth.sides else outputs
    growth.grow(layer, inputs, outputs, device)


def _linear(layer: nn.Linear, inputs: int, outputs: int, device: torch.device | None) -> None:
    scale = math.sqrt(layer.in_features / inputs)
    layer.weight = _drawn(layer.weight, (outputs, inputs), scale, device)
    if layer.bias is not None:
        layer.bias = _drawn(layer.bias, (outputs,), scale, device)
    layer.in_features, layer.out_features = inputs, outputs


def _convolution(layer: Any, inputs: int, outputs: int, device: torch.device | None) -> None:
    if is_depthwise(layer):
        inputs, scale, layer.groups = outputs, 1.0, outputs
    else:
        scale = math.sqrt(layer.in_channels / inputs)
    first, second = (inputs, outputs) if isinstance(layer, TRANSPOSED) else (outputs, inputs)
    layer.weight = _drawn(layer.weight, (first, second // layer.groups, *layer.kernel_size), scale, device)
    if layer.bias is not None:
        layer.bias = _drawn(layer.bias, (outputs,), scale, device)
    layer.in_channels, layer.out_channels = inputs, outputs


def _embedding(layer: nn.Embedding, _inputs: int, outputs: int, device: torch.device | None) -> None:
    layer.weight = _drawn(layer.weight, (layer.num_embeddings, outputs), 1.0, device)
    if layer.padding_idx is not None:
        with torch.no_grad():
            layer.weight[layer.padding_idx].zero_()
    layer.embedding_dim = outputs


def _norm(attribute: str) -> Callable[[Any, int, int, torch.device | None], None]:
    """Norms of any kind: weight and bias by channel, running statistics anew."""

    def grow(layer: Any, _inputs: int, outputs: int, device: torch.device | None) -> None:
        for name, otherwise in (("weight", 1.0), ("bias", 0.0)):
            if getattr(layer, name, None) is not None:
                setattr(layer, name, _constant(getattr(layer, name), outputs, otherwise, device))
        for name, fresh in (("running_mean", 0.0), ("running_var", 1.0)):
            old = layer._buffers.get(name)
            if old is not None:
                setattr(layer, name, torch.full((outputs,), fresh, dtype=old.dtype, device=device or old.device))
        if layer._buffers.get("num_batches_tracked") is not None:
            layer.num_batches_tracked = torch.zeros_like(layer.num_batches_tracked, device=device)
        setattr(layer, attribute, (outputs,) if attribute == "normalized_shape" else outputs)

    return grow


def _prelu(layer: nn.PReLU, _inputs: int, outputs: int, device: torch.device | None) -> None:
    if layer.num_parameters > 1:
        layer.weight = _constant(layer.weight, outputs, 0.25, device)
        layer.num_parameters = outputs


def _drawn(old: Any, shape: tuple[int, ...], scale: float, device: torch.device | None) -> nn.Parameter:
    new = torch.empty(shape, dtype=old.dtype, device=device or old.device)
    if not new.is_meta and not old.is_meta:
        values = old.detach().float()
        constant = values.numel() > 0 and bool((values == values.flatten()[0]).all())
        if constant and (old.ndim == 1 or not values.any()):
            new.fill_(float(values.flatten()[0]))
        else:
            new.normal_(std=float(values.square().mean().sqrt()) * scale)
    return nn.Parameter(new, requires_grad=old.requires_grad)


def _constant(old: Any, channels: int, otherwise: float, device: torch.device | None) -> nn.Parameter:
    new = torch.empty(channels, dtype=old.dtype, device=device or old.device)
    if not new.is_meta and not old.is_meta:
        is_constant = bool((old.detach() == old.detach().flatten()[0]).all())
        new.fill_(float(old.detach().flatten()[0]) if is_constant else otherwise)
    return nn.Parameter(new, requires_grad=old.requires_grad)


GROWTH: dict[type[nn.Module], Growth] = {
    nn.Linear: Growth({"in": "in_features", "out": "out_features"}, _linear),
    **{kind: Growth({"in": "in_channels", "out": "out_channels"}, _convolution) for kind in CONVOLUTIONS + TRANSPOSED},
    **{kind: Growth({"out": "num_features"}, _norm("num_features")) for kind in BATCH_NORMS + INSTANCE_NORMS},
    nn.GroupNorm: Growth({"out": "num_channels"}, _norm("num_channels")),
    nn.LayerNorm: Growth({"out": "normalized_shape"}, _norm("normalized_shape")),
    nn.Embedding: Growth({"out": "embedding_dim"}, _embedding),
    nn.PReLU: Growth({"out": "num_parameters"}, _prelu),
}

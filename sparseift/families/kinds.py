"""The kinds of layers that families replace: linear layers and 1-, 2- and 3-dimensional convolutions of any kernel,
stride, padding, dilation and groups; and Hugging Face's `Conv1D`, a linear layer that stores its weight as (in, out).
"""

import math
from typing import cast

from torch import nn

from sparseift.construction import linear
from sparseift.families.family import LayerShape

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Layer = nn.Linear | Convolution
CONVOLUTIONS: tuple[type[Convolution], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
LAYERS: tuple[type[nn.Module], ...] = (nn.Linear, *CONVOLUTIONS)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def is_hugging_face_conv1d(module: nn.Module) -> bool:
    """Whether it is `transformers.pytorch_utils.Conv1D`, told by its name so that transformers need not be there."""
    kind = type(module)
    return kind.__name__ == "Conv1D" and kind.__module__.startswith("transformers.")


def dimensions_of(layer: Layer) -> int:
    """Spatial dimensions of a convolution; 0 for a linear layer."""
    return layer.weight.ndim - 2


def shape_of(layer: Layer) -> LayerShape:
    """The layer as the families' algebra sees it."""
    if isinstance(layer, nn.Linear):
        return LayerShape(layer.in_features, layer.out_features)
    return LayerShape(layer.in_channels, layer.out_channels, math.prod(layer.kernel_size), layer.groups)


def plain(layer: nn.Module) -> Layer:
    """The layer itself, or a Hugging Face `Conv1D` as the `nn.Linear` that computes the same."""
    if not is_hugging_face_conv1d(layer):
        return cast(Layer, layer)
    weight, bias = cast(nn.Parameter, layer.weight), cast(nn.Parameter, layer.bias)
    return linear(weight.t(), bias).train(layer.training)


def split(layer: nn.Linear, parts: int) -> list[nn.Linear]:
    """A packed projection as `parts` layers, each with its rows of the weight and its share of the bias."""
    biases = (None,) * parts if layer.bias is None else layer.bias.chunk(parts)
    return [linear(w, b).train(layer.training) for w, b in zip(layer.weight.chunk(parts), biases, strict=True)]


def like(layer: Layer, outputs: int) -> Layer:
    """A bias-free layer with the kernel, stride, padding, dilation and groups of `layer` and so many outputs."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, outputs, bias=False, device=layer.weight.device, dtype=layer.weight.dtype)
    return _convolution(layer)(
        layer.in_channels,
        outputs,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        layer.groups,
        bias=False,
        padding_mode=layer.padding_mode,
        device=layer.weight.device,
        dtype=layer.weight.dtype,
    )


def pointwise(layer: Layer, inputs: int) -> Layer:
    """A bias-free layer of kernel 1 from `inputs` to the outputs of `layer`, with its groups."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(inputs, layer.out_features, bias=False, device=layer.weight.device, dtype=layer.weight.dtype)
    return _convolution(layer)(
        inputs,
        layer.out_channels,
        1,
        groups=layer.groups,
        bias=False,
        device=layer.weight.device,
        dtype=layer.weight.dtype,
    )


def batch_norm(layer: Convolution, channels: int) -> nn.Module:
    """Batch norm over the output channels of a convolution, on its device."""
    norm = NORMS[dimensions_of(layer) - 1](channels)
    return norm.to(layer.weight.device, layer.weight.dtype)


def _convolution(layer: Convolution) -> type[Convolution]:
    """The torch class of a convolution, which may be a subclass where a rule asked for it."""
    return next(kind for kind in CONVOLUTIONS if isinstance(layer, kind))

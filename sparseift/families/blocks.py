"""The torch blocks of the module-local families, for every layer of `sparseift.families.kinds`.

Every block is built from the layer that it replaces, takes its input, gives its output shape and keeps its bias (added
once, after everything else). Fresh weights are drawn normal so that, under masks and but for σ, the block's output has
the variance of the replaced layer's: gain = √E[w²]·√fan_in of that layer carries a model's initialisation scheme (He,
GPT's .02, …) over.
"""

import math
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.families.family import check_nonlinearity
from sparseift.families.kinds import Layer, batch_norm, dimensions_of, like, pointwise, shape_of


def nonlinearity(name: str, layer: Layer, channels: int) -> nn.Module:
    """σ over `channels` features or channels.

    "default" follows the paper's figure and code: BN + ReLU after a convolution, GELU after a linear layer. The
    official code's other choices are "bn" (Parallel on CIFAR), "identity" (Doped, and Factorized's linear option).

    Raises:
        UnknownName: no such nonlinearity.
        InvalidValue: batch norm after a linear layer.
    """
    is_linear = isinstance(layer, nn.Linear)
    if check_nonlinearity(name) == "default":
        name = "gelu" if is_linear else "bn_relu"
    plain: dict[str, Callable[[], nn.Module]] = {"identity": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU}
    if name in plain:
        return plain[name]()
    if isinstance(layer, nn.Linear):
        raise InvalidValue(
            f"The nonlinearity '{name}' normalises channels of convolutions; linear layers take relu, gelu or identity."
        )
    norm = batch_norm(layer, channels)
    return norm if name == "bn" else nn.Sequential(norm, nn.ReLU())


def fan_in(layer: Layer) -> int:
    """Inputs of one output unit."""
    return layer.weight[0].numel()


def gain_of(layer: Layer) -> float:
    """√E[w²]·√fan_in of an initialised layer: 1 for fan-in scaling, √2 for He.

    1 on the meta device, and for a layer of zeros (the end of a residual branch): a product of factors that both start
    at zero never leaves it.
    """
    if layer.weight.is_meta:
        return 1.0
    return float(layer.weight.detach().float().square().mean().sqrt()) * math.sqrt(fan_in(layer)) or 1.0


def _draw(layer: Layer, gain: float) -> Layer:
    """Normal weights of standard deviation gain / √fan_in, in place."""
    nn.init.normal_(layer.weight, std=gain / math.sqrt(fan_in(layer)))
    return layer


class _Biased(nn.Module):
    """The replaced layer's bias, shaped to be added to its output."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())
        self.trailing = (1,) * dimensions_of(layer)

    def forward(self, y: Tensor) -> Tensor:
        """Add the bias: (…, D_out) or (B, C_out, spatial…)."""
        return y if self.bias is None else y + self.bias.view(-1, *self.trailing)


class Parallel(nn.Module):
    """Σ_{j=1..k} σ_j(θ_jᵀ z) + b. Masked: every θ_j.

    Each branch is drawn like the replaced layer: its mask keeps 1/k of it, so that the sum has the layer's variance.
    """

    def __init__(self, layer: Layer, size: int, sigma: str) -> None:
        super().__init__()
        self.size, self.nonlinearity = size, sigma  # what an export needs to build it again
        gain = gain_of(layer)
        self.branches = nn.ModuleList(_draw(like(layer, shape_of(layer).outputs), gain) for _ in range(size))
        self.sigma = nn.ModuleList(nonlinearity(sigma, layer, shape_of(layer).outputs) for _ in range(size))
        self.output = _Biased(layer)

    @property
    def masked(self) -> tuple[str, ...]:
        """Names of the weights that a mask covers, relative to this block."""
        return tuple(f"branches.{j}.weight" for j in range(len(self.branches)))

    def forward(self, z: Tensor) -> Tensor:
        """(…, D_in) -> (…, D_out), or (B, C_in, spatial…) -> (B, C_out, spatial'…)."""
        y = self.sigma[0](self.branches[0](z))
        for branch, sigma in zip(self.branches[1:], self.sigma[1:], strict=True):
            y = y + sigma(branch(z))
        out: Tensor = self.output(y)
        return out


class Factorized(nn.Module):
    """Vᵀ σ(Uᵀ z) + b, U: D_in → d with the layer's kernel, V: d → D_out pointwise. Masked: U and V.

    Masks keep the share full rank / d of both; each factor has, so masked, the gain √gain: together the layer's own.
    """

    masked = ("u.weight", "v.weight")

    def __init__(self, layer: Layer, size: int, sigma: str) -> None:
        super().__init__()
        self.size, self.nonlinearity = size, sigma  # what an export needs to build it again
        density = min(1.0, shape_of(layer).full_rank / size)
        gain = math.sqrt(gain_of(layer) / density)
        self.u = _draw(like(layer, size), gain)
        self.sigma = nonlinearity(sigma, layer, size)
        self.v = _draw(pointwise(layer, size), gain)
        self.output = _Biased(layer)

    def forward(self, z: Tensor) -> Tensor:
        """(…, D_in) -> (…, D_out), or (B, C_in, spatial…) -> (B, C_out, spatial'…)."""
        out: Tensor = self.output(self.v(self.sigma(self.u(z))))
        return out


class Doped(nn.Module):
    """Vᵀ(Uᵀ z) + σ(θᵀ z) + b, U and V dense. Masked: θ.

    At the start the low-rank branch has the share s of the replaced layer's variance, which the mask takes from θ, and
    U and V the same scale: a product of unbalanced factors multiplies the learning rate by D_out / d, and diverges.
    """

    masked = ("theta.weight",)

    def __init__(self, layer: Layer, size: int, sigma: str) -> None:
        super().__init__()
        self.size, self.nonlinearity = size, sigma  # what an export needs to build it again
        gain = gain_of(layer)
        share = min(1.0, size / shape_of(layer).full_rank)  # s, as the rank was rounded
        self.u, self.v = like(layer, size), pointwise(layer, size)
        # Var of a pre-activation: std⁴ · fan_in(U) · fan_in(V) = share · gain²
        std = math.sqrt(math.sqrt(share / (fan_in(self.u) * fan_in(self.v))) * gain)
        nn.init.normal_(self.u.weight, std=std)
        nn.init.normal_(self.v.weight, std=std)
        self.theta = _draw(like(layer, shape_of(layer).outputs), gain)
        self.sigma = nonlinearity(sigma, layer, shape_of(layer).outputs)
        self.output = _Biased(layer)

    def forward(self, z: Tensor) -> Tensor:
        """(…, D_in) -> (…, D_out), or (B, C_in, spatial…) -> (B, C_out, spatial'…)."""
        out: Tensor = self.output(self.v(self.u(z)) + self.sigma(self.theta(z)))
        return out


Block = Parallel | Factorized | Doped


class Packed(nn.Module):
    """Blocks in place of one packed projection (q, k and v in one matrix): their outputs side by side."""

    def __init__(self, parts: Iterable[Block]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    @property
    def masked(self) -> tuple[str, ...]:
        """Names of the weights that a mask covers, relative to this module."""
        return tuple(f"parts.{i}.{name}" for i, part in enumerate(self.parts) for name in cast(Block, part).masked)

    def forward(self, z: Tensor) -> Tensor:
        """(…, D_in) -> (…, parts · D_out)."""
        return torch.cat([part(z) for part in self.parts], dim=-1)

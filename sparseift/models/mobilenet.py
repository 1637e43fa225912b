"""MobileNetV2: inverted residuals around depthwise convolutions, for ImageNet or for small images.

Source: Sandler et al. 2018, arXiv 1801.04381, table 2 (t = expansion, c = channels, n = blocks, s = stride). At width
32 with 1000 classes it has 3,504,872 parameters and costs 300,774,272 MACs at 224x224. The paper names no
initialisation: ours is He fan-out (He et al. 2015, arXiv 1502.01852).
"""

import math

from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.records import DataShape

PAPER_WIDTH = 32  # channels of the stem at the paper's width multiplier 1
LAST_CHANNELS = 1280  # of the 1x1 convolution before the pool, at PAPER_WIDTH
STAGES = (  # (expansion, channels at PAPER_WIDTH, blocks, stride of the first block)
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
SMALL_IMAGES_SHRINK_FROM = 2  # stages before it keep the image's size where images are small, as CIFAR's


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 linear projection; a shortcut where the shape stays."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expand = nn.Sequential()
        if expansion != 1:
            self.expand = _normed(nn.Conv2d(channels_in, inner, 1, bias=False), "conv")
        depthwise = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False)
        self.filter = _normed(depthwise, "depthwise")
        self.project = nn.Conv2d(inner, channels_out, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.has_shortcut = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        y: Tensor = self.norm(self.project(self.filter(self.expand(x))))
        return x + y if self.has_shortcut else y


class MobileNetV2(nn.Module):
    """Stem, inverted residuals, 1x1 convolution, global average pool, dropout, linear head.

    Args:
        channels_in: of the image.
        outputs: classes.
        width: channels of the stem; all others are the paper's times width / 32, to the nearest integer. (The paper
            never narrows the last convolution, and rounds to multiples of 8: a widened network would miss its k.)
        imagenet_strides: strides of 32 in all; else of 8, for images of 32x32.

    Raises:
        InvalidValue: a width that leaves a layer without channels.
    """

    def __init__(self, channels_in: int, outputs: int, width: int, *, imagenet_strides: bool = False) -> None:
        super().__init__()
        if width < 1:
            raise InvalidValue(f"A MobileNetV2's width is {width}; it must be at least 1.")

        def scaled(channels: int) -> int:
            return max(1, (2 * channels * width + PAPER_WIDTH) // (2 * PAPER_WIDTH))

        stride = 2 if imagenet_strides else 1
        self.stem = _normed(nn.Conv2d(channels_in, width, 3, stride=stride, padding=1, bias=False), "conv")
        self.blocks = nn.Sequential()
        channels = width
        for i, (expansion, paper_channels, count, paper_stride) in enumerate(STAGES):
            stride = paper_stride if imagenet_strides or i >= SMALL_IMAGES_SHRINK_FROM else 1
            for j in range(count):
                out = scaled(paper_channels)
                self.blocks.append(InvertedResidual(channels, out, expansion, stride if j == 0 else 1))
                channels = out
        self.last = _normed(nn.Conv2d(channels, scaled(LAST_CHANNELS), 1, bias=False), "conv")
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(scaled(LAST_CHANNELS), outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Of one group: torch's fan-out of a depthwise kernel counts the channels that it does not reach.
                fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, outputs)."""
        x = self.last(self.blocks(self.stem(images)))
        logits: Tensor = self.head(self.dropout(self.pool(x).flatten(1)))
        return logits


def _normed(convolution: nn.Conv2d, name: str) -> nn.Sequential:
    """A convolution, its batch norm, and ReLU6 (the paper's, for arithmetic of low precision)."""
    normed = nn.Sequential()
    normed.add_module(name, convolution)
    normed.add_module("norm", nn.BatchNorm2d(convolution.out_channels))
    normed.add_module("relu", nn.ReLU6())
    return normed


def build(shape: DataShape, *, width: int, imagenet_strides: int) -> MobileNetV2:
    """The catalog's "mobilenetv2"."""
    return MobileNetV2(shape.input_shape[0], shape.outputs, width, imagenet_strides=bool(imagenet_strides))

"""ResNets of basic or bottleneck blocks, for CIFAR (3x3 stem, no max-pool) or for ImageNet (7x7 stem, max-pool).

Source: He et al. 2016, arXiv 1512.03385, with projection shortcuts (option B) and He fan-out initialisation. At width
64 with 100 classes ResNet-18 has 11,220,132 parameters; with ImageNet's stem it costs 3.628147 GFLOP at 224x224.
ResNet-50 has 25,557,032 parameters with 1000 classes and costs 8.178369 GFLOP.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from sparseift.records import DataShape

EXPANSION = 4  # output channels of a bottleneck over its inner ones


def projection(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    """The shortcut: a 1x1 convolution where the shape changes, else nothing."""
    shortcut = nn.Sequential()
    if stride != 1 or channels_in != channels_out:
        shortcut.add_module("conv", nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False))
        shortcut.add_module("norm", nn.BatchNorm2d(channels_out))
    return shortcut


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; a 1x1 convolution on the shortcut where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = projection(channels_in, channels_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        inner = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        summed: Tensor = inner + self.shortcut(x)
        return summed.relu()


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the first two have a quarter of the output's channels.

    The 3x3 convolution carries the stride, not the first 1x1 as in the paper: the variant that everybody measures
    (Goyal et al. 2017, arXiv 1706.02677, section 5.1).
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        inner = channels_out // EXPANSION
        self.conv1 = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(channels_out)
        self.shortcut = projection(channels_in, channels_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        inner = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu())).relu()
        summed: Tensor = self.norm3(self.conv3(inner)) + self.shortcut(x)
        return summed.relu()


class ResNet(nn.Module):
    """Stem, stages of blocks, global average pool, linear head.

    Args:
        channels_in: of the image.
        outputs: classes.
        width: channels of the stem and the first stage; stage i has 2^i times as many.
        blocks: blocks of each stage; every stage but the first halves the image.
        imagenet_stem: 7x7 of stride 2 and a 3x3 max-pool of stride 2, instead of 3x3 of stride 1.
        bottleneck: bottleneck blocks, whose output has 4 times the stage's channels, instead of basic blocks.
    """

    def __init__(
        self,
        channels_in: int,
        outputs: int,
        width: int,
        blocks: Sequence[int],
        *,
        imagenet_stem: bool = False,
        bottleneck: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential()
        kernel, stride, padding = (7, 2, 3) if imagenet_stem else (3, 1, 1)
        self.stem.add_module("conv", nn.Conv2d(channels_in, width, kernel, stride=stride, padding=padding, bias=False))
        self.stem.add_module("norm", nn.BatchNorm2d(width))
        self.stem.add_module("relu", nn.ReLU())
        if imagenet_stem:
            self.stem.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
        self.stages = nn.Sequential()
        block, expansion = (Bottleneck, EXPANSION) if bottleneck else (BasicBlock, 1)
        channels = width
        for i, count in enumerate(blocks):
            stage = nn.Sequential()
            for j in range(count):
                stage.append(block(channels, width * 2**i * expansion, stride=2 if i > 0 and j == 0 else 1))
                channels = width * 2**i * expansion
            self.stages.append(stage)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, outputs)."""
        x = self.stages(self.stem(images))  # (B, channels, H / 2^(stages - 1), …)
        logits: Tensor = self.head(self.pool(x).flatten(1))
        return logits


def build(shape: DataShape, *, width: int, stages: int, blocks: int) -> ResNet:
    """The catalog's "resnet": a small one by width, stages and blocks per stage."""
    return ResNet(shape.input_shape[0], shape.outputs, width, [blocks] * stages)


def build_resnet18(shape: DataShape, *, width: int, imagenet_stem: int) -> ResNet:
    """The catalog's "resnet18"."""
    return ResNet(shape.input_shape[0], shape.outputs, width, (2, 2, 2, 2), imagenet_stem=bool(imagenet_stem))


def build_resnet34(shape: DataShape, *, width: int, imagenet_stem: int) -> ResNet:
    """The catalog's "resnet34"."""
    return ResNet(shape.input_shape[0], shape.outputs, width, (3, 4, 6, 3), imagenet_stem=bool(imagenet_stem))


def build_resnet50(shape: DataShape, *, width: int, imagenet_stem: int) -> ResNet:
    """The catalog's "resnet50"."""
    stem = bool(imagenet_stem)
    return ResNet(shape.input_shape[0], shape.outputs, width, (3, 4, 6, 3), imagenet_stem=stem, bottleneck=True)

"""ResNets of basic blocks, as trained on CIFAR (3x3 stem, no max-pool) or on ImageNet (7x7 stem, max-pool).

Source: He et al. 2016, arXiv 1512.03385, with projection shortcuts (option B) and He fan-out initialisation. At width
64 with 100 classes ResNet-18 has 11,220,132 parameters; with ImageNet's stem it costs 3.628147 GFLOP at 224x224.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from sparseift.records import DataShape


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; a 1x1 convolution on the shortcut where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut.add_module("conv", nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False))
            self.shortcut.add_module("norm", nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H / stride, W / stride)."""
        inner = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        summed: Tensor = inner + self.shortcut(x)
        return summed.relu()


class ResNet(nn.Module):
    """Stem, stages of basic blocks, global average pool, linear head.

    Args:
        channels_in: of the image.
        outputs: classes.
        width: channels of the first stage; stage i has 2^i times as many.
        blocks: blocks of each stage; every stage but the first halves the image.
        imagenet_stem: 7x7 of stride 2 and a 3x3 max-pool of stride 2, instead of 3x3 of stride 1.
    """

    def __init__(
        self, channels_in: int, outputs: int, width: int, blocks: Sequence[int], *, imagenet_stem: bool = False
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
        channels = width
        for i, count in enumerate(blocks):
            stage = nn.Sequential()
            for j in range(count):
                stage.append(BasicBlock(channels, width * 2**i, stride=2 if i > 0 and j == 0 else 1))
                channels = width * 2**i
            self.stages.append(stage)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, outputs)."""
        x = self.stages(self.stem(images))  # (B, width · 2^(stages - 1), H / 2^(stages - 1), …)
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

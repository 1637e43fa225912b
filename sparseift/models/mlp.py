"""A multi-layer perceptron for small images."""

import math
from collections import OrderedDict

from torch import Tensor, nn

from sparseift.records import DataShape


class MLP(nn.Module):
    """Dense stem, `depth` - 1 hidden layers that a family may transform, dense head; batch norm and ReLU in between.

    The norms let it train by the vision recipe, whose learning rate is a ResNet's; without them it diverges.

    Args:
        inputs: numbers per sample, C·H·W.
        outputs: classes.
        width: units per hidden layer.
        depth: hidden layers, the stem's included.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.stem = nn.Linear(inputs, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        hidden: OrderedDict[str, nn.Module] = OrderedDict()
        for i in range(depth - 1):
            hidden[f"linear{i}"] = nn.Linear(width, width, bias=False)
            hidden[f"norm{i}"], hidden[f"relu{i}"] = nn.BatchNorm1d(width), nn.ReLU()
        self.hidden = nn.Sequential(hidden)
        self.head = nn.Linear(width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, outputs)."""
        x = self.norm(self.stem(images.flatten(1))).relu()  # (B, width)
        logits: Tensor = self.head(self.hidden(x))
        return logits


def build(shape: DataShape, *, width: int, depth: int) -> MLP:
    """The catalog's "mlp"."""
    return MLP(math.prod(shape.input_shape), shape.outputs, width, depth)

"""A multi-layer perceptron for small images."""

import math
from collections import OrderedDict

from torch import Tensor, nn

from sparseift.records import DataShape


class MLP(nn.Module):
    """Dense stem, `depth` - 1 hidden layers that a family may transform, dense head; ReLU after all but the head.

    Args:
        inputs: numbers per sample, C·H·W.
        outputs: classes.
        width: units per hidden layer.
        depth: hidden layers, the stem's included.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.stem = nn.Linear(inputs, width)
        hidden: OrderedDict[str, nn.Module] = OrderedDict()
        for i in range(depth - 1):
            hidden[f"linear{i}"], hidden[f"relu{i}"] = nn.Linear(width, width), nn.ReLU()
        self.hidden = nn.Sequential(hidden)
        self.head = nn.Linear(width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, outputs)."""
        x = self.stem(images.flatten(1)).relu()  # (B, width)
        logits: Tensor = self.head(self.hidden(x))
        return logits


def build(shape: DataShape, *, width: int, depth: int) -> MLP:
    """The catalog's "mlp"."""
    return MLP(math.prod(shape.input_shape), shape.outputs, width, depth)

"""ViT: an image as a sequence of patches, a class token, learned positions, pre-norm encoder blocks, linear head.

Source: Dosovitskiy et al. 2021, arXiv 2010.11929; sizes Ti and S from Touvron et al. 2021 (DeiT), arXiv 2012.12877,
table 1. Query, key and value are separate linear layers, so that a family transforms each matrix on its own. ViT-S/16
has 22,050,664 parameters at 224x224 with 1000 classes.

Initialisation as in ViT's released code: Xavier uniform for the linear layers of the blocks, LeCun normal for the
patches, normal of standard deviation .02 for positions. Head and class token start as in DeiT, normal of .02, instead
of at zero: behind a head of zeros no other weight has a gradient, and SNIP would choose its mask among ties.
"""

import math

import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.models.gpt import Block
from sparseift.records import DataShape

INITIAL_STD = 0.02  # of positions, class token and head


class ViT(nn.Module):
    """Images in, logits out.

    Args:
        input_shape: (C, H, W) of the image.
        outputs: classes.
        width: model dimension, a multiple of `heads`.
        layers, heads: encoder blocks, attention heads.
        patch: side of a patch in pixels.

    Raises:
        InvalidValue: width is no multiple of heads, or the image no whole number of patches.
    """

    def __init__(
        self, input_shape: tuple[int, ...], outputs: int, width: int, layers: int, heads: int, patch: int
    ) -> None:
        super().__init__()
        channels, height, breadth = input_shape
        if width % heads:
            raise InvalidValue(f"A ViT's width is {width}; it must be a multiple of its {heads} heads.")
        if height % patch or breadth % patch:
            raise InvalidValue(f"The image is {height}x{breadth}; a ViT's patch of {patch} must divide both sides.")
        tokens = (height // patch) * (breadth // patch) + 1  # the class token's included
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, tokens, width))
        self.blocks = nn.Sequential(*(Block(width, heads, dropout=0.0, causal=False) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.patches.weight, std=1 / math.sqrt(channels * patch**2))
        assert self.patches.bias is not None
        nn.init.zeros_(self.patches.bias)
        for parameter in (self.class_token, self.positions, self.head.weight):
            nn.init.normal_(parameter, std=INITIAL_STD)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> logits (B, outputs)."""
        x = self.patches(images).flatten(2).transpose(1, 2)  # (B, patches, width)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.positions  # (B, T, width)
        logits: Tensor = self.head(self.norm(self.blocks(x))[:, 0])  # read off the class token
        return logits


def build(shape: DataShape, *, width: int, layers: int, heads: int, patch: int) -> ViT:
    """The catalog's "vit", "vit-ti" and "vit-s"; image and classes are the data set's."""
    return ViT(shape.input_shape, shape.outputs, width, layers, heads, patch)

"""GPT: pre-norm decoder with learned positions, causal attention, GELU and a head tied to the token embedding.

Source: Radford et al. 2019 (GPT-2); sizes of GPT-3 Small from Brown et al. 2020, table 2.1. Query, key and value are
separate linear layers, so that a family transforms each matrix on its own. GPT-2 small's shape (T = 1024, 50,257
tokens) costs 291.648 GFLOP forward per sequence: 252.994 in weights and 38.655 in attention.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.errors import InvalidValue
from sparseift.records import DataShape

INITIAL_STD = 0.02  # of every weight matrix (GPT-2)


class Attention(nn.Module):
    """Multi-head self-attention, of each token to its past where `causal`; the head dimension is width / heads."""

    def __init__(self, width: int, heads: int, dropout: float, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.dropout, self.causal = heads, dropout, causal
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        b, t, width = x.shape
        query, key, value = (
            project(x).view(b, t, self.heads, width // self.heads).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )  # each (B, heads, T, head_dim)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=self.causal)
        out: Tensor = self.output(mixed.transpose(1, 2).reshape(b, t, width))
        return out


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them; the inner one is four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.gelu = nn.GELU()
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        out: Tensor = self.down(self.gelu(self.up(x)))
        return out


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and added to the stream after."""

    def __init__(self, width: int, heads: int, dropout: float, *, causal: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout, causal=causal)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = FeedForward(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        out: Tensor = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return out


class GPT(nn.Module):
    """Tokens in, next-token logits out.

    Args:
        vocabulary: number of tokens.
        context: T, the longest sequence.
        width: model dimension, a multiple of `heads`.
        layers, heads: decoder blocks, attention heads.
        dropout: probability.

    Raises:
        InvalidValue: width is no multiple of heads.
    """

    def __init__(self, vocabulary: int, context: int, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise InvalidValue(f"A GPT's width is {width}; it must be a multiple of its {heads} heads.")
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.position_embedding = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, causal=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                # The 2 · layers additions to the stream start smaller, so that its variance stays at 1 (GPT-2).
                ends_branch = name.endswith(("attention.output", "feedforward.down"))
                nn.init.normal_(module.weight, std=INITIAL_STD / (math.sqrt(2 * layers) if ends_branch else 1.0))
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) integers -> logits (B, T, vocabulary)."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.dropout(self.token_embedding(tokens) + self.position_embedding(positions))  # (B, T, width)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.token_embedding.weight)  # tied head


def build(shape: DataShape, *, width: int, layers: int, heads: int, dropout: float) -> GPT:
    """The catalog's "gpt" and "gpt3-small"; context and vocabulary are the data set's."""
    return GPT(shape.outputs, shape.input_shape[0], width, layers, heads, dropout)

"""`nn.MultiheadAttention` with its projections as separate layers, so that families can replace them.

The original packs q, k and v into one parameter that no layer owns. `SeparateAttention` computes the same from four
`nn.Linear`s and takes the same call, so it can stand wherever the original stood.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.construction import linear
from sparseift.errors import InvalidValue


class SeparateAttention(nn.Module):
    """Multi-head attention of `original`'s sizes, weights and call.

    Args:
        original: copied, not kept.

    Raises:
        InvalidValue: it adds a bias or zeros to the sequence of keys (`add_bias_kv`, `add_zero_attn`).
    """

    # What torch's own encoder layers ask before they take their fused path, which reads packed parameters.
    _qkv_same_embed_dim = False
    in_proj_bias = None
    stands_for: tuple[nn.Module, ...] = ()  # the original, while rules are matched

    def __init__(self, original: nn.MultiheadAttention) -> None:
        super().__init__()
        if original.bias_k is not None or original.add_zero_attn:
            raise InvalidValue("An attention with add_bias_kv or add_zero_attn cannot be taken apart; keep it dense.")
        self.embed_dim, self.num_heads, self.head_dim = original.embed_dim, original.num_heads, original.head_dim
        self.dropout, self.batch_first = original.dropout, original.batch_first
        packed = original.in_proj_weight
        weights = (
            packed.chunk(3)
            if packed is not None
            else (original.q_proj_weight, original.k_proj_weight, original.v_proj_weight)
        )
        biases = (None,) * 3 if original.in_proj_bias is None else original.in_proj_bias.chunk(3)
        self.q_proj, self.k_proj, self.v_proj = (linear(w, b) for w, b in zip(weights, biases, strict=True))
        self.out_proj = linear(original.out_proj.weight, original.out_proj.bias)
        self.train(original.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As `nn.MultiheadAttention.forward`: (B, T, D) where `batch_first`, else (T, B, D); unbatched (T, D) too.

        Returns:
            The output in the shape of `query`, and the weights (B, T_q, T_k), (B, heads, T_q, T_k) unaveraged, or None.

        Raises:
            InvalidValue: `is_causal` without `attn_mask`: it is a hint about the mask, not a mask.
        """
        if is_causal and attn_mask is None:
            raise InvalidValue("is_causal needs attn_mask, which it says is causal.")
        batched = query.ndim == 3
        streams = [x if batched else x.unsqueeze(0) for x in (query, key, value)]
        if batched and not self.batch_first:
            streams = [x.transpose(0, 1) for x in streams]
        projections = (self.q_proj, self.k_proj, self.v_proj)
        q, k, v = (self._heads(project(x)) for project, x in zip(projections, streams, strict=True))
        mask = self._mask(attn_mask, key_padding_mask, q)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = (q * self.head_dim**-0.5) @ k.transpose(-2, -1)  # (B, heads, T_q, T_k)
            weights = F.dropout((scores if mask is None else scores + mask).softmax(-1), dropout)
            mixed = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        out = self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, T_q, D)
        if batched and not self.batch_first:
            out = out.transpose(0, 1)
        if not batched:
            out, weights = out.squeeze(0), None if weights is None else weights.squeeze(0)
        return out, weights

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, heads, T, head_dim)."""
        return x.view(*x.shape[:-1], self.num_heads, self.head_dim).transpose(1, 2)

    def _mask(self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, q: Tensor) -> Tensor | None:
        """Both masks as one that is added to the scores, broadcastable to (B, heads, T_q, T_k)."""
        batch = q.shape[0]
        total = None
        if attn_mask is not None:
            total = _additive(attn_mask, q.dtype)
            if total.ndim == 3:  # (B · heads, T_q, T_k)
                total = total.view(batch, self.num_heads, *total.shape[1:])
        if key_padding_mask is not None:
            padding = _additive(key_padding_mask, q.dtype).view(batch, 1, 1, -1)
            total = padding if total is None else total + padding
        return total


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask (True: not attended) as −∞ and 0; a float mask as it is."""
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(mask, float("-inf"))
    return mask.to(dtype)

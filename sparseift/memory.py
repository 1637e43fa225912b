"""What a training step keeps: weights, gradients, optimizer state, masks, and activations saved for backward.

Masked kernels are dense: a masked weight, its gradient and its moments are stored like any other, and its mask comes on
top.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from sparseift.errors import InvalidValue, UnknownName
from sparseift.example import Example, arguments_of, one_sample
from sparseift.masks.state import SUFFIX, masks_of
from sparseift.rehearsal import StandIns, call, meta_stand_ins, real_stand_ins, storage_of, untouched
from sparseift.shapes import Shapes

STATE_PER_WEIGHT = {  # tensors of a parameter's size that an optimizer keeps
    "sgd": 0, "sgd_momentum": 1, "lion": 1, "muon": 1, "rmsprop": 1, "adagrad": 1, "adam": 2, "adamw": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes held between forward and backward of one step; what kernels need for moments is not in it.

    Attributes:
        weights: parameters and buffers (norms' statistics), without masks.
        gradients: of the parameters that ask for one.
        optimizer_state: momenta of the same parameters.
        masks: of the model's masked weights, and what is kept beside them to train with them.
        activations: what autograd saves in one forward of the batch, each storage once, and in the loss if one is given
            (cross-entropy over a vocabulary keeps as much as the logits take).
    """

    weights: int
    gradients: int
    optimizer_state: int
    masks: int
    activations: int

    @property
    def total(self) -> int:
        """The sum, in bytes."""
        return self.weights + self.gradients + self.optimizer_state + self.masks + self.activations


def training_memory(
    model: nn.Module,
    example_input: Example,
    batch_size: int,
    *,
    optimizer: str = "adamw",
    mask_bytes: float | None = None,
    dtype: torch.dtype | None = None,
    loss: Callable[[Any], Tensor] | None = None,
) -> MemoryEstimate:
    """Estimate the memory of one training step; nothing is allocated, unless the forward looks at values.

    The forward runs on the meta device in training mode. Attention is taken for fused (scores are not kept), as
    torch's kernels on CUDA are, and on the CPU without dropout; inside `nn.MultiheadAttention` it is not, so there the
    estimate is an upper one. A forward that does not run on the meta device runs on
    the model's own with 2 and 3 samples, from which the batch is extrapolated.

    Args:
        model: masked or not; it is left as it was.
        example_input: one sample; see `sparseift.flops.count`.
        batch_size: samples of one step.
        optimizer: a key of `STATE_PER_WEIGHT`.
        mask_bytes: per masked weight; None for what a `MaskTrainer` holds where the model is: the mask and whether the
            weight was ever active, a byte each, and but on the CPU the mask once more in the weight's dtype. Without a
            trainer 1; packed 1/8. Gradients that updates sum over several steps are not counted.
        dtype: of parameters, gradients, state, and activations; None for the model's own.
        loss: from the model's output for the batch to the loss; None leaves out what a loss keeps.

    Raises:
        UnknownName: no such optimizer.
        InvalidValue: the batch size is below 1, the example is not one sample, or the forward runs nowhere.
    """
    if optimizer not in STATE_PER_WEIGHT:
        raise UnknownName("optimizer", optimizer, STATE_PER_WEIGHT)
    if batch_size < 1:
        raise InvalidValue(f"batch_size is {batch_size}; it must be at least 1 sample.")
    one_sample(example_input)
    parameters = list(model.parameters())
    masks = masks_of(model)
    others = [b for name, b in model.named_buffers() if name.removesuffix(SUFFIX) not in masks]
    trained = sum(_bytes(p, dtype) for p in parameters if p.requires_grad)
    return MemoryEstimate(
        weights=sum(_bytes(t, dtype) for t in (*parameters, *others)),
        gradients=trained,
        optimizer_state=trained * STATE_PER_WEIGHT[optimizer],
        masks=int(sum(_mask_bytes(model.get_parameter(name), mask_bytes, dtype) for name in masks)),
        activations=_activations(model, example_input, batch_size, dtype, loss or (lambda out: out)),
    )


def _mask_bytes(weight: Tensor, each: float | None, dtype: torch.dtype | None) -> float:
    """Of one masked weight's mask; see `sparseift.masks.factors` for the copy in the weight's dtype."""
    if each is not None:
        return weight.numel() * each
    return 2 * weight.numel() + (0 if weight.device.type == "cpu" else _bytes(weight, dtype))


def _activations(
    model: nn.Module, example: Example, batch_size: int, dtype: torch.dtype | None, loss: Callable[[Any], Any]
) -> int:
    try:
        with _FusedAttention():
            return _saved(model, meta_stand_ins(model), example, batch_size, dtype, loss)
    except Exception as error:
        on_meta = error
    try:
        # Two samples at least: batch norm refuses to normalise one value.
        two, three = (_saved(model, real_stand_ins(model), example, n, dtype, loss) for n in (2, 3))
    except Exception as error:
        raise InvalidValue(
            f"The forward of {type(model).__name__} does not run on the meta device: {on_meta}; "
            f"nor on the model's own device: {error}."
        ) from error
    return two + (batch_size - 2) * (three - two)


def _saved(
    model: nn.Module,
    stand_ins: StandIns,
    example: Example,
    batch_size: int,
    dtype: torch.dtype | None,
    loss: Callable[[Any], Any],
) -> int:
    """Bytes that a training forward keeps for its backward, of storages that are not the model's own."""
    if dtype is not None:
        made = {id(t): _cast(t, dtype) for t in stand_ins.tensors.values()}
        stand_ins = StandIns(
            {name: made[id(t)] for name, t in stand_ins.tensors.items()},
            {name: made[id(t)] for name, t in stand_ins.parameters.items()},
            stand_ins.device,
        )
    for name, parameter in stand_ins.parameters.items():
        parameter.requires_grad_(model.get_parameter(name).requires_grad)
    args, kwargs = tree_map_only(Tensor, lambda t: _batch(t, batch_size, dtype), arguments_of(example))
    own = {storage_of(t) for t in stand_ins.tensors.values()}
    with Shapes(), untouched(model), saved_for_backward() as saved, torch.inference_mode(False), torch.enable_grad():
        if not model.training:
            model.train()
        loss(call(model, stand_ins, args if args else kwargs))
    return sum(size for storage, size in storages_of(saved).items() if storage not in own)


@contextmanager
def saved_for_backward() -> Iterator[list[Tensor]]:
    """Every tensor that autograd saves inside."""
    saved: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield saved


def storages_of(tensors: list[Tensor]) -> Mapping[int, int]:
    """Storage -> its bytes, each once however many views there are."""
    return {storage_of(t): t.untyped_storage().nbytes() for t in tensors}


def _bytes(tensor: Tensor, dtype: torch.dtype | None) -> int:
    return tensor.numel() * (dtype.itemsize if dtype is not None and tensor.is_floating_point() else tensor.itemsize)


def _cast(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor


def _batch(tensor: Tensor, size: int, dtype: torch.dtype | None) -> Tensor:
    """So many copies of one sample; scalars stay scalars."""
    tensor = _cast(tensor, dtype)
    return tensor.repeat(size, *[1] * (tensor.ndim - 1)) if tensor.ndim else tensor


class _FusedAttention(TorchFunctionMode):
    """Sends attention to a fused operator on the meta device too, where torch would take the unfused path."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention:
            return func(*args, **kwargs)
        return _fused(*args, **kwargs)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if query.ndim != 4:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    out: Tensor = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=scale
    )[0]
    return out

"""Exact forward FLOPs of any module, attributed to the parameter whose weights are read.

One forward runs on the meta device under a dispatch mode; `sparseift.flop_formulas` counts each operator, and the count
is booked on the parameter whose storage the operator reads. So the uses of a weight come out as integers, FLOPs =
Σ_p 2 · numel_p · uses_p + FLOPs of unevenly used parameters + FLOPs of weight-free operators (attention scores), and
when masks change, Σ_p 2 · nnz_p · uses_p follows without another forward. 1 MAC = 2 FLOPs. Bias additions, norms and
activations count 0, as in torch's counter.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparseift.attribution import Attribution
from sparseift.errors import InvalidValue
from sparseift.example import Example, one_sample
from sparseift.ledger import Weight
from sparseift.rehearsal import StandIns, call, meta_stand_ins, real_stand_ins, untouched


@dataclass(frozen=True, slots=True)
class FlopCount:
    """What one forward of one sample costs.

    Attributes:
        weights: per parameter that a counted operator reads, in order of first use: its size and its uses, the
            multiply-accumulates per weight and sample (output positions for a convolution, tokens for a linear layer).
        weight_free_flops: of operators that read no parameter, per sample.
        uneven: FLOPs per sample of parameters whose weights are not all used equally often (the packed projection of a
            cross attention, a slice of a weight, routed experts): they have no uses, so no mask's savings can be told.
        stems, heads: parameters whose input depends on no other (an embedding that is looked up counts as one before),
            and those whose output no other reads.
    """

    weights: dict[str, Weight]
    weight_free_flops: int
    uneven: dict[str, int]
    stems: tuple[str, ...]
    heads: tuple[str, ...]

    @property
    def total(self) -> int:
        """Forward FLOPs per sample with every weight non-zero."""
        weights = sum(w.flops(w.numel) for w in self.weights.values())
        return weights + sum(self.uneven.values()) + self.weight_free_flops


def count(model: nn.Module, example_input: Example) -> FlopCount:
    """Forward FLOPs per sample of `model` in evaluation mode; the model is not changed.

    Nothing is computed, unless the forward does not run on the meta device because it looks at values (`.item()`, a
    branch on data): then one real forward of the sample runs on the model's own device, and the counts are those of
    this sample.

    Args:
        model: any module, on any device. A weight that several modules share stands under the first of its names.
        example_input: one sample, as a batch of one: a tensor (the only argument), a tuple (positional arguments) or a
            mapping (keyword arguments); only shapes and dtypes matter.

    Raises:
        InvalidValue: the batch is not one sample, or the forward runs neither on the meta device nor on the model's own
            (the message says why not).
    """
    one_sample(example_input)
    try:
        return _count(model, meta_stand_ins(model), example_input)
    except Exception as error:
        on_meta = error
    try:
        return _count(model, real_stand_ins(model), example_input)
    except Exception as error:
        raise InvalidValue(
            f"The forward of {type(model).__name__} does not run on the meta device: {on_meta}; "
            f"nor on the model's own device: {error}."
        ) from error


def _count(model: nn.Module, stand_ins: StandIns, example: Example) -> FlopCount:
    attribution = Attribution(stand_ins.parameters, stand_ins.tensors.values())
    with untouched(model), unfused(), torch.inference_mode(False), torch.no_grad(), attribution:
        model.eval()
        call(model, stand_ins, example)
    weights, uneven = {}, {}
    for name in attribution.by_slice:
        uses = attribution.uses(name)
        if uses is None:
            uneven[name] = attribution.flops(name)
        else:
            weights[name] = Weight(name, tuple(stand_ins.parameters[name].shape), uses)
    stems, heads = tuple(attribution.ends.stems), attribution.ends.heads
    return FlopCount(weights, attribution.weight_free, uneven, stems, heads)


@contextmanager
def unfused() -> Iterator[None]:
    """Keep torch from kernels that hide several layers in one operator: the transformer encoder's fast path in
    evaluation mode, and recurrent layers of oneDNN and cuDNN."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    onednn = torch.backends.mkldnn.set_flags(False)[0]  # type: ignore[no-untyped-call]
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        torch.backends.mkldnn.set_flags(onednn)  # type: ignore[no-untyped-call]


def nonzero_flops(counted: FlopCount, masks: Mapping[str, Tensor]) -> int:
    """Forward FLOPs per sample when only the non-zeros of the masked parameters are paid for.

    Args:
        counted: of the same model.
        masks: parameter name -> mask, non-zero where the weight is active.
    """
    dense = counted.total - sum(w.flops(w.numel) for n, w in counted.weights.items() if n in masks)
    return dense + sum(w.flops(int(torch.count_nonzero(masks[n]))) for n, w in counted.weights.items() if n in masks)

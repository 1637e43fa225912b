"""Measured time of a forward, module by module: by clock on the CPU, by events on CUDA."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from sparseift.example import Example
from sparseift.rehearsal import call, real_stand_ins, untouched

WARM_UP = 3  # forwards before the first that counts


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one forward, medians over the repeats.

    Attributes:
        total: of the whole forward.
        by_module: module name -> its calls together, without the time of other timed modules inside it.
    """

    total: float
    by_module: dict[str, float]


def time_forward(model: nn.Module, example: Example, modules: Iterable[str], repeats: int) -> Times:
    """Time forwards of one sample, in evaluation mode, on the model's own device; the model is left as it was.

    Args:
        modules: names of those to time on their own.
        repeats: forwards that count, at least 1.

    Raises:
        InvalidValue: the model or the example is on the meta device.
    """
    stand_ins = real_stand_ins(model)
    on_cuda = any(t.is_cuda for t in stand_ins.tensors.values())
    totals: list[float] = []
    each: dict[str, list[float]] = defaultdict(list)
    with untouched(model), torch.no_grad():
        model.eval()
        with _spans(model, {"", *modules}, on_cuda) as spans:
            for i in range(WARM_UP + repeats):
                spans.clear()
                call(model, stand_ins, example)
                if i < WARM_UP:
                    continue
                durations = _durations(spans, on_cuda)
                totals.append(durations[0])
                for name, milliseconds in _own(spans, durations).items():
                    each[name].append(milliseconds)
    return Times(median(totals), {name: median(values) for name, values in each.items()})


@dataclass(slots=True)
class _Span:
    """One call of a module, between two marks: seconds, or CUDA events."""

    name: str
    parent: int | None
    start: Any
    end: Any = None


@contextmanager
def _spans(model: nn.Module, names: set[str], on_cuda: bool) -> Iterator[list[_Span]]:
    """Hooks that append a span for each call of the named modules, outermost first."""
    spans: list[_Span] = []
    open_spans: list[int] = []

    def mark() -> Any:
        if not on_cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def enter(name: str) -> None:
        spans.append(_Span(name, open_spans[-1] if open_spans else None, mark()))
        open_spans.append(len(spans) - 1)

    def leave() -> None:
        spans[open_spans.pop()].end = mark()

    handles = []
    for name, module in model.named_modules():
        if name in names:
            handles.append(module.register_forward_pre_hook(lambda *_, name=name: enter(name)))
            handles.append(module.register_forward_hook(lambda *_: leave()))
    try:
        yield spans
    finally:
        for handle in handles:
            handle.remove()


def _durations(spans: list[_Span], on_cuda: bool) -> list[float]:
    """Milliseconds of each span."""
    if on_cuda:
        torch.cuda.synchronize()
        return [span.start.elapsed_time(span.end) for span in spans]
    return [(span.end - span.start) * 1e3 for span in spans]


def _own(spans: list[_Span], durations: list[float]) -> dict[str, float]:
    """Milliseconds per module name, those of the spans inside it taken off."""
    own: dict[str, float] = defaultdict(float)
    for span, milliseconds in zip(spans, durations, strict=True):
        own[span.name] += milliseconds
        if span.parent is not None:
            own[spans[span.parent].name] -= milliseconds
    return own

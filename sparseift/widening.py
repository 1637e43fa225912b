"""Sparse Wide for any model that can be built wider: by its own builder, its Hugging Face config, or its graph."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from torch import nn

from sparseift.construction import fresh, skeleton
from sparseift.dense import read
from sparseift.errors import Infeasible, InvalidValue
from sparseift.example import Example
from sparseift.families.wide import wide_size
from sparseift.isoflop import with_nearest
from sparseift.layers import Rule
from sparseift.masks.initial import InitialScore
from sparseift.records import Point, Scope
from sparseift.sizing import Masking, Sized
from sparseift.widener import Widener


def widen(
    source: Any,
    sparsity: float,
    example_input: Example,
    *,
    width: int | None = None,
    multiple: int = 1,
    scope: Scope = "model",
    distribution: str | Mapping[str, float] = "uniform",
    structure: str = "unstructured",
    initial: InitialScore | None = None,
    start_density: float | None = None,
    rules: Iterable[Rule] = (),
    seed: int = 0,
) -> tuple[nn.Module, Point]:
    """Sparse Wide: build the network k times wider and mask it down to the FLOPs of the dense one.

    Args:
        source: how to build it wider: a callable from a width to a model (then `width` is the dense model's); a
            `Widener`; a Hugging Face model or config; or any other built module, which Torch-Pruning's dependency graph
            widens if it can (`pip install sparseift[pruning]`).
        sparsity: nominal s in (0, 1); k = √(1/(1−s)).
        width, multiple: see `Widener`; only with a callable.
        others: as `transform`.

    Returns:
        The masked wide model with fresh weights, and what was achieved.

    Raises:
        As `transform`; InvalidValue too where the source cannot be widened.

    Source: Thangarasa et al., Sparse-IFT (ICML 2024), method figure.

    Example:
        >>> import torch, sparseift
        >>> from torch import nn
        >>> def build(width: int) -> nn.Module:
        ...     layers = [nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
        ...     return nn.Sequential(*layers)
        >>> model, point = sparseift.widen(build, 0.75, torch.zeros(1, 64), width=128)
        >>> point.scale, f"{point.flop_ratio:.3f}"
        ('width 256 (k = 2.000)', '1.000')
    """
    masking = Masking(scope, distribution, structure, initial, start_density, seed)
    widener = _widener(source, example_input, width, multiple)
    model, wide, sized = _widened(widener, sparsity, example_input, tuple(rules), masking, partial(fresh, seed=seed))
    masking.attach(model, sized)
    return model, sized.point("sparse_wide", sparsity, wide_scale(widener.width, wide))


def plan_widen(
    source: Any,
    sparsity: float,
    example_input: Example,
    *,
    width: int | None = None,
    multiple: int = 1,
    scope: Scope = "model",
    distribution: str | Mapping[str, float] = "uniform",
    structure: str = "unstructured",
    rules: Iterable[Rule] = (),
) -> Point:
    """What `widen` would achieve, without a byte of weights where the builder runs on the meta device.

    Raises:
        As `widen`.
    """
    widener = _widener(source, example_input, width, multiple)
    masking = Masking(scope, distribution, structure)
    _, wide, sized = _widened(widener, sparsity, example_input, tuple(rules), masking, skeleton)
    return sized.point("sparse_wide", sparsity, wide_scale(widener.width, wide))


def wide_scale(width: int, wide: int) -> str:
    """The scale of a widened network in words."""
    return f"width {wide} (k = {wide / width:.3f})"


def _widener(source: Any, example: Example, width: int | None, multiple: int) -> Widener:
    if isinstance(source, Widener):
        return source
    if callable(source) and not isinstance(source, nn.Module):
        if width is None:
            raise InvalidValue("A builder needs `width`, the width of the dense model: widen(build, s, x, width=256).")
        return Widener(source, width, multiple)
    if width is not None:
        raise InvalidValue("`width` goes with a builder, a callable from a width to a model; a model knows its own.")
    from sparseift import huggingface, pruning  # optional extras, imported only by those who use them

    found: Widener = huggingface.widener(source) if huggingface.is_one(source) else pruning.widener(source, example)
    return found


def _widened(
    widener: Widener,
    sparsity: float,
    example: Example,
    rules: tuple[Rule, ...],
    masking: Masking,
    make: Callable[[Callable[[], nn.Module]], nn.Module],
) -> tuple[nn.Module, int, Sized]:
    """The widened model, its width and its mask sizes."""
    reference = skeleton(lambda: widener.build(widener.width))
    dense = read(reference, example, rules, more=widener.rules, replacing=False).network
    budget = dense.flops(masking.scope)

    def attempt(
        nominal: float, make: Callable[[Callable[[], nn.Module]], nn.Module] = skeleton
    ) -> tuple[nn.Module, int, Sized]:
        wide = wide_size(widener.width, nominal, widener.multiple)
        model = make(lambda: widener.build(wide))
        wider = read(model, example, rules, more=widener.rules, replacing=False)
        if wider.network.flops("model") <= dense.flops("model"):
            raise InvalidValue(
                f"The model at width {wide} costs no more than at {widener.width}: its builder does not widen it."
            )
        return model, wide, masking.solve(model, wider.roles, wider.counted, budget)

    try:
        return attempt(sparsity, make)
    except Infeasible as refusal:
        raise with_nearest(refusal, sparsity, attempt) from None

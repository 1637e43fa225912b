"""`accelerate`: for every masked linear layer the layout that a measurement on the user's own shapes says is fastest.

Unstructured masks buy nothing by themselves: masked-dense kernels do the dense work. On a CPU, CSR pays at high
sparsity; on CUDA, 2:4 and blocks may. Each is taken only where it was measured to be faster here, and never otherwise.
Inference only: training is not accelerated.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sparseift.acceleration.probe import Probe, measure
from sparseift.acceleration.report import LayerReport, Report, Tried
from sparseift.errors import InvalidValue
from sparseift.example import Example, arguments_of
from sparseift.export.copies import copy_of
from sparseift.export.layouts import check_layout, masked_linears, masked_matrix, sparse_layer
from sparseift.masks.state import masks_of
from sparseift.replacement import Swaps

CANDIDATES = {"cpu": ("csr", "bsr:16", "bsr:32"), "cuda": ("2:4", "bsr:32", "bsr:64", "bsr:128")}
# A layout of blocks that stores more than this share of the weights is not built: it does the dense layer's work.
FULLEST = 0.75
# Largest difference of outputs that a layout may make, over the largest output: its kernels add in another order.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}


def accelerate(
    model: nn.Module,
    example_input: Example,
    *,
    candidates: Iterable[str] | None = None,
    margin: float = 1.05,
    repeats: int = 15,
    probe: Probe = measure,
) -> tuple[nn.Module, Report]:
    """A copy of the model for inference whose masked linear layers have the layouts that are faster here.

    One forward of the example shows what every layer is called with; on that, masked dense is measured against each
    layout that can run on the device, in turns. A layout is taken when it is faster by the margin and gives the same
    outputs; otherwise the layer stays masked dense. Training is not accelerated.

    Args:
        model: with masks, on the device where it will run.
        example_input: as the model is called, with the batch that it will be called with.
        candidates: layouts to try, see `sparseift.export.layouts`; None takes those of the device's type.
        margin: how many times faster a layout must be, at least 1.
        repeats: measurements of each; their median counts.
        probe: what measures.

    Returns:
        The copy, in evaluation mode, which shares every other tensor with the original; and what was tried and taken.

    Raises:
        UnknownName: no such layout.
        InvalidValue: the model has no masks, or margin or repeats are below 1.
    """
    if not margin >= 1.0 or repeats < 1:
        raise InvalidValue(f"margin is {margin} and repeats {repeats}; both must be at least 1.")
    masks = masks_of(model)
    if not masks:
        raise InvalidValue(f"{type(model).__name__} has no masks, so there is nothing to accelerate.")
    device = next(iter(masks.values())).device
    layouts = tuple(CANDIDATES.get(device.type, ()) if candidates is None else candidates)
    for layout in layouts:
        check_layout(layout)
    dense, changed = copy_of(model, sharing=True).eval(), copy_of(model, sharing=True).eval()
    args, kwargs = arguments_of(example_input)
    swaps, reports = Swaps(changed), []
    linears, others = masked_linears(changed)
    with torch.no_grad():
        inputs = _inputs_of(dense, tuple(linears), args, kwargs)
        for name, layer in linears.items():
            report, chosen = _chosen(name, layer, inputs.get(name), layouts, margin, repeats, probe, device)
            reports.append(report)
            if chosen is not None and name:
                swaps.put(name, chosen)
            elif chosen is not None:
                changed = chosen
        for name, reason in others.items():
            density = float(masks[name].float().mean())
            reports.append(LayerReport(name, (), density, 0, None, (), None, f"stays dense: {reason}"))
        before, after = probe([lambda: dense(*args, **kwargs), lambda: changed(*args, **kwargs)], repeats, device)
    return changed, Report(_words(device), torch.get_num_threads(), margin, before, after, tuple(reports))


def _inputs_of(model: nn.Module, names: tuple[str, ...], args: tuple[Any, ...], kwargs: Any) -> dict[str, Tensor]:
    """The largest input of each of these layers in one forward."""
    inputs: dict[str, Tensor] = {}
    named: set[str] = set()

    def recorder(name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def record(_module: nn.Module, given: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            x = given[0] if given else keywords.get("input")
            if x is None:  # Hugging Face's Conv1D named it `x`, as no sparse layer does
                named.add(name)
            elif name not in inputs or x.numel() > inputs[name].numel():
                inputs[name] = x

        return record

    handles = [model.get_submodule(name).register_forward_pre_hook(recorder(name), with_kwargs=True) for name in names]
    try:
        model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return {name: x for name, x in inputs.items() if name not in named}


def _chosen(
    name: str,
    layer: nn.Module,
    x: Tensor | None,
    layouts: tuple[str, ...],
    margin: float,
    repeats: int,
    probe: Probe,
    device: torch.device,
) -> tuple[LayerReport, nn.Module | None]:
    """The report of one layer, and what replaces it."""
    matrix, _ = masked_matrix(layer)
    density = int(torch.count_nonzero(matrix)) / max(1, matrix.numel())
    rows = 0 if x is None else x.numel() // matrix.shape[1]

    def reported(seconds: float | None, tried: Iterable[Tried], chosen: str | None, why: str) -> LayerReport:
        return LayerReport(name, tuple(matrix.shape), density, rows, seconds, tuple(tried), chosen, why)

    if x is None or rows == 0:
        return reported(None, (), None, "stays dense: the example does not use it"), None
    built: dict[str, nn.Module] = {}
    refused: dict[str, str] = {}
    expected = layer(x)
    for layout in layouts:
        try:
            _check_fullness(matrix, layout)
            sparse = sparse_layer(layer, layout).eval()
            _check_outputs(sparse(x), expected)
        except Exception as refusal:  # what a device's kernels lack they say in their own ways
            refused[layout] = str(refusal)
        else:
            built[layout] = sparse
    if not built:
        tried = [Tried(layout, None, reason) for layout, reason in refused.items()]
        why = "; ".join(f"{t.layout}: {t.reason}" for t in tried) or f"no layout runs on {device.type}"
        return reported(None, tried, None, f"stays dense: {why}"), None
    runs = [partial(module, x) for module in (layer, *built.values())]
    dense_seconds, *times = probe(runs, repeats, device)
    seconds = dict(zip(built, times, strict=True))
    fastest = min(seconds, key=lambda layout: seconds[layout])
    speedup = dense_seconds / seconds[fastest]
    taken = speedup >= margin
    slow = f"below the margin of {margin:g}"
    tried = [
        Tried(layout, None, refused[layout])
        if layout in refused
        else Tried(layout, seconds[layout], "" if dense_seconds / seconds[layout] >= margin else slow)
        for layout in layouts
    ]
    verdict = f"{fastest} was {speedup:.2f} times as fast as masked dense"
    if not taken:
        return reported(dense_seconds, tried, None, f"stays dense: {verdict}, {slow}"), None
    return reported(dense_seconds, tried, fastest, verdict), built[fastest]


def _check_fullness(matrix: Tensor, layout: str) -> None:
    """Refuse blocks that the mask nearly fills."""
    block = check_layout(layout)
    if block < 2 or any(side % block for side in matrix.shape):
        return
    occupied = (matrix.reshape(matrix.shape[0] // block, block, -1, block) != 0).any(3).any(1)
    share = float(occupied.float().mean())
    if share > FULLEST:
        raise InvalidValue(f"{share:.0%} of the {block} × {block} blocks hold a weight that is not zero")


def _check_outputs(given: Tensor, expected: Tensor) -> None:
    """Refuse a layout that computes something else."""
    scale = max(float(expected.abs().max()), 1e-30)
    difference = float((given - expected).abs().max()) / scale
    limit = TOLERANCE.get(expected.dtype, 1e-4)
    if not difference <= limit:
        raise InvalidValue(f"its outputs differ by {difference:.2g} of the largest, more than {limit:g}")


def _words(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()

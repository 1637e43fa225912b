"""Three ledgers side by side, layer by layer: algorithmic FLOPs, executed FLOPs, measured time.

*Algorithmic* FLOPs pay for non-zeros only: what papers count. *Executed* FLOPs are what kernels do that multiply masked
weights like any other. Only *measured* time is time. A table that shows one of the three as if it were another is how a
sparse model comes to be called faster than it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from typing import Any

import torch
from torch import nn

from sparseift.errors import InvalidValue
from sparseift.example import Example
from sparseift.flops import FlopCount, count
from sparseift.masks.state import masks_of
from sparseift.timing import Times, time_forward

REST = "everything else"


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer, or what no layer with weights accounts for.

    Attributes:
        layer: the module's name; "everything else" for attention and other operators without weights, norms, unused
            parameters and the time between layers.
        kind: the module's type.
        shape: of its largest multiplied weight, as torch stores it; () for everything else.
        density: share of its multiplied weights that are active, 1 without masks.
        parameters, nonzeros: stored by the module itself, biases included; of them not masked.
        forward_flops: algorithmic, per sample: non-zeros only.
        executed_flops: per sample, as dense kernels do them.
        milliseconds: of one forward of one sample; None if it was not measured. A weight that is used outside of its
            module (a tied head) takes its time in everything else.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    density: float
    parameters: int
    nonzeros: int
    forward_flops: int
    executed_flops: int
    milliseconds: float | None


@dataclass(frozen=True, slots=True)
class CostTable:
    """What a model costs.

    Attributes:
        layers: in the order of their first use, those of unevenly used weights after the others; the last row is
            everything else.
        total: the sum of all rows; its density is that of all multiplied weights together.
    """

    layers: tuple[LayerCost, ...]
    total: LayerCost

    def step_flops(self, batch_size: int) -> tuple[int, int]:
        """Algorithmic and executed FLOPs of one training step: a backward costs two forwards.

        Mask updates are not in it (`sparseift.training_flops` has them). `FlopCounter` around a real step gives the
        executed FLOPs without the convention: no gradient for the first layer's input, recomputed attention scores.

        Raises:
            InvalidValue: the batch size is below 1.
        """
        if batch_size < 1:
            raise InvalidValue(f"batch_size is {batch_size}; it must be at least 1 sample.")
        return 3 * self.total.forward_flops * batch_size, 3 * self.total.executed_flops * batch_size

    def to_dataframe(self) -> Any:
        """One row per layer (without the total), columns as `LayerCost`.

        Raises:
            InvalidValue: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise InvalidValue("A DataFrame needs the package pandas: `pip install pandas`.") from error
        return pandas.DataFrame([asdict(r) for r in self.layers], columns=[f.name for f in fields(LayerCost)])

    def __str__(self) -> str:
        """Aligned plain text: numbers to the right, FLOPs in the unit that fits their total."""
        rows = self._cells()
        widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
        lines = [
            "  ".join(
                cell.ljust(width) if is_text else cell.rjust(width)
                for cell, width, (_, is_text) in zip(row, widths, _COLUMNS, strict=True)
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(len(line) for line in lines)
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def __rich__(self) -> Any:
        """The same cells as a table of rich, which calls this when it is given a `CostTable` to print."""
        header, *rows, total = self._cells()
        table = import_module("rich.table").Table()
        for title, (_, is_text) in zip(header, _COLUMNS, strict=True):
            table.add_column(title, justify="left" if is_text else "right")
        for row in rows:
            table.add_row(*row)
        table.add_section()
        table.add_row(*total)
        return table

    def _cells(self) -> list[Sequence[str]]:
        unit, size = next((u, n) for u, n in _UNITS if self.total.executed_flops >= n or n == 1)
        header = [title.format(unit) for title, _ in _COLUMNS]
        return [header, *(_cells_of(row, size) for row in (*self.layers, self.total))]


_UNITS = (("GFLOPs", 10**9), ("MFLOPs", 10**6), ("FLOPs", 1))
_COLUMNS = (  # title, and whether it holds text
    ("layer", True),
    ("kind", True),
    ("shape", True),
    ("density", False),
    ("parameters", False),
    ("non-zeros", False),
    ("algorithmic {}", False),
    ("executed {}", False),
    ("measured ms", False),
)


def _cells_of(row: LayerCost, unit: int) -> Sequence[str]:
    return (
        row.layer,
        row.kind,
        "×".join(map(str, row.shape)),
        f"{row.density:.3f}",
        f"{row.parameters:,}",
        f"{row.nonzeros:,}",
        *(f"{flops:,}" if unit == 1 else f"{flops / unit:,.3f}" for flops in (row.forward_flops, row.executed_flops)),
        "-" if row.milliseconds is None else f"{row.milliseconds:.3f}",
    )


def cost_table(model: nn.Module, example_input: Example, *, measure: bool = False, repeats: int = 20) -> CostTable:
    """What each layer of a model costs in one forward of one sample.

    Args:
        model: masked or not, on any device; it is left as it was.
        example_input: one sample; see `sparseift.flops.count`.
        measure: run the forward, in evaluation mode on the model's device, and time every layer.
        repeats: timed forwards, after as many as warm up; each layer's median counts.

    Raises:
        InvalidValue: as `count`; no repeats; a model on the meta device cannot be measured.
    """
    if repeats < 1:
        raise InvalidValue(f"repeats is {repeats}; it must be at least 1.")
    counted = count(model, example_input)
    masks = {name: int(torch.count_nonzero(mask)) for name, mask in masks_of(model).items()}
    parameters = {name: p.numel() for name, p in model.named_parameters()}
    active = parameters | {name: nonzeros for name, nonzeros in masks.items() if name in parameters}
    layers: dict[str, list[str]] = {}
    for name in (*counted.weights, *counted.uneven):
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    times = _times(model, example_input, layers, repeats) if measure else None
    rows = [_row(model, layer, weights, counted, parameters, active, times) for layer, weights in layers.items()]
    rest = sum(parameters.values()) - sum(r.parameters for r in rows)
    spent = None if times is None else times.total - sum(r.milliseconds or 0.0 for r in rows)
    free = counted.weight_free_flops
    rows.append(LayerCost(REST, "", (), 1.0, rest, rest, free, free, spent))
    multiplied = [name for weights in layers.values() for name in weights]
    return CostTable(
        tuple(rows),
        LayerCost(
            layer="total",
            kind=type(model).__name__,
            shape=(),
            density=_density(multiplied, parameters, active),
            parameters=sum(r.parameters for r in rows),
            nonzeros=sum(r.nonzeros for r in rows),
            forward_flops=sum(r.forward_flops for r in rows),
            executed_flops=sum(r.executed_flops for r in rows),
            milliseconds=None if times is None else times.total,
        ),
    )


def _row(
    model: nn.Module,
    layer: str,
    weights: Sequence[str],
    counted: FlopCount,
    parameters: Mapping[str, int],
    active: Mapping[str, int],
    times: Times | None,
) -> LayerCost:
    own = [name for name in parameters if name.rpartition(".")[0] == layer]
    uneven = sum(counted.uneven.get(name, 0) for name in weights)
    even = [counted.weights[name] for name in weights if name in counted.weights]
    return LayerCost(
        layer=layer,
        kind=type(model.get_submodule(layer)).__name__,
        shape=tuple(max((model.get_parameter(name) for name in weights), key=lambda p: p.numel()).shape),
        density=_density(weights, parameters, active),
        parameters=sum(parameters[name] for name in own),
        nonzeros=sum(active[name] for name in own),
        forward_flops=uneven + sum(w.flops(active[w.name]) for w in even),
        executed_flops=uneven + sum(w.flops(w.numel) for w in even),
        milliseconds=None if times is None else times.by_module.get(layer, 0.0),
    )


def _density(weights: Iterable[str], parameters: Mapping[str, int], active: Mapping[str, int]) -> float:
    weights = tuple(weights)
    stored = sum(parameters[name] for name in weights)
    return sum(active[name] for name in weights) / stored if stored else 1.0


def _times(model: nn.Module, example: Example, layers: Mapping[str, Sequence[str]], repeats: int) -> Times:
    """Milliseconds by layer; a tied weight's layer takes the time of every module that holds it."""
    holders = {
        layer: {
            name
            for name, module in model.named_modules()
            if {id(p) for p in module.parameters(recurse=False)} & {id(model.get_parameter(w)) for w in weights}
        }
        for layer, weights in layers.items()
    }
    times = time_forward(model, example, {n for names in holders.values() for n in names}, repeats)
    together = {layer: sum(times.by_module.get(n, 0.0) for n in names) for layer, names in holders.items()}
    return Times(times.total, together)

"""What `accelerate` tried on every layer, what it took, and why: records, and a table of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tried:
    """A layout on a layer.

    Attributes:
        layout: "csr", "bsr:16", "2:4", …
        seconds: median of one call on the layer's own input; None where it was not measured.
        reason: why it was not measured, or not taken in spite of its time; else empty.
    """

    layout: str
    seconds: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """A masked layer.

    Attributes:
        name: of the module; of the parameter where it is no linear layer's weight.
        shape: (out, in); () of what is no linear layer.
        density: share of the weights that are not zero.
        rows: of its input in the example, all leading dimensions together; 0 where the example does not reach it.
        dense_seconds: median of one call of the masked-dense layer; None where nothing was measured.
        tried: the candidates in the order given.
        chosen: the layout taken; None: it stays masked dense.
        why: of the choice, in words.
    """

    name: str
    shape: tuple[int, ...]
    density: float
    rows: int
    dense_seconds: float | None
    tried: tuple[Tried, ...]
    chosen: str | None
    why: str

    @property
    def speedup(self) -> float:
        """Masked-dense time over the chosen layout's; 1 where it stays dense."""
        taken = next((t.seconds for t in self.tried if t.layout == self.chosen), None)
        return self.dense_seconds / taken if self.dense_seconds and taken else 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """Of a whole model, for inference on the example's shapes. Training is not accelerated.

    Attributes:
        device: in words; threads: that torch used on the CPU.
        margin: how many times faster a layout had to be.
        dense_seconds, seconds: median of one forward of the example before and after.
        layers: every masked one.
    """

    device: str
    threads: int
    margin: float
    dense_seconds: float
    seconds: float
    layers: tuple[LayerReport, ...]

    @property
    def speedup(self) -> float:
        """Of the whole forward."""
        return self.dense_seconds / self.seconds

    def __str__(self) -> str:
        """A table for the terminal; times are medians in microseconds."""
        head = ("layer", "shape", "density", "rows", "dense us", "chosen", "speedup", "tried")
        rows = [head]
        for layer in self.layers:
            tried = ", ".join(
                f"{t.layout} {_microseconds(t.seconds)}" if t.seconds is not None else f"{t.layout} -"
                for t in layer.tried
            )
            rows.append(
                (
                    layer.name or "(model)",
                    " x ".join(map(str, layer.shape)) or "-",
                    f"{layer.density:.3f}",
                    str(layer.rows),
                    _microseconds(layer.dense_seconds),
                    layer.chosen or "dense",
                    f"{layer.speedup:.2f}",
                    tried,
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        reasons = [f"{layer.name or '(model)'}: {layer.why}" for layer in self.layers]
        return "\n".join(
            [
                f"Inference on {self.device}, {self.threads} threads; a layout is taken when {self.margin:g}x faster. "
                "Training is not accelerated.",
                *lines,
                *reasons,
                f"Whole forward: {_microseconds(self.dense_seconds)} us masked dense, "
                f"{_microseconds(self.seconds)} us now ({self.speedup:.2f}x).",
            ]
        )


def _microseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e6:.0f}"

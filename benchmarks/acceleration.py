"""What sparse layouts buy on a CPU: a masked linear layer in them over the same layer masked dense.

Run: python benchmarks/acceleration.py [--width N] [--rounds N]. Variants take turns in one process, whose CPU time
counts, so that the ratios hold on a busy machine; medians and the middle half over rounds are printed. "csr" is on an
unstructured mask, "bsr:32" on a mask of 32 x 32 blocks. Inference is one call; training is forward and backward with
the gradients of input and weights, and the projection of the masked-dense weights. Nothing here is a test.
"""

import argparse
import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from sparseift.acceleration.csr_linear import CsrLinear
from sparseift.export.layouts import sparse_layer

SPARSITIES = (0.5, 0.75, 0.9, 0.95, 0.99)
BATCHES = (64, 512)
BLOCK = 32


def masked_linear(width: int, sparsity: float, block: int, seed: int = 0) -> nn.Linear:
    """A square layer with a random mask of blocks; a block of 1 is an unstructured mask."""
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(width, width)
    blocks = (width // block) ** 2
    keep = torch.zeros(blocks, dtype=torch.uint8)
    keep[torch.randperm(blocks, generator=generator)[: round(blocks * (1 - sparsity))]] = 1
    mask = keep.view(width // block, -1).repeat_interleave(block, 0).repeat_interleave(block, 1)
    layer.register_buffer("weight_mask", mask)
    with torch.no_grad():
        layer.weight.mul_(mask)
    return layer


def ratios(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float, float]]:
    """Time of the first variant over each other's: quartiles over rounds."""
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            before = time.process_time()
            run()
            spent[name].append(time.process_time() - before)
    base, *others = spent
    quartiles = {}
    for name in others:
        low, middle, high = statistics.quantiles([a / b for a, b in zip(spent[base], spent[name], strict=True)], n=4)
        quartiles[name] = (low, middle, high)
    return quartiles


def inference(width: int, batch: int, sparsity: float, rounds: int) -> str:
    """One row of the first table."""
    x = torch.randn(batch, width)
    cells = []
    for layout, block in (("csr", 1), (f"bsr:{BLOCK}", BLOCK)):
        dense = masked_linear(width, sparsity, block)
        sparse = sparse_layer(dense, layout)
        with torch.no_grad():
            torch.testing.assert_close(sparse(x), dense(x), rtol=0, atol=1e-4)
            found = ratios({"dense": lambda d=dense: d(x), layout: lambda s=sparse: s(x)}, rounds)
        cells.append(_cell(layout, found[layout]))
    return "  ".join(cells)


def training(width: int, batch: int, sparsity: float, rounds: int) -> str:
    """One row of the second table."""
    dense = masked_linear(width, sparsity, 1)
    sparse = CsrLinear(masked_linear(width, sparsity, 1))
    x = torch.randn(batch, width, requires_grad=True)
    gradient = torch.randn(batch, width)
    mask = dense.weight_mask

    def step(layer: nn.Module) -> None:
        layer(x).backward(gradient)
        layer.zero_grad()
        x.grad = None
        if layer is dense:
            with torch.no_grad():
                dense.weight.mul_(mask)

    return _cell("csr", ratios({"dense": lambda: step(dense), "csr": lambda: step(sparse)}, rounds)["csr"])


def _cell(name: str, quartiles: tuple[float, float, float]) -> str:
    low, middle, high = quartiles
    return f"{name} {middle:5.2f}x [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1024, help="features in and out (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=25, help="measurements of each variant (default %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{datetime.date.today()}  torch {torch.__version__}  CPU, {os.cpu_count()} cores ({platform.machine()}), "
        "one thread, float32"
    )
    print(f"A {arguments.width} x {arguments.width} linear layer: speed over masked dense, median [middle half]")
    for title, row in (("Inference", inference), ("Training with fixed masks, forward and backward", training)):
        print(f"\n{title}")
        for batch in BATCHES:
            for sparsity in SPARSITIES:
                found = row(arguments.width, batch, sparsity, arguments.rounds)
                print(f"  batch {batch:>3}  s = {sparsity:<4}  {found}", flush=True)


if __name__ == "__main__":
    main()

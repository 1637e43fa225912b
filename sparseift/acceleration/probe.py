"""How long functions take beside each other: interleaved, warmed up, medians."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch

SHORTEST_SECONDS = 1e-3  # of one measurement; what is faster is called several times within it
MOST_CALLS = 100

Run = Callable[[], object]
# (functions, repeats, device) -> seconds of one call of each.
Probe = Callable[[Sequence[Run], int, torch.device], Sequence[float]]


def measure(runs: Sequence[Run], repeats: int, device: torch.device) -> list[float]:
    """Median wall seconds of one call of each function.

    In every round each function is measured once, so that a slow moment of the machine hits all of them; every
    measurement ends with a synchronisation on an accelerator.

    Args:
        repeats: rounds.
        device: on which the functions compute.
    """
    calls = []
    for run in runs:
        run()  # what is only done once: allocation, autotuning
        calls.append(min(MOST_CALLS, max(1, round(SHORTEST_SECONDS / max(_seconds(run, 1, device), 1e-9)))))
    spent: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for run, count, seconds in zip(runs, calls, spent, strict=True):
            seconds.append(_seconds(run, count, device))
    return [statistics.median(seconds) for seconds in spent]


def _seconds(run: Run, count: int, device: torch.device) -> float:
    """Of one of `count` calls."""
    _synchronise(device)
    before = time.perf_counter()
    for _ in range(count):
        run()
    _synchronise(device)
    return (time.perf_counter() - before) / count


def _synchronise(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)

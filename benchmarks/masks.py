"""What masks cost on this machine: the step over the dense step, and one mask update over two full sorts.

Run: python benchmarks/masks.py [--device cpu|cuda] [--rounds N]. Variants are interleaved in one process, so that the
ratios hold on a noisy machine; medians and the middle half over rounds are printed. Nothing here is a test.
"""

import argparse
import datetime
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from sparseift import catalog
from sparseift.building import build_sparse
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.scores import DYNAMIC_METHODS
from sparseift.masks.state import masks_of
from sparseift.masks.trainer import MaskTrainer
from sparseift.masks.update import drop_and_grow
from sparseift.records import DataShape

IMAGES = DataShape("images", (3, 32, 32), 10, 50_000)
TEXT = DataShape("text", (64,), 1024, 100_000)
CASES = {
    # name -> model, arguments of the dense one, data, batch, optimizer, share of the rounds
    "GPT, AdamW, 16 x 64 tokens": ("gpt", {"width": 64, "layers": 7, "heads": 4}, TEXT, 16, "adamw", 1.0),
    "ResNet-18, SGD, 8 images": ("resnet18", {"width": 32}, IMAGES, 8, "sgd", 0.25),
}
VARIANTS = ("dense", "static", "set", "rigl")
DELTA_T_STEPS = 100


def clock(device: str) -> float:
    """Seconds: of this process's CPU on the CPU, after a synchronisation on an accelerator."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def stepper(case: str, variant: str, device: str) -> Callable[[int], None]:
    """A function that trains the same masked architecture for so many steps; "dense" leaves the masks out."""
    name, arguments, shape, batch, optimizer_name, _ = CASES[case]
    card = catalog.get("model", name)
    model, _ = build_sparse(card, arguments, shape, "sparse_wide", 0.75, seed=0)
    model = model.to(device)
    parameters = list(model.parameters())
    optimizer = (
        torch.optim.AdamW(parameters, lr=1e-3, fused=True)
        if optimizer_name == "adamw"
        else torch.optim.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True)
    )
    if variant != "dense":
        schedule = MaskSchedule(variant, delta_t_steps=DELTA_T_STEPS, t_end_fraction=1.0)
        MaskTrainer(model, optimizer, schedule, total_steps=10**9, seed=0)
    generator = torch.Generator().manual_seed(0)
    if shape.task == "text":
        x = torch.randint(shape.outputs, (batch, *shape.input_shape), generator=generator).to(device)
        y = x.roll(-1, 1)
    else:
        x = torch.randn(batch, *shape.input_shape, generator=generator).to(device)
        y = torch.randint(shape.outputs, (batch,), generator=generator).to(device)

    def run(steps: int) -> None:
        for _ in range(steps):
            logits = model(x)
            loss = nn.functional.cross_entropy(logits.flatten(0, -2), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def step_overhead(device: str, rounds: int) -> None:
    """Print masked step time over dense step time, updates every 100 steps amortised."""
    print(f"\nStep time over the same network's step without masks (dT = {DELTA_T_STEPS} steps, updates amortised)")
    for case in CASES:
        runs = {variant: stepper(case, variant, device) for variant in VARIANTS}
        for run in runs.values():
            run(3)
        spent: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for _ in range(max(4, int(rounds * CASES[case][-1]))):
            for variant, run in runs.items():  # interleaved: a slow moment of the machine hits all variants
                before = clock(device)
                run(DELTA_T_STEPS // 4)
                spent[variant].append(clock(device) - before)
        quarters = 4  # a ΔT is four rounds, so totals over a multiple of four rounds hold whole update intervals
        whole = len(spent["dense"]) // quarters * quarters
        dense = sum(spent["dense"][:whole])
        cells = "  ".join(f"{v} {sum(spent[v][:whole]) / dense:.3f}" for v in VARIANTS[1:])
        medians = "  ".join(
            f"{v} {statistics.median(a / b for a, b in zip(spent[v], spent['dense'], strict=True)):.3f}"
            for v in VARIANTS[1:]
        )
        print(f"  {case}: ratio of totals {cells} | median ratio {medians}")


def two_sorts(weight: torch.Tensor, gradient: torch.Tensor, mask: torch.Tensor, fraction: float) -> torch.Tensor:
    """The reference update: one full sort to drop and one to grow."""
    flat = mask.view(-1).bool()
    count = int(fraction * int(flat.sum()))
    magnitude = weight.abs().view(-1).masked_fill(~flat, float("inf"))
    kept = flat.clone()
    kept[torch.sort(magnitude).indices[:count]] = False
    score = gradient.abs().view(-1).masked_fill(kept, -1.0)
    kept[torch.sort(score, descending=True).indices[:count]] = True
    return kept


def update_time(device: str, rounds: int) -> None:
    """Print the time of one drop-and-grow over the reference's."""
    print("\nOne RigL mask update (30 %, density .25) over a reference with two full sorts")
    for millions in (1, 4, 25):
        side = int((millions * 1_000_000) ** 0.5)
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(side, side, generator=generator).to(device)
        gradient = torch.randn(side, side, generator=generator).to(device)
        mask = (torch.rand(side, side, generator=generator) < 0.25).to(torch.uint8).to(device)
        on_device = torch.Generator(device=device).manual_seed(0)
        ratios = []
        for _ in range(max(3, rounds // (millions + 1))):
            before = clock(device)
            two_sorts(weight, gradient, mask, 0.3)
            reference = clock(device) - before
            trial = mask.clone()
            before = clock(device)
            drop_and_grow(weight, gradient, trial, DYNAMIC_METHODS["rigl"], 0.3, on_device)
            ratios.append((clock(device) - before) / reference)
            assert int(trial.sum()) == int(mask.sum())
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"  {millions:>2}M weights: {middle:.3f} of the reference [{low:.3f}, {high:.3f}]")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=24, help="measurements of each variant (default %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else f"CPU ({platform.machine()}), one thread"
    print(f"{datetime.date.today()}  torch {torch.__version__}  {where}")
    for case, (name, model_arguments, shape, *_) in CASES.items():
        model, _ = build_sparse(catalog.get("model", name), model_arguments, shape, "sparse_wide", 0.75)
        masked = sum(m.numel() for m in masks_of(model).values())
        print(f"  {case}: sparse_wide at .75, {masked:,} masked of {sum(p.numel() for p in model.parameters()):,}")
    step_overhead(arguments.device, arguments.rounds)
    update_time(arguments.device, arguments.rounds)


if __name__ == "__main__":
    main()

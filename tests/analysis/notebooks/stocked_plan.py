"""What the stocked jobs are of: their plan, what they asked for, and values that are made up and fixed.

Sparse Wide is best at 75 %, dense needs about twice the FLOPs to reach it.
"""

import math
from typing import Any

from sparseift.records import DENSE, Budget, JobSpec, Metric, Named, Plan, Point, Space, derive_seed
from store.tables import Trial

BEGAN_S = 1_790_000_000.0
FOREVER_S = 4e9  # a lease that nobody reaps
STEPS, BATCH = 4000, 128
DENSE_FLOPS = 2_000_000
DENSE_TRAINING_FLOPS = 3.0 * DENSE_FLOPS * STEPS * BATCH
METRIC = Metric("accuracy", "%", "maximize")
LEVELS = (0.5, 0.75, 0.9, 0.95)
SURFACE = {
    "sparse_wide": (78.1, 79.6, 79.0, 77.4),
    "sparse_parallel": (77.5, 78.3, 78.0, 76.9),
    "sparse_factorized": (77.2, 77.9, 78.4, 77.0),
    "sparse_doped": (77.6, 77.1, 76.5, 75.8),
}
LADDER = {1.41: 78.1, 2.0: 79.2, 4.0: 80.6}
BASE, NOISE = 76.9, 0.25
SLOTS = ("desk/cuda:0", "desk/cuda:1", "rack/cuda:0")


def point(family: str, sparsity: float, multiple: float = 1.0) -> Point:
    """A point with plausible sizes."""
    flops = int(DENSE_FLOPS * multiple)
    executed = int(flops / max(0.05, 1 - sparsity))
    parameters = int(11_000_000 * multiple / max(0.05, 1 - sparsity))
    scale = f"width {64 / math.sqrt(max(0.05, 1 - sparsity)):.0f}"
    return Point(family, sparsity, True, "", sparsity, scale, flops, executed, 1.0, parameters, 11_000_000)


PLAN = Plan(
    METRIC,
    STEPS,
    BATCH,
    point(DENSE, 0.0),
    tuple(point(f, s) for f in SURFACE for s in LEVELS),
    DENSE_TRAINING_FLOPS,
    1_000_000_000,
    tuple(point(DENSE, 0.0, m) for m in LADDER),
)
SPEC = JobSpec(
    "ResNet-18 on CIFAR-100",
    Named("resnet18", {"width": 64}),
    Named("cifar100"),
    tuple(SURFACE),
    Space(sparsities=LEVELS),
    Budget(48, 3),
    seed=7,
    ladder=tuple(LADDER),
)
CONFIRM_SEEDS = tuple(derive_seed(SPEC.seed, "confirm", i) for i in range(SPEC.budget.confirm_seeds))
ENVIRONMENT = {
    "sparseift": "0.1.0",
    "python": "3.11.9",
    "torch": "2.9.1",
    "device": "NVIDIA H200",
    "git_commit": "4d8e1d2",
}


def layers(trial: Trial) -> list[dict[str, Any]]:
    """What `sparseift.training.layers` would leave: a dense stem and head around masked blocks, denser where narrow."""
    rows = []
    for i, (name, width) in enumerate((("stem", 27), ("block1", 64), ("block2", 128), ("block3", 256), ("head", 100))):
        is_masked = trial.family != DENSE and name.startswith("block")
        weights, uses = 64 * width * (9 if is_masked else 1), 1024 >> 2 * i
        share = 1 - trial.sparsity * (0.8 + 0.2 * i / 3) if is_masked else 1.0
        active = round(weights * share)
        rows.append(
            {"name": f"{name}.weight", "shape": [64, weights // 64], "weights": weights, "active": active,
             "flops": 2 * active * uses, "executed_flops": 2 * weights * uses, "masked": is_masked}
        )  # fmt: skip
    return rows

"""Record real learning curves for the benchmarks that replay them: the demo's GPT, every family.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/curves.py --data DATA_FOLDER --to benchmarks/results/curves.json

Random configurations of each family, evaluated four times in their run; what is there already is
not trained again, so an interrupted recording goes on.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

from sparseift.planning import make_plan
from sparseift.records import (
    DENSE,
    Budget,
    Configuration,
    JobSpec,
    Named,
    Plan,
    Progress,
    Space,
    TrialSpec,
    derive_seed,
)
from sparseift.training.run import run
from worker.space import walk

FAMILIES = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
SPEC = JobSpec(  # sparseift/cli/demo.yaml, one sparsity more and four evaluations instead of one
    name="curves",
    model=Named("gpt", {"width": 64, "layers": 2, "heads": 4}),
    dataset=Named("sotu", {"vocabulary": 1024, "context": 64}),
    families=FAMILIES,
    space=Space(sparsities=(0.5, 0.6, 0.75), delta_t_steps=(20, 100)),
    budget=Budget(search_trials=24),
    training={
        "steps": 300,
        "batch_size": 16,
        "learning_rate": 0.008,
        "warmup_fraction": 0.5,
        "evaluations": 4,
        "reports": 4,
        "checkpoints": 0,
    },
)


def configurations(plan: Plan, per_family: int) -> list[Configuration]:
    """Random ones, all different, the families in turn."""
    dice = random.Random(0)
    found: dict[str, list[Configuration]] = {f: [] for f in FAMILIES}
    for family, chosen in found.items():
        while len(chosen) < per_family:
            configuration = walk(SPEC.space, plan, family, lambda axis: dice.randrange(len(axis.values)))
            if configuration not in chosen:
                chosen.append(configuration)
    return [found[f][i] for i in range(per_family) for f in FAMILIES]


def record(configuration: Configuration, seed: int, data: Path) -> dict[str, Any]:
    """One training: its curve as (step, bits per byte, training FLOPs so far)."""
    reports: list[Progress] = []
    trial = TrialSpec(
        SPEC.model, SPEC.dataset, SPEC.training, configuration, SPEC.scope, SPEC.nonlinearity, seed, evaluate_test=False
    )
    result = run(trial, data_folder=data, checkpoint_folder=None, report=reports.append, threads=1)
    curve = [(r.step, round(r.value, 6), r.training_flops) for r in reports if r.value is not None]
    return {
        "configuration": configuration.canonical(),
        "seed": seed,
        "value": round(result.value, 6),
        "curve": curve,
        "seconds": round(result.seconds, 1),
    }


def main() -> None:
    """Train what is missing, seed by seed, and write after each."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--data", type=Path, required=True)
    line.add_argument("--to", type=Path, required=True)
    line.add_argument("--per-family", type=int, default=6)
    line.add_argument("--seeds", type=int, default=1)
    arguments = line.parse_args()
    plan = make_plan(SPEC)
    runs: list[dict[str, Any]] = json.loads(arguments.to.read_text())["runs"] if arguments.to.exists() else []
    known = {(Configuration.from_json(r["configuration"]).key, r["seed"]) for r in runs}
    wanted = [Configuration(DENSE), *configurations(plan, arguments.per_family)]
    for seed in (derive_seed(0, "curves", i) for i in range(arguments.seeds)):
        for configuration in wanted:
            if (configuration.key, seed) in known:
                continue
            runs.append(record(configuration, seed, arguments.data))
            lines = ",\n".join(json.dumps(r) for r in runs)
            arguments.to.write_text(
                f'{{"metric": "bits/byte", "spec": {json.dumps(SPEC.to_json())}, "runs": [\n{lines}\n]}}\n'
            )
            print(
                configuration.family,
                configuration.nominal_sparsity,
                seed,
                runs[-1]["value"],
                runs[-1]["seconds"],
                flush=True,
            )


if __name__ == "__main__":
    main()

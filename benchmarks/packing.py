"""Four trainings on one device: packed beside one another, against one after another.

    PYTHONPATH=. python benchmarks/packing.py                     # four slots that share the GPU, against one
    PYTHONPATH=. python benchmarks/packing.py --device cpu --packed 2

Each side is a real worker (`python -m worker`) with a job whose dense baseline has four seeds; the time is from the
start of the first of the four attempts to the end of the last, by the database's clock, the child processes' own start
excluded on neither side. Small models leave a GPU idle between kernels; that is what packing uses.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import select

from sparseift.planning import make_plan
from sparseift.records import Budget, JobSpec, Named, Space
from store import jobs, migrate, verbs
from store.sessions import Database
from store.tables import Attempt, Trial

SEEDS = 4
LIMIT_S = 900.0


def specification(epochs: int) -> JobSpec:
    """A job that begins with four dense trainings of a small residual network on the built-in digits."""
    training = {"epochs": epochs, "batch_size": 64, "evaluations": 1, "reports": 4, "checkpoints": 0}
    space = Space(sparsities=(0.75,), methods=("static",))
    budget = Budget(search_trials=1, confirm_seeds=SEEDS)
    families = ("sparse_parallel",)
    return JobSpec(
        "packing", Named("resnet"), Named("digits"), families, space, budget, training=training, in_flight=SEEDS
    )


def baseline_attempts(database: Database, job_id: str) -> list[Attempt]:
    """The attempts of the dense baseline so far."""
    query = select(Attempt).join(Trial, Attempt.trial_id == Trial.id)
    with database.read() as session:
        return list(session.scalars(query.where(Trial.job_id == job_id, Trial.kind == "baseline")))


def seconds(folder: Path, spec: JobSpec, device: str, slots: int) -> tuple[float, float]:
    """(from the first start to the last end, the mean attempt) of the four trainings on so many slots.

    Raises:
        SystemExit: an attempt failed, or they took too long.
    """
    url = f"sqlite:///{folder / 'packing.db'}"
    migrate.upgrade(url)
    database = Database(url)
    with database.write() as session:
        job_id = jobs.create(session, spec, make_plan(spec))[0].id
    command = [sys.executable, "-m", "worker", "--database", url, "--artifacts", str(folder / "artifacts")]
    command += ["--data", str(folder), "--until-idle", "--devices", device, "--slots", str(slots)]
    if device != "cpu":
        command += ["--gpu-fraction", str(1.0 / slots)]
    with (folder / "worker.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as worker:
        give_up = time.monotonic() + LIMIT_S
        while time.monotonic() < give_up and worker.poll() is None:
            done = baseline_attempts(database, job_id)
            if len(done) == SEEDS and all(a.ended_at_s for a in done):
                break
            time.sleep(0.2)
        with database.write() as session:
            if jobs.get(session, job_id).state in jobs.ACTIVE:
                verbs.cancel(session, job_id)
        worker.wait(timeout=120)
    done = baseline_attempts(database, job_id)
    database.close()
    if len(done) != SEEDS or any(a.state != "finished" for a in done):
        raise SystemExit((folder / "worker.log").read_text()[-2000:])
    ends = [a.ended_at_s or 0.0 for a in done]
    spent = [end - a.started_at_s for end, a in zip(ends, done, strict=True)]
    return max(ends) - min(a.started_at_s for a in done), sum(spent) / SEEDS


def main() -> None:
    """Print both sides and their ratio."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--device", default="cuda:0")
    line.add_argument("--packed", type=int, default=SEEDS, help="slots that share the device")
    line.add_argument("--epochs", type=int, default=20)
    line.add_argument("--rounds", type=int, default=2)
    given = line.parse_args()
    print(f"{SEEDS} trainings of a small residual network on digits, {given.epochs} epochs, on {given.device}")
    print(f"{'slots':>6} {'all four, s':>12} {'one, s':>8}")
    sides: dict[int, list[float]] = {1: [], given.packed: []}
    for _ in range(given.rounds):
        for slots, found in sides.items():
            with tempfile.TemporaryDirectory() as path:
                whole, one = seconds(Path(path), specification(given.epochs), given.device, slots)
            found.append(whole)
            print(f"{slots:>6} {whole:>12.1f} {one:>8.1f}", flush=True)
    print(f"packed over one after another: {min(sides[given.packed]) / min(sides[1]):.2f} (of the quicker rounds)")


if __name__ == "__main__":
    main()

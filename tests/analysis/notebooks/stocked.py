"""A database as workers leave it: jobs in every state with attempts, reports, events and logs, at times that differ.

Seeds, order and files are the worker's (`worker.search`, `worker.order`); `test_stocked.py` holds them against these.
"""

import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Configuration, Point, derive_seed
from store.tables import Attempt, Event, Job, Report, Trial, Worker
from tests.analysis.notebooks.stocked_plan import (
    BASE,
    BATCH,
    BEGAN_S,
    CONFIRM_SEEDS,
    DENSE_FLOPS,
    ENVIRONMENT,
    FOREVER_S,
    LADDER,
    LEVELS,
    NOISE,
    PLAN,
    SLOTS,
    SPEC,
    STEPS,
    SURFACE,
    layers,
    point,
)


@dataclass
class Course:
    """One job as it is written.

    Attributes:
        trials: how many have been written; free: when each slot is free again (seconds after `BEGAN_S`).
    """

    session: Session
    job: Job
    logs: Path
    random: random.Random
    trials: int = 0
    free: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SLOTS, 0.0))

    def event(self, at: float, kind: str, **payload: Any) -> None:
        """Appends to the job's log."""
        self.session.add(Event(job_id=self.job.id, at_s=BEGAN_S + at, kind=kind, payload=payload))

    def trial(self, configuration: Configuration, at: Point, seed: int, kind: str, state: str, value: float) -> Trial:
        """A trial in a state, with its attempts and their reports."""
        number, self.trials = self.trials, self.trials + 1
        is_complete = state == "complete"
        slot = min(self.free, key=lambda s: self.free[s])
        began = self.free[slot] + 2.0
        share = {"complete": 1.0, "waiting": 0.0}.get(state, 0.45)
        took = 55.0 + 10.0 * self.random.random()
        ended = began + took * share
        reason, message = {
            "failed": ("diverged", "The loss is not finite at step 1800."),
            "pruned": ("median", "Behind its family's median at equal training FLOPs."),
        }.get(state, ("", ""))
        trial = Trial(
            job_id=self.job.id,
            number=number,
            kind=kind,
            family=configuration.family,
            configuration=configuration.canonical(),
            configuration_key=configuration.key,
            sparsity=at.sparsity,
            scale=at.scale,
            seed=seed,
            state=state,
            reason=reason,
            message=message,
            created_at_s=BEGAN_S + began - 1,
            ended_at_s=None if state in ("waiting", "running") else BEGAN_S + ended,
            value=value if is_complete else None,
            test_value=value - 0.4 if is_complete and kind != "search" else None,
            forward_flops_per_sample=at.forward_flops,
            executed_flops_per_sample=at.executed_flops,
            flop_ratio=at.forward_flops / DENSE_FLOPS,
            training_flops=3.0 * at.forward_flops * STEPS * BATCH * (1 + 0.002 * self.random.random()),
            parameters=at.parameters,
            nonzero_parameters=at.nonzero_parameters,
            training_seconds=took if is_complete else None,
        )
        self.session.add(trial)
        self.session.flush()
        self.event(began - 1, "trial.waiting", trial=number, state="waiting")
        if state == "waiting":
            return trial
        is_lost = number % 17 == 5
        if is_lost:  # an attempt that the infrastructure lost, and the one that went on
            middle = began + 0.3 * took
            self._attempt(trial, 1, slot, began, middle, 0.0, 0.3, value, "lost", "infrastructure", "worker was killed")
            began, ended = middle + 3.0, ended + 3.0
        end = {"complete": "finished", "pruned": "finished", "failed": "failed"}.get(state, "running")
        first = 0.3 if is_lost else 0.0
        failure = ("diverged", message) if state == "failed" else ("", "")
        self._attempt(trial, 2 if is_lost else 1, slot, began, ended, first, share, value, end, *failure)
        if end != "running":
            attempt = 2 if is_lost else 1
            self.event(ended, f"trial.{state}", trial=number, attempt=attempt, state=state, reason=reason)
        self.free[slot] = 1e9 if end == "running" else ended
        return trial

    def _attempt(
        self, trial: Trial, number: int, slot: str, began: float, ended: float, first: float, last: float,
        value: float, state: str, failure: str, message: str,
    ) -> None:  # fmt: skip
        is_running = state == "running"
        path = f"{self.job.id}/{trial.number:05d}-{number:03x}/attempt.log"
        attempt = Attempt(
            trial_id=trial.id,
            number=number,
            state=state,
            token=f"{trial.id:032x}",
            lease_expires_at_s=FOREVER_S,
            worker=slot.split("/")[0] + "/1f2e",
            slot=slot,
            started_at_s=BEGAN_S + began,
            ended_at_s=None if is_running else BEGAN_S + ended,
            failure_class=failure,
            message=message,
            environment=ENVIRONMENT,
            log_path=path,
        )
        self.session.add(attempt)
        self.session.flush()
        self.event(began, "attempt.started", trial=trial.number, attempt=number, state="running", slot=slot)
        if state == "lost":
            self.event(ended, "attempt.lost", trial=trial.number, attempt=number, state=trial.state)
        schedule = trial.configuration.get("schedule") or {}
        steps = [s for s in range(200, STEPS + 1, 200) if first * STEPS < s <= last * STEPS]
        lines = [f"trial {trial.number} attempt {number} on {slot}"]
        for step in steps:
            share = step / STEPS
            loss = 4.4 * math.exp(-2.2 * share) + 0.4 + 0.02 * self.random.random()
            moving = "delta_t_steps" in schedule and share <= schedule["t_end_fraction"]
            churn = schedule["drop_fraction"] * 0.5 * (1 + math.cos(math.pi * share)) if moving else None
            itop = None
            if trial.family != DENSE:
                density = 1 - trial.sparsity
                itop = (
                    density + (1 - density) * 0.6 * (1 - math.exp(-3 * share))
                    if "delta_t_steps" in schedule
                    else density
                )
            lines.append(f"step {step:5d}  loss {loss:.4f}")
            self.session.add(
                Report(
                    attempt_id=attempt.id,
                    step=step,
                    total_steps=STEPS,
                    train_loss=loss,
                    value=value - 18 * math.exp(-4 * share) + 0.2 * self.random.random() if step % 400 == 0 else None,
                    training_flops=(trial.training_flops or 0.0) * share,
                    sparsity=trial.sparsity,
                    churn=churn,
                    itop=itop,
                    seconds=60 * share,
                )
            )
        file = self.logs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")
        if not is_running:
            table = {"format": 1, "step": STEPS if state == "finished" else 0, "layers": layers(trial)}
            file.with_name("layers.json").write_text(json.dumps(table))


def _job(session: Session, number: int, name: str, state: str, logs: Path, **values: Any) -> Course:
    ended = None if state in ("queued", "running", "paused", "stopping") else BEGAN_S + 2000.0
    job = Job(
        id=f"job_{number:026d}",
        name=name,
        spec=SPEC.to_json(),
        plan=PLAN.to_json(),
        state=state,
        created_at_s=BEGAN_S - 10 + number,
        updated_at_s=BEGAN_S + 2000.0 + number,
        started_at_s=None if state == "queued" else BEGAN_S,
        ended_at_s=ended,
        active_s=0.0 if state == "queued" else 2000.0,
        lease_owner="desk/1f2e" if state == "running" else None,
        lease_token="t" if state == "running" else None,
        lease_expires_at_s=FOREVER_S if state == "running" else None,
        **values,
    )
    session.add(job)
    session.flush()
    course = Course(session, job, logs, random.Random(number))
    course.event(-10.0, "job.queued", state="queued", name=name)
    return course


def _dense(course: Course, seeds: tuple[int, ...]) -> None:
    """The baseline, on the very seeds that confirmations will have."""
    for seed in seeds:
        value = BASE + course.random.gauss(0, NOISE)
        course.trial(Configuration(DENSE), PLAN.dense, seed, "baseline", "complete", value)


def _search(course: Course, count: int) -> None:
    families = list(SURFACE)
    repeats: dict[str, int] = {}
    for i in range(count):
        family, level = families[i % 4], (i // 4) % 4
        delta = (100, 200, 400)[(i // 16) % 3]
        schedule = MaskSchedule("static") if i % 16 in (0, 5) else MaskSchedule("rigl", delta_t_steps=delta)
        state = "failed" if i % 16 == 9 else "pruned" if i % 16 == 14 else "complete"
        at = point(family, LEVELS[level])
        value = SURFACE[family][level] - 0.3 * (delta == 400) + course.random.gauss(0, NOISE)
        configuration = Configuration(family, LEVELS[level], schedule)
        repeat = repeats[configuration.key] = repeats.get(configuration.key, -1) + 1
        seed = derive_seed(SPEC.seed, "search", repeat)  # shared over configurations
        course.trial(configuration, at, seed, "search", state, value)


def finished(session: Session, logs: Path) -> Job:
    """A confirmed search with a dense ladder: 48 trials searched, four families on dense's three fresh seeds."""
    course = _job(session, 4, SPEC.name, "succeeded", logs, reason="done", message="Every trial has ended.")
    _dense(course, CONFIRM_SEEDS)
    _search(course, 48)
    chosen = (("sparse_wide", 1), ("sparse_parallel", 1), ("sparse_factorized", 2), ("sparse_doped", 0))
    for seed in CONFIRM_SEEDS:
        for family, level in chosen:
            configuration = Configuration(family, LEVELS[level], MaskSchedule("rigl", delta_t_steps=100))
            value = SURFACE[family][level] + course.random.gauss(0, NOISE)
            course.trial(configuration, point(family, LEVELS[level]), seed, "confirm", "complete", value)
    for seed in CONFIRM_SEEDS:
        for multiple, mean in LADDER.items():
            value = mean + course.random.gauss(0, NOISE)
            configuration = Configuration(DENSE, flop_multiple=multiple)
            course.trial(configuration, point(DENSE, 0.0, multiple), seed, "ladder", "complete", value)
    course.event(2000.0, "job.succeeded", state="succeeded")
    return course.job


def partial(session: Session, logs: Path) -> Job:
    """A search that runs: 26 of its trials have ended, three run, one waits."""
    course = _job(session, 3, "ResNet-18, second try", "running", logs)
    course.event(0.0, "job.running", state="running", worker="desk/1f2e")
    _dense(course, CONFIRM_SEEDS)
    _search(course, 23)
    for i, state in enumerate(("running", "running", "running", "waiting")):
        family = list(SURFACE)[i]
        configuration = Configuration(family, 0.9, MaskSchedule("rigl", delta_t_steps=200))
        seed = derive_seed(SPEC.seed, "search", 0)
        course.trial(configuration, point(family, 0.9), seed, "search", state, SURFACE[family][2])
    slots = list(SLOTS[:2])
    common = {"engine": "local", "versions": {"torch": "2.9.1"}, "lease_ttl_s": FOREVER_S, "started_at_s": BEGAN_S}
    session.add(Worker(name="desk/1f2e", host="desk", slots=slots, seen_at_s=BEGAN_S, **common))
    return course.job


def empty(session: Session, logs: Path) -> Job:
    """A job that waits for a worker."""
    return _job(session, 2, "ViT-Tiny on CIFAR-10", "queued", logs).job


def failed(session: Session, logs: Path) -> Job:
    """A job whose data were missing."""
    message = "The data set 'cifar100' is not there: run `sparseift data cifar100`."
    return _job(session, 1, "A job that failed", "failed", logs, reason="user", message=message).job


def stock(session: Session, logs: Path) -> dict[str, str]:
    """All of them; ids by "finished", "partial", "empty" and "failed"."""
    makers = {"failed": failed, "empty": empty, "partial": partial, "finished": finished}
    return {name: make(session, logs).id for name, make in makers.items()}

"""A database full of trials for benchmarks, written in bulk: COPY on PostgreSQL, executemany on SQLite.

Beside the bulk, in jobs of 10,000 trials, there are one of 10,000 and one of 800 whose reports and events are all
there, and 48 of 57. In each job every fifth trial of the search repeats a configuration on another seed, one of 16 gave
no result, and each family's last trials are confirmations.
"""

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import make_url

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Budget, Configuration, JobSpec, Metric, Named, Plan, Point, Space
from store import migrate, urls

FAMILIES = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
SPACE = Space()
BULK = 10_000  # trials of one job
SMALL, SMALL_JOBS = 57, 48
SEEDS = 3  # of dense and of each confirmation
REPORTS = 5  # of each trial; 1 in the bulk
NOISE = 0.3  # points, standard deviation between seeds
BEGAN_S = 1_790_000_000.0
FOREVER_S = 4e9  # a lease that nobody reaps
PLAN = Plan(
    Metric("accuracy", "%", "maximize"),
    4000,
    128,
    Point(DENSE, 0.0, True, "", 0.0, "width 64", 2_000_000, 2_000_000, 1.0, 1_000_000, 1_000_000),
    tuple(
        Point(f, s, True, "", s, "width 90 (k = 1.406)", 2_000_000, 4_000_000, 1.0, 2_000_000, 1_000_000)
        for f in FAMILIES
        for s in SPACE.sparsities
    ),
    3e12,
    1_000_000_000,
)


@dataclass(frozen=True)
class Contents:
    """What a database holds.

    Attributes:
        middle, large: ids of the jobs of 800 (it runs) and of 10,000 trials.
        jobs, trials: how many there are in all.
    """

    middle: str
    large: str
    jobs: int
    trials: int


class Writer:
    """Rows into tables, on either database; a context that commits at its end."""

    def __init__(self, url: str) -> None:
        parsed = urls.parse(url)
        self._file = urls.file_of(parsed)
        self._connection: Any = (
            sqlite3.connect(self._file)
            if self._file is not None
            else psycopg.connect(parsed.set(drivername="postgresql").render_as_string(hide_password=False))
        )

    def write(self, table: str, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows of these columns."""
        columns = ", ".join(names)
        if self._file is not None:
            places = ", ".join("?" * len(names))
            self._connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
            return
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def go_on_after(self, table: str) -> None:
        """The program's next row of this table comes after those written; SQLite needs no telling."""
        if self._file is None:
            last = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            self._connection.execute(last)

    def close(self) -> None:
        """Commit, and let the database see how much there is."""
        self._connection.commit()
        if self._file is None:
            self._connection.autocommit = True
            self._connection.execute("VACUUM ANALYZE")
        else:
            self._connection.execute("ANALYZE")
            self._connection.commit()
        self._connection.close()


def spec_of(number: int, trials: int) -> JobSpec:
    """What a job of so many trials asks for."""
    budget = Budget(trials - SEEDS * (1 + len(FAMILIES)), SEEDS)
    return JobSpec(f"job {number}", Named("mlp", {"width": 64}), Named("digits"), FAMILIES, SPACE, budget, seed=number)


def configurations(count: int) -> list[tuple[str, str, float, str]]:
    """(family, key, sparsity, canonical JSON) of so many different ones, the families in turn."""
    found = []
    for i in range(count):
        schedule = MaskSchedule("rigl", delta_t_steps=50 + i // 40, drop_fraction=0.1 + i % 5 / 10)
        sparsity = SPACE.sparsities[i // len(FAMILIES) % len(SPACE.sparsities)]
        configuration = Configuration(FAMILIES[i % len(FAMILIES)], sparsity, schedule)
        found.append((configuration.family, configuration.key, sparsity, json.dumps(configuration.canonical())))
    return found


def trials_of(count: int, pool: Sequence[tuple[str, str, float, str]], choice: random.Random) -> Iterator[Any]:
    """(kind, family, key, sparsity, canonical, seed, state, value) of a job's trials."""
    dense = Configuration(DENSE)
    for seed in range(SEEDS):
        yield (
            "baseline",
            DENSE,
            dense.key,
            0.0,
            json.dumps(dense.canonical()),
            seed,
            "complete",
            choice.gauss(90, NOISE),
        )
    for i in range(count - SEEDS * (1 + len(FAMILIES))):
        family, key, sparsity, text = pool[i - 5 * len(FAMILIES) if i % 5 == 4 and i > 20 else i]
        lost = i % 16 == 9
        value = None if lost else 90.5 - 20 * (sparsity - 0.75) ** 2 + choice.gauss(0, NOISE)
        yield (
            "search",
            family,
            key,
            sparsity,
            text,
            i,
            ("failed", "pruned")[i // 16 % 2] if lost else "complete",
            value,
        )
    for family, key, sparsity, text in pool[20:24]:
        for seed in range(SEEDS):
            yield ("confirm", family, key, sparsity, text, seed, "complete", choice.gauss(90.4, NOISE))


def fill(url: str, bulk: int) -> Contents:
    """Migrate an empty database and write `bulk` trials into it, beside the others."""
    migrate.upgrade(url)
    choice, pool = random.Random(0), configurations(BULK)
    sizes = [BULK] * (bulk // BULK) + [SMALL] * SMALL_JOBS + [800, BULK]
    ids = [f"job_{i:026d}" for i in range(len(sizes))]
    with closing(Writer(url)) as writer:
        plan = json.dumps(PLAN.to_json())
        names = ("id", "name", "spec", "plan", "state", "created_at_s", "updated_at_s", "started_at_s", "active_s")
        writer.write(
            "job",
            names,
            (
                (
                    *(ids[i], f"job {i}", json.dumps(spec_of(i, size).to_json()), plan),
                    *("running" if size == 800 else "succeeded", BEGAN_S + i, BEGAN_S + 9e3 + i, BEGAN_S + i, 9e3),
                )
                for i, size in enumerate(sizes)
            ),
        )
        first = 1
        for number, size in enumerate(sizes):
            first = _fill_job(writer, ids[number], first, list(trials_of(size, pool, choice)), number >= bulk // BULK)
        for table in ("trial", "attempt", "event"):
            writer.go_on_after(table)
    return Contents(ids[-2], ids[-1], len(sizes), sum(sizes))


def _fill_job(writer: Writer, job_id: str, first: int, trials: Sequence[Any], whole: bool) -> int:
    """One job's trials with an attempt each; `whole` ones have all of their reports and events. The next free id."""
    numbered = list(enumerate(trials))
    writer.write(
        "trial",
        (
            *("id", "job_id", "number", "kind", "family", "configuration", "configuration_key", "sparsity", "scale"),
            *("seed", "state", "created_at_s", "ended_at_s", "value", "test_value", "forward_flops_per_sample"),
            *("executed_flops_per_sample", "flop_ratio", "training_flops", "parameters", "nonzero_parameters"),
            "training_seconds",
        ),
        (
            (
                *(first + i, job_id, i, kind, family, text, key, sparsity, "width 90 (k = 1.406)"),
                *(seed, state, BEGAN_S + i, BEGAN_S + i + 60, value, None if kind == "search" else value),
                *(2_000_000, 4_000_000, 1.0, 3e12 + i, 2_000_000, 1_000_000, 60.0),
            )
            for i, (kind, family, key, sparsity, text, seed, state, value) in numbered
        ),
    )
    writer.write(
        "attempt",
        (
            *("id", "trial_id", "number", "state", "token", "lease_expires_at_s", "worker", "slot"),
            *("started_at_s", "ended_at_s", "environment", "log_path"),
        ),
        (
            (
                *(first + i, first + i, 1, "finished", f"{i:032x}", FOREVER_S, "worker", f"host/cuda:{i % 8}"),
                *(BEGAN_S + i, BEGAN_S + i + 60, '{"torch": "2.9", "device": "NVIDIA H200"}', f"{job_id}/{i}.txt"),
            )
            for i, _ in numbered
        ),
    )
    writer.write(
        "report",
        ("attempt_id", "step", "total_steps", "train_loss", "value", "training_flops", "sparsity", "seconds"),
        (
            (first + i, 4000 // REPORTS * (r + 1), 4000, 2.0 / (r + 1), 80.0 + r, 6e11 * (r + 1), 0.5, 12.0 * (r + 1))
            for i, _ in numbered
            for r in (range(REPORTS) if whole else (REPORTS - 1,))
        ),
    )
    kinds = ("trial.waiting", "attempt.started", "trial.complete") if whole else ("trial.complete",)
    writer.write(
        "event",
        ("id", "job_id", "at_s", "kind", "payload"),
        (
            (3 * (first + i) + k, job_id, BEGAN_S + i, kind.replace("complete", state), f'{{"trial": {i}}}')
            for i, (*_, state, _) in numbered
            for k, kind in enumerate(kinds)
        ),
    )
    return first + len(trials)


def drop(url: str) -> None:
    """Remove the database."""
    parsed = make_url(url)
    file = urls.file_of(parsed)
    if file is not None:
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        return
    admin = parsed.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{parsed.database}" WITH (FORCE)')


def create(url: str) -> None:
    """Make an empty database in place of the one that is there."""
    drop(url)
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        admin = parsed.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{parsed.database}" TEMPLATE template0')

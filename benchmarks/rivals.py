"""The same trials in Optuna's RDB storage and in an MLflow server, and the same questions to both.

Their tables are filled in bulk, by SQL: through their own interfaces 10,000 trials take minutes. MLflow's answers are
whole HTTP answers, with the server's CPU time; Optuna has no server, so its are calls in this process: in one that has
read every trial before, as warm as the service's memory, and in one that has not.
"""

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna as library
import psutil
from sqlalchemy import make_url

from benchmarks import stored
from benchmarks.asking import Row, Server, free_port, measured, serving

REQUESTS, SLOW_REQUESTS = 50, 3
BEGAN = "2026-11-24 00:00:00"


def rows_of(trials: int) -> list[tuple[Any, ...]]:
    """What `stored.trials_of` gives for one job."""
    return list(stored.trials_of(trials, stored.configurations(max(trials, 100)), random.Random(0)))


def beside(url: str, folder: Path, name: str) -> str:
    """The URL of another new database of the same kind."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:///{folder / name}.db"
    return parsed.set(database=f"{parsed.database}_{name}").render_as_string(hide_password=False)


class Here(Server):
    """This process, where a library answers without a server."""

    def __init__(self) -> None:
        super().__init__(psutil.Process(os.getpid()), 0)

    def cpu_s(self) -> float:
        """CPU seconds of this process alone."""
        return time.process_time()


def timed(name: str, question: str, server: Server, ask: Callable[[], bytes], requests: int) -> tuple[str, Row]:
    """A row, printed."""
    row = measured(question, server, ask, requests)
    print(row.line(), flush=True)
    return name, row


def optuna(url: str, folder: Path, trials: int) -> dict[str, Row]:
    """Optuna's answers."""
    library.logging.set_verbosity(library.logging.ERROR)
    place = beside(url, folder, "optuna")
    stored.create(place)
    try:
        study = library.create_study(storage=place, study_name="study", direction="maximize")
        _fill_optuna(place, rows_of(trials))

        def fresh() -> library.Study:
            return library.load_study(study_name="study", storage=place)

        def page(study: library.Study) -> bytes:
            found = study.get_trials(deepcopy=False)[:100]
            return json.dumps(
                [{**t.params, **t.user_attrs, "value": t.value, "state": t.state.name} for t in found]
            ).encode()

        def curve(study: library.Study) -> bytes:
            groups: dict[Any, list[Any]] = defaultdict(list)
            for t in study.get_trials(deepcopy=False, states=(library.trial.TrialState.COMPLETE,)):
                groups[t.user_attrs["configuration_key"], t.params["family"]].append(t.value)
            return json.dumps([[*key, sum(v) / len(v), len(v)] for key, v in groups.items()]).encode()

        def best(study: library.Study) -> bytes:
            return json.dumps(study.best_trial.params).encode()

        def frame(study: library.Study) -> bytes:
            return str(study.trials_dataframe().to_csv()).encode()

        here, warm = Here(), fresh()
        return dict(
            (
                timed("new page", "page of 100, by a new process", here, lambda: page(fresh()), SLOW_REQUESTS),
                timed("new best", "best trial, by a new process", here, lambda: best(fresh()), SLOW_REQUESTS),
                timed("new curve", "curve, by a new process", here, lambda: curve(fresh()), SLOW_REQUESTS),
                timed("page", "page of 100 (get_trials)", here, lambda: page(warm), SLOW_REQUESTS),
                timed("best", "best trial", here, lambda: best(warm), SLOW_REQUESTS),
                timed("curve", "curve (get_trials, grouped)", here, lambda: curve(warm), SLOW_REQUESTS),
                timed("export csv", "export (trials_dataframe, CSV)", here, lambda: frame(warm), 2),
            )
        )
    finally:
        del study
        stored.drop(place)


def _fill_optuna(url: str, trials: Sequence[tuple[Any, ...]]) -> None:
    integer = '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 10000}}'
    choices = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["dense", *stored.FAMILIES]}})
    fraction = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'
    names = ["dense", *stored.FAMILIES]
    states = {"complete": "COMPLETE", "failed": "FAIL", "pruned": "PRUNED"}
    numbered = [(i + 1, row) for i, row in enumerate(trials)]
    with closing(stored.Writer(url)) as writer:
        writer.write(
            "trials",
            ("trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete"),
            ((i, i - 1, 1, states[row[6]], BEGAN, BEGAN) for i, row in numbered),
        )
        writer.write(
            "trial_params",
            ("trial_id", "param_name", "param_value", "distribution_json"),
            (
                (i, name, value, distribution)
                for i, (_, family, _, sparsity, text, *_) in numbered
                for name, value, distribution in (
                    ("family", float(names.index(family)), choices),
                    ("sparsity", sparsity, fraction),
                    ("delta_t_steps", float((json.loads(text)["schedule"] or {}).get("delta_t_steps", 0)), integer),
                    ("drop_fraction", (json.loads(text)["schedule"] or {}).get("drop_fraction", 0.0), fraction),
                )
            ),
        )
        writer.write(
            "trial_values",
            ("trial_id", "objective", "value", "value_type"),
            ((i, 0, row[7], "FINITE") for i, row in numbered if row[7] is not None),
        )
        writer.write(
            "trial_user_attributes",
            ("trial_id", "key", "value_json"),
            (
                (i, name, value)
                for i, row in numbered
                for name, value in (("configuration_key", json.dumps(row[2])), ("seed", str(row[5])))
            ),
        )
        writer.write(
            "trial_intermediate_values",
            ("trial_id", "step", "intermediate_value", "intermediate_value_type"),
            ((i, 800 * (r + 1), 80.0 + r, "FINITE") for i, _ in numbered for r in range(stored.REPORTS)),
        )


def mlflow(url: str, folder: Path, trials: int, python: Path) -> dict[str, Row]:
    """An MLflow server's answers."""
    place = beside(url, folder, "mlflow")
    stored.create(place)
    port, plain = free_port(), place.replace("postgresql+psycopg://", "postgresql://")
    command = [str(python), "-m", "mlflow", "server", "--backend-store-uri", plain, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{python.parent}:{os.environ['PATH']}"}
    try:
        began = time.perf_counter()
        with serving(command, port, "/health", folder / "mlflow.log", environment) as server:
            print(f"start with new tables: {time.perf_counter() - began:.1f} s")
            _fill_mlflow(place, rows_of(trials))

            def search(**more: Any) -> bytes:
                return server.ask("/api/2.0/mlflow/runs/search", body={"experiment_ids": ["0"], **more})[1]

            def every() -> list[Any]:
                found: list[Any] = []
                token: str | None = ""
                while token is not None:
                    page = json.loads(search(max_results=10_000, **({"page_token": token} if token else {})))
                    found += page.get("runs", ())
                    token = page.get("next_page_token")
                return found

            def curve() -> bytes:
                groups: dict[Any, list[float]] = defaultdict(list)
                for run in every():
                    params = {p["key"]: p["value"] for p in run["data"].get("params", ())}
                    for metric in run["data"].get("metrics", ()):
                        if metric["key"] == "value":
                            groups[params["configuration_key"], params["family"]].append(metric["value"])
                return json.dumps([[*key, sum(v) / len(v), len(v)] for key, v in groups.items()]).encode()

            def export() -> bytes:
                return "\n".join(
                    ",".join(
                        [
                            r["info"]["run_id"],
                            *(str(x["value"]) for k in ("params", "metrics") for x in r["data"].get(k, ())),
                        ]
                    )
                    for r in every()
                ).encode()

            best = ["metrics.value DESC"]
            found = dict(
                (
                    timed("page", "page of 100 (runs/search)", server, lambda: search(max_results=100), REQUESTS),
                    timed(
                        "best", "best run (order_by)", server, lambda: search(max_results=1, order_by=best), REQUESTS
                    ),
                    timed("curve", "curve (every run, grouped)", server, curve, SLOW_REQUESTS),
                    timed("export csv", "export (every run, CSV)", server, export, SLOW_REQUESTS),
                )
            )
            print(f"memory of the server: {server.memory_mb():.0f} MB")
            return found
    finally:
        stored.drop(place)


def _fill_mlflow(url: str, trials: Sequence[tuple[Any, ...]]) -> None:
    states = {"complete": "FINISHED", "failed": "FAILED", "pruned": "KILLED"}
    numbered = [(f"{i:032x}", i, row) for i, row in enumerate(trials)]
    with closing(stored.Writer(url)) as writer:
        writer.write(
            "runs",
            (
                *("run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status"),
                *("start_time", "end_time", "source_version", "lifecycle_stage", "artifact_uri", "experiment_id"),
            ),
            (
                (
                    *(key, f"trial {i}", "LOCAL", "", "", "user", states[row[6]], 1_790_000_000_000 + i),
                    *(1_790_000_060_000 + i, "", "active", f"mlflow-artifacts:/0/{key}/artifacts", 0),
                )
                for key, i, row in numbered
            ),
        )
        writer.write(
            "params",
            ("key", "value", "run_uuid"),
            (
                (name, str(value), key)
                for key, _, (kind, family, configuration, sparsity, _, seed, *_) in numbered
                for name, value in (
                    *(("kind", kind), ("family", family), ("configuration_key", configuration)),
                    *(("sparsity", sparsity), ("seed", seed)),
                )
            ),
        )
        for table, steps in (("latest_metrics", (stored.REPORTS,)), ("metrics", range(1, stored.REPORTS + 1))):
            writer.write(
                table,
                ("key", "value", "timestamp", "step", "is_nan", "run_uuid"),
                (
                    (name, value, 1_790_000_000_000 + step, 800 * step, False, key)
                    for key, _, row in numbered
                    for step in steps
                    for name, value in (("value", row[7]), ("train_loss", 2.0 / step))
                    if value is not None
                ),
            )

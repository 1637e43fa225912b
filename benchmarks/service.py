"""What the service's answers take over HTTP where many trials are stored, beside Optuna's and MLflow's.

    PYTHONPATH=. python benchmarks/service.py --trials 10000 --database sqlite --mlflow-python /path/to/venv/bin/python
    PYTHONPATH=. python benchmarks/service.py --trials 1000000 --database postgresql

Builds the database in bulk (`benchmarks.stored`), starts `python -m service` on loopback and asks over one connection.
Wall time is what the client sees; CPU time is the server process's, which on PostgreSQL leaves the database's own out.
"live" means that a trial of the job has completed before each request, so that nothing is kept of its curve. Optuna
answers within this process, MLflow over HTTP (`benchmarks.rivals`).
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert, select, update

from benchmarks import rivals, stored
from benchmarks.asking import HEAD, Row, Server, free_port, measured, serving
from store import events
from store.sessions import Database
from store.tables import Job, Trial

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/sparseift_benchmark"
LIVE_REQUESTS = 25
LIVE = {"curve": ("live curve large",), "new curve": ("live curve large",)}  # others to compare with


def complete_one(database: Database, job_id: str) -> None:
    """One more complete trial of a job, of a configuration it has not seen: what a worker's commit leaves."""
    with database.write() as session:
        last = session.scalars(select(Trial).where(Trial.job_id == job_id).order_by(Trial.number.desc()).limit(1)).one()
        names = [c.key for c in Trial.__table__.columns if c.key != "id"]
        values = {name: getattr(last, name) for name in names}
        values |= {
            "number": last.number + 1,
            "kind": "search",
            "state": "complete",
            "value": 90.0 + last.number % 7 / 10,
        }
        values |= {"configuration_key": f"live{last.number}", "test_value": None, "seed": last.number}
        session.execute(insert(Trial).values(values))
        events.append(session, job_id, "trial.complete", {"trial": last.number + 1, "state": "complete"})


def go_on(database: Database, job_id: str) -> None:
    """Make it a running job: one that has ended gets no more trials, and its answers are told otherwise."""
    lease = {"lease_owner": "benchmark", "lease_token": "benchmark", "lease_expires_at_s": stored.FOREVER_S}
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(state="running", ended_at_s=None, **lease))


def ours(server: Server, database: Database, contents: stored.Contents, requests: int) -> dict[str, Row]:
    """The service's answers, by the name that rivals' answers to the same question have."""
    rows: dict[str, Row] = {}
    large, middle = f"/v1/jobs/{contents.large}", f"/v1/jobs/{contents.middle}"

    def tell(name: str, question: str, path: str, target: str = "", count: int = requests, **more: object) -> None:
        headers = more.get("headers")
        accepted = more.get("accepted", (200,))

        def ask() -> bytes:
            return server.ask(path, headers, None, accepted)[1]  # type: ignore[arg-type]

        rows[name] = measured(question, server, ask, count, target, more.get("before"))
        print(rows[name].line(), flush=True)

    page = json.loads(server.ask(f"{large}/trials?limit=500")[1])
    for _ in range(15):
        page = json.loads(server.ask(f"{large}/trials?limit=500&page_token={page['next_page_token']}")[1])
    deep = page["next_page_token"]
    tag = server.ask(f"{large}/curve")[0].headers["ETag"]
    last = json.loads(server.ask(f"{large}/events?after=0&limit=1")[1])["last_id"] + 3 * stored.BULK + 100
    quick = "p95 < 50 ms"
    tell("jobs", "list of 50 jobs with counts", "/v1/jobs?limit=50", quick)
    tell("show middle", "show a job of 800 trials", middle, quick)
    tell("show large", "show a job of 10,000 trials", large, quick)
    tell("page", "page of 100 of 10,000 trials", f"{large}/trials?limit=100", "p95 < 50 ms, < 200 kB")
    tell("deep page", "  page 81", f"{large}/trials?limit=100&page_token={deep}", quick)
    tell("failed page", "  page of failed ones", f"{large}/trials?limit=100&state=failed", quick)
    tell("family page", "  page of a family", f"{large}/trials?limit=100&family=sparse_doped", quick)
    tell("sorted page", "  page of the best", f"{large}/trials?limit=100&sort=-value", quick)
    tell("trial", "show a trial with its course", f"{large}/trials/5000")
    tell("best", "best per family, 10,000 trials", f"{large}/best", quick)
    tell("best middle", "best per family, 800 trials", f"{middle}/best", quick)
    tell("curve", "curve of 10,000 trials", f"{large}/curve", quick)
    tell("curve middle", "curve of 800 trials", f"{middle}/curve", quick)
    tell(
        "unchanged", "curve of 10,000 trials, unchanged (304)", f"{large}/curve", "< 5 CPU-ms",
        headers={"If-None-Match": tag}, accepted=(304,),
    )  # fmt: skip
    tell("poll", "poll of changes: events after the last", f"{large}/events?after={last}", "< 5 CPU-ms")
    for form in ("csv", "parquet"):
        path = f"{large}/trials/export?format={form}"
        if server.ask(path, accepted=(200, 404, 406, 422))[0].status == 200:
            tell(f"export {form}", f"export of 10,000 trials, {form}", path, "< 2,000 ms", count=10)
        else:
            print(f"No answer from {path}: this version has no such export.")
    for name, at, job in (("middle", "800", contents.middle), ("large", "10,000", contents.large)):
        path = f"/v1/jobs/{job}"
        go_on(database, job)

        def one_more(job: str = job) -> None:
            complete_one(database, job)

        tell(f"live curve {name}", f"live curve of {at} trials", f"{path}/curve", "", LIVE_REQUESTS, before=one_more)
        tell(f"live show {name}", f"live job of {at} trials", path, "", LIVE_REQUESTS, before=one_more)
    return rows


def main() -> None:
    """Print every table."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--trials", type=int, default=10_000, help="in the bulk, in jobs of 10,000")
    line.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    line.add_argument("--url", help=f"of a PostgreSQL database to make and to drop (default: {POSTGRESQL})")
    line.add_argument("--requests", type=int, default=100)
    line.add_argument("--rival-trials", type=int, default=10_000, help="0: ask neither Optuna nor MLflow")
    line.add_argument("--mlflow-python", type=Path, help="a Python that has MLflow, and psycopg for PostgreSQL")
    options = line.parse_args()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        is_sqlite = options.database == "sqlite"
        url = f"sqlite:///{folder / 'benchmark.db'}" if is_sqlite else options.url or POSTGRESQL
        print(f"{options.database}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        try:
            compare(url, folder, options)
        finally:
            stored.drop(url)


def compare(url: str, folder: Path, options: argparse.Namespace) -> None:
    """Build, serve, ask; then the others."""
    stored.create(url)
    began = time.perf_counter()
    contents = stored.fill(url, options.trials)
    database = Database(url)
    print(f"{contents.trials:,} trials in {contents.jobs} jobs, written in {time.perf_counter() - began:.0f} s")
    port = free_port()
    command = [sys.executable, "-m", "service", "--database", url, "--port", str(port), "--log-level", "error"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        with serving(command, port, "/healthz", folder / "service.log", environment):
            starts.append(time.perf_counter() - began)
    print(f"cold start to the first answer: {', '.join(f'{s:.2f}' for s in starts)} s  (target < 3 s)\n{HEAD}")
    with serving(command, port, "/healthz", folder / "service.log", environment) as server:
        time.sleep(3.0)  # what is loaded beside the first requests
        at_rest = server.memory_mb()
        rows = ours(server, database, contents, options.requests)
        print(f"memory of the service: {at_rest:.0f} MB at rest, {server.memory_mb():.0f} MB after all of this")
    database.close()
    if not options.rival_trials:
        return
    print(f"\nOptuna's RDB storage, one study of {options.rival_trials:,} trials, asked in this process\n{HEAD}")
    others = {"Optuna": rivals.optuna(url, folder, options.rival_trials)}
    python = options.mlflow_python or Path(sys.executable)
    if shutil.which(str(python)) is None or subprocess.run([python, "-c", "import mlflow"], check=False).returncode:
        print(f"{python} has no MLflow: it is not asked; see --mlflow-python.")
    else:
        print(f"\nMLflow server, one experiment of {options.rival_trials:,} runs\n{HEAD}")
        try:
            others["MLflow"] = rivals.mlflow(url, folder, options.rival_trials, python)
        except RuntimeError as error:  # what the others answered is compared all the same
            print(f"MLflow did not answer: {str(error).splitlines()[-1]}")
    print("\nhow many times as long as this service (median wall time; CPU time)")
    for name, answers in others.items():
        for question, row in answers.items():
            for asked in (question.removeprefix("new "), *LIVE.get(question, ())):
                mine = rows.get(asked)
                if mine is not None:
                    cpu = row.cpu_ms / max(mine.cpu_ms, 0.1)
                    versus = f"{name}, {row.question} / {mine.question}"
                    print(f"{versus:<88} {row.p50_ms / mine.p50_ms:8.1f} x {cpu:8.1f} x")


if __name__ == "__main__":
    main()

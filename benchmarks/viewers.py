"""What many viewers of the notebooks do to the API, how soon they see a chart, how soon 10,000 trials open.

    PYTHONPATH=. python benchmarks/viewers.py --viewers 10

Fills a database (`benchmarks.stored`), starts `python -m service` and `python -m analysis.notebooks` as users do, and
lets so many headless Chromium pages arrive at once, each in a context of its own, so that nothing is in its cache.
Meanwhile one client asks the API every 20 ms, as it did before anybody came. The browsers run on the same machine: on
two cores ten of them take nearly all there is, and what is printed then is of that machine, not of the servers alone,
whose own CPU time stands beside it.
"""

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from benchmarks import stored
from benchmarks.asking import Server, free_port, serving
from sparseift.records import Plan
from store import curves, jobs
from store.sessions import Database

PAUSE_S = 0.02  # between the API client's requests
IDLE_S = 8.0
PATIENCE_MS = 180_000
CHART = ".vega-embed .marks"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SLOWDOWN, FIRST_CHART_S, OPENS_S = 4.0, 6.0, 3.0  # targets


class Asker(threading.Thread):
    """A client of the API that asks on and on.

    Attributes:
        walls: (when, seconds) of each answer.
    """

    def __init__(self, port: int, process: Server, paths: list[str]) -> None:
        super().__init__(daemon=True)
        self._server, self._paths, self._over = Server(process.process, port), paths, threading.Event()
        self.walls: list[tuple[float, float]] = []

    def run(self) -> None:
        """Until `end`."""
        turn = 0
        while not self._over.is_set():
            began = time.perf_counter()
            self._server.ask(self._paths[turn % len(self._paths)])
            self.walls.append((began, time.perf_counter() - began))
            turn += 1
            time.sleep(PAUSE_S)

    def end(self) -> None:
        """No more."""
        self._over.set()
        self.join()

    def told(self, began: float, ended: float) -> list[float]:
        """Seconds of the answers to what was asked in between, rising."""
        return sorted(wall for when, wall in self.walls if began <= when <= ended)


def share(walls: list[float], part: float) -> float:
    """A quantile of rising values."""
    return walls[min(len(walls) - 1, int(part * len(walls)))]


async def seen(browser: Browser, address: str, wanted: str = CHART) -> float:
    """Seconds from the address to what is wanted on the page, in a browser that has nothing of it in its cache."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    began = time.perf_counter()
    await page.goto(address, timeout=PATIENCE_MS, wait_until="commit")
    await page.locator(wanted).first.wait_for(timeout=PATIENCE_MS)
    took = time.perf_counter() - began
    await context.close()
    return took


@contextmanager
def programs(database: str, folder: Path) -> Iterator[tuple[Server, int, Server, int]]:
    """The service and the notebooks, each with its port."""
    api, pages = free_port(), free_port()
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "HOME": str(folder)}
    service = [sys.executable, "-m", "service", "--database", database, "--port", str(api)]
    notebooks = [sys.executable, "-m", "analysis.notebooks", "--api", f"http://127.0.0.1:{api}", "--port", str(pages)]
    with (
        serving(service, api, "/readyz", folder / "service.log", environment) as first,
        serving(notebooks, pages, "/health", folder / "notebooks.log", environment) as second,
    ):
        yield first, api, second, pages


async def viewers(
    number: int, service: Server, notebooks: Server, asker: Asker, base: str, contents: stored.Contents
) -> None:
    """The viewers' table."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = f"{base}/isoflop/?job={contents.middle}"
        alone = [await seen(browser, page) for _ in range(3)]
        print(f"first chart, one viewer: {alone[0]:.1f} s the first time, then {alone[1]:.1f}, {alone[2]:.1f} s")

        began = time.perf_counter()
        await asyncio.sleep(IDLE_S)
        idle = asker.told(began, time.perf_counter())
        cpu, own, began = service.cpu_s() + notebooks.cpu_s(), service.cpu_s(), time.perf_counter()
        charts = sorted(await asyncio.gather(*(seen(browser, page) for _ in range(number))))
        ended = time.perf_counter()
        busy, cpu, own = asker.told(began, ended), service.cpu_s() + notebooks.cpu_s() - cpu, service.cpu_s() - own

        head = f"{'':<34} {'n':>5} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9}"
        print(f"\n{head}")
        for name, walls in (("API, nobody there", idle), (f"API while {number} viewers arrive", busy)):
            p50, p95, p99 = (1e3 * share(walls, part) for part in (0.5, 0.95, 0.99))
            print(f"{name:<34} {len(walls):>5} {p50:>9.1f} {p95:>9.1f} {p99:>9.1f}")
        times = share(busy, 0.99) / share(idle, 0.99)
        print(f"p99 is {times:.1f} times idle's (target: within {SLOWDOWN:g})")
        print(
            f"first chart of {number} viewers who arrive at once: median {statistics.median(charts):.1f} s, p95 "
            f"{share(charts, 0.95):.1f} s (target < {FIRST_CHART_S:g} s)\n"
            f"servers' CPU {cpu:.1f} s in {ended - began:.1f} s, "
            f"of which the API's {own:.1f} s; notebooks' memory {notebooks.memory_mb():.0f} MB"
        )

        print(f"\na job of 10,000 trials in a browser (target < {OPENS_S:g} s):")
        for name, path in (("iso-FLOP page", "isoflop"), ("search page", "search")):
            walls = [await seen(browser, f"{base}/{path}/?job={contents.large}") for _ in range(3)]
            print(f"{name:<34} first {walls[0]:.1f} s, then {', '.join(f'{w:.1f}' for w in walls[1:])} s")
        await browser.close()


def opening(service: Server, contents: stored.Contents) -> None:
    """What the API takes for a job of 10,000 trials, the first time after its start and again."""
    here = f"/v1/jobs/{contents.large}"
    print(f"\na job of 10,000 trials through the API (target < {OPENS_S:g} s):")
    print(f"{'':<34} {'first ms':>9} {'again ms':>9} {'CPU-ms':>9} {'kB':>9}")
    for name, path in (
        ("job", here),
        ("iso-FLOP curve", f"{here}/curve"),
        ("best per family", f"{here}/best"),
        ("100 trials", f"{here}/trials?limit=100"),
        ("comparison", f"{here}/compare"),
        ("smooth curves", f"{here}/smooth"),
        ("Pareto front", f"{here}/pareto"),
        ("importances", f"{here}/importance"),
        ("report, HTML", f"{here}/report"),
    ):
        cpu, walls, size = service.cpu_s(), [], 0
        for _ in range(2):
            began = time.perf_counter()
            size = len(service.ask(path)[1])
            walls.append(1e3 * (time.perf_counter() - began))
        cpu = 1e3 * (service.cpu_s() - cpu)
        print(f"{name:<34} {walls[0]:>9.0f} {walls[1]:>9.0f} {cpu:>9.0f} {size / 1e3:>9.1f}", flush=True)


def parts(url: str, contents: stored.Contents) -> None:
    """Where the time of a large job's first curve goes, in this process."""
    from pydantic_core import to_json

    from analysis.best import judge, winner
    from analysis.labels import schedule_text
    from analysis.points import aggregate, aggregate_dense

    database = Database(url)
    spent: list[tuple[str, float]] = []

    def timed(name: str, step: Callable[[], Any]) -> Any:
        began = time.process_time()
        found = step()
        spent.append((name, 1e3 * (time.process_time() - began)))
        return found

    with database.read() as session:
        job = jobs.get(session, contents.large)
        metric = Plan.from_json(job.plan).metric
        rows = timed("read 10,000 measurements", lambda: curves.measurements(session, job.id))
        wanted = {m.configuration_key: m.trial_id for m in rows}
        known = timed("read configurations", lambda: curves.configurations(session, job.id, wanted))
        words = timed("name their schedules", lambda: {key: schedule_text(c) for key, c in known.items()})
        points = timed("aggregate over seeds", lambda: aggregate(rows, known, words))
        dense = aggregate_dense(rows)
        judged, best = timed("gains, ties, chances of being best", lambda: judge(points, dense, metric))
        timed("the headline's interval", lambda: winner(judged, dense, metric, best))
        text = timed("write JSON", lambda: to_json(judged))
    database.close()
    print(f"\nwhere the first curve's time goes, CPU-ms ({len(points)} points, {len(text) / 1e6:.1f} MB):")
    for name, milliseconds in spent:
        print(f"{name:<34} {milliseconds:>9.0f}")


def main() -> None:
    """Everything, as the docstring of this file says."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    line.add_argument("--viewers", type=int, default=10)
    options = line.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'sparseift.db'}"
        contents = stored.fill(url, 0)
        print(f"{contents.trials} trials in {contents.jobs} jobs")
        parts(url, contents)
        with programs(url, folder) as (service, api, notebooks, pages):
            opening(service, contents)
            middle = f"/v1/jobs/{contents.middle}"
            asker = Asker(api, service, ["/v1/jobs?limit=50", middle, f"{middle}/trials?limit=100", f"{middle}/best"])
            asker.start()
            try:
                base = f"http://127.0.0.1:{pages}"
                asyncio.run(viewers(options.viewers, service, notebooks, asker, base, contents))
            finally:
                asker.end()
        print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

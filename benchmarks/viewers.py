"""What many viewers of the notebooks do to the API, how soon they see a chart, how soon 10,000 trials open.

    PYTHONPATH=. python benchmarks/viewers.py --viewers 10

Fills a database (`benchmarks.stored`) and starts `python -m service` and `python -m analysis.notebooks` as users do.
Then, while one client asks the API every 20 ms:
    opening    one headless Chromium opens pages: a visitor who is new, then one who has been there (its cache holds
               marimo's files, as a reader's does)
    arriving   so many viewers at once, who do all that a browser asks of the servers (page, files, WebSocket) up to the
               message that holds the chart, but draw nothing: they have machines of their own
    browsers   the same with real browsers on these very cores; for information, since on two of them ten browsers take
               nearly all there is
The CPU time of servers and browsers stands beside each. It ends after `LIMIT_S`, whatever is left then is said.
"""

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, async_playwright

from benchmarks import stored
from benchmarks.asking import Server, free_port, serving
from benchmarks.viewing import PATIENCE_S, Asker, Meter, arrives

LIMIT_S = 420.0
IDLE_S = 8.0
SETTLING_S = 5.0  # of the servers, which load modules after their start
ROUNDS = 3
WAVES = 8  # of viewers who arrive at once
CHART = ".vega-embed .marks"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
DESK = {"width": 1280, "height": 900}
SLOWDOWN, FIRST_CHART_S, OPENS_S = 4.0, 6.0, 3.0  # targets
LOADED = 0.5  # load per core from which the figures are not the program's


def share(walls: Sequence[float], part: float) -> float:
    """A quantile of rising values."""
    return walls[min(len(walls) - 1, int(part * len(walls)))]


def verdict(value: float, target: float) -> str:
    """Whether a target is met."""
    return "met" if value < target else "NOT met"


async def seen(context: BrowserContext, address: str, meter: Meter) -> float:
    """Seconds from the address to the first chart that is drawn."""
    page = await context.new_page()
    began = time.perf_counter()
    await page.goto(address, timeout=1e3 * PATIENCE_S, wait_until="commit")
    await page.locator(CHART).first.wait_for(timeout=1e3 * PATIENCE_S)
    took = time.perf_counter() - began
    meter.look()
    await page.close()
    return took


async def new_visitor(browser: Browser, address: str, meter: Meter) -> float:
    """As `seen`, with nothing in the browser's cache."""
    context = await browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    took = await seen(context, address, meter)
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


def told(name: str, walls: Sequence[float]) -> None:
    """A line of the API's table."""
    p50, p95, p99 = (1e3 * share(walls, part) for part in (0.5, 0.95, 0.99))
    print(f"{name:<40} {len(walls):>5} {p50:>9.1f} {p95:>9.1f} {p99:>9.1f}", flush=True)


async def opening(profile: Path, base: str, contents: stored.Contents, service: Server, notebooks: Server) -> float:
    """A browser opens pages, as a new visitor and as one who comes again; seconds of a middle job's page then."""
    print(f"\nfrom the address to the first chart, one browser (target for 10,000 trials: < {OPENS_S:g} s)")
    middle = 0.0
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        pages = (("isoflop", "57 trials", stored_small(contents)), ("isoflop", "800 trials", contents.middle),
                 ("isoflop", "10,000 trials", contents.large), ("search", "10,000 trials", contents.large))  # fmt: skip
        for page, size, job in pages:
            meter = Meter(service, notebooks)
            walls = [await new_visitor(browser, f"{base}/{page}/?job={job}", meter) for _ in range(ROUNDS)]
            print(f"{page:<8} {size:<14} new visitor   {_list(walls)} s; {meter.words()} for {ROUNDS}", flush=True)
        await browser.close()
        options = {"executable_path": CHROMIUM, "args": list(QUIET), "viewport": DESK}
        context = await playwright.chromium.launch_persistent_context(str(profile), **options)  # type: ignore[arg-type]
        for page, size, job in pages:
            before = Meter(service, notebooks)
            for _ in range(2):  # code that was asked for twice is kept compiled
                await seen(context, f"{base}/{page}/?job={job}", before)
            meter = Meter(service, notebooks)
            walls = [await seen(context, f"{base}/{page}/?job={job}", meter) for _ in range(ROUNDS)]
            middle = statistics.median(walls) if job == contents.middle else middle
            said = f": {verdict(statistics.median(walls), OPENS_S)}" if job == contents.large else ""
            print(
                f"{page:<8} {size:<14} comes again   {_list(walls)} s{said}; {meter.words()} for {ROUNDS}", flush=True
            )
        await context.close()
    return middle


def stored_small(contents: stored.Contents) -> str:
    """Id of a job of few trials: what a page costs whatever it shows."""
    return f"job_{contents.jobs - 3:026d}"


def _list(walls: Sequence[float]) -> str:
    return ", ".join(f"{wall:.1f}" for wall in walls)


def arriving(number: int, port: int, job: str, asker: Asker, meter: Meter, idle: list[float], drawing: float) -> None:
    """Viewers with machines of their own, several waves of them: one is over before a hundredth answer."""
    charts: list[float] = []
    busy: list[float] = []
    for _ in range(WAVES):
        began = time.perf_counter()
        with ThreadPoolExecutor(number) as pool:
            charts += pool.map(lambda _: arrives(port, f"/isoflop/?job={job}"), range(number))
        busy += asker.told(began, time.perf_counter())
        time.sleep(1.0)
    charts.sort()
    busy.sort()
    told(f"API while {number} viewers arrive, {WAVES} times", busy)
    times, p95 = share(busy, 0.99) / share(idle, 0.99), share(charts, 0.95)
    print(f"p99 is {times:.1f} times idle's (target: within {SLOWDOWN:g}): {verdict(times, SLOWDOWN)}")
    print(
        f"their charts came after: median {statistics.median(charts):.1f} s, p95 {p95:.1f} s; with a browser's own "
        f"{drawing:.1f} s (all of an opening alone) at most {p95 + drawing:.1f} s (target < {FIRST_CHART_S:g} s): "
        f"{verdict(p95 + drawing, FIRST_CHART_S)}; {meter.words()}",
        flush=True,
    )


async def browsers(number: int, base: str, job: str, asker: Asker, meter: Meter, idle: list[float]) -> None:
    """Viewers whose browsers take the same cores."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        began = time.perf_counter()
        pages = [new_visitor(browser, f"{base}/isoflop/?job={job}", meter) for _ in range(number)]
        walls = await asyncio.gather(*pages, return_exceptions=True)
        busy = asker.told(began, time.perf_counter())
        await browser.close()
    charts = sorted(wall for wall in walls if isinstance(wall, float))
    told(f"API while {number} browsers run here", busy)
    if charts:
        times = share(busy, 0.99) / share(idle, 0.99)
        print(
            f"p99 is {times:.1f} times idle's; first chart of {len(charts)} of {number} "
            f"within {PATIENCE_S:g} s: median {statistics.median(charts):.1f} s, p95 {share(charts, 0.95):.1f} s; "
            f"{meter.words()}",
            flush=True,
        )


def through_api(service: Server, contents: stored.Contents) -> None:
    """What the API takes for a job of 10,000 trials, the first time after its start and again."""
    here = f"/v1/jobs/{contents.large}"
    print(f"\na job of 10,000 trials through the API\n{'':<34} {'first ms':>9} {'again ms':>9} {'CPU-ms':>9} {'kB':>9}")
    for name, path in (
        ("job", here),
        ("iso-FLOP curve, as pages read it", f"{here}/curve?thin=80"),
        ("iso-FLOP curve, whole", f"{here}/curve"),
        ("all trials as columns", f"{here}/trials/columns"),
        ("what ran where", f"{here}/trials/timeline?newest=1000"),
        ("100 trials", f"{here}/trials?limit=100"),
        ("comparison", f"{here}/compare"),
        ("smooth curves", f"{here}/smooth"),
        ("Pareto front", f"{here}/pareto"),
        ("importances", f"{here}/importance"),
    ):
        cpu, walls, size = service.cpu_s(), [], 0
        for _ in range(2):
            began = time.perf_counter()
            size = len(service.ask(path)[1])
            walls.append(1e3 * (time.perf_counter() - began))
        cpu = 1e3 * (service.cpu_s() - cpu)
        print(f"{name:<34} {walls[0]:>9.0f} {walls[1]:>9.0f} {cpu:>9.0f} {size / 1e3:>9.1f}", flush=True)


def load() -> str:
    """The machine's load, and what it means for what is printed."""
    now, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f"load {now:.1f} on {cores} cores" + (
        " (others run here: walls are theirs too)" if now > LOADED * cores else ""
    )


def main() -> None:
    """Everything, as the docstring of this file says."""
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    line.add_argument("--viewers", type=int, default=10)
    options = line.parse_args()
    if CHROMIUM is None:
        sys.exit("There is no Chromium here: `apt-get install chromium`.")
    began = time.monotonic()
    print(f"{platform.machine()}, Python {platform.python_version()}, at the start {load()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'sparseift.db'}"
        contents = stored.fill(url, 0)
        print(f"{contents.trials} trials in {contents.jobs} jobs")
        with programs(url, folder) as (service, api, notebooks, pages):
            through_api(service, contents)
            time.sleep(SETTLING_S)
            base, job = f"http://127.0.0.1:{pages}", contents.middle
            drawing = asyncio.run(opening(folder / "profile", base, contents, service, notebooks))
            here = f"/v1/jobs/{job}"
            asker = Asker(api, service, ["/v1/jobs?limit=50", here, f"{here}/trials?limit=100", f"{here}/best"])
            asker.start()
            try:
                time.sleep(1.0)
                first = time.perf_counter()
                time.sleep(IDLE_S)
                idle = asker.told(first, time.perf_counter())
                print(f"\n{'':<40} {'n':>5} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9}   ({load()})")
                told("API, nobody there", idle)
                meter = Meter(service, notebooks)
                arriving(options.viewers, pages, job, asker, meter, idle, drawing)
                if time.monotonic() - began < LIMIT_S - 2 * PATIENCE_S:
                    time.sleep(2.0)
                    meter = Meter(service, notebooks)
                    asyncio.run(browsers(options.viewers, base, job, asker, meter, idle))
                else:
                    print("no time is left for browsers on these cores")
            finally:
                asker.end()
            print(f"notebooks' memory {notebooks.memory_mb():.0f} MB")
        print(f"at the end {load()}, after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

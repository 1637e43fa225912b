"""Records docs/tutorial/terminal-session.md from a real run: `python tests/docs/terminal_session.py` (a few minutes).

Starts `sparseift serve` around a new folder on free ports, says each command to it and writes down what it printed.
"""

import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import torch

from sparseift.cli.ports import free_port
from sparseift.client import Client

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "terminal-session.md"
START_LIMIT_S, COMMAND_LIMIT_S = 120.0, 900.0
COLUMNS = 100
LONGEST = 44  # lines shown of one command's output; what is left out is said

JOB = """\
name: digits in the terminal
model: {name: mlp, arguments: {width: 64, depth: 3}}
dataset: digits
families: [sparse_wide, sparse_doped]
space:
  sparsities: [0.5, 0.75]
  methods: [static, rigl]
  delta_t_steps: [5, 20]
training: {epochs: 6, batch_size: 64}
budget: {search_trials: 6, confirm_seeds: 3}
"""
STEPS = (
    (
        "A search is a small file. This one asks of two families, at two sparsities, what they make of a small network "
        "at its own FLOPs. A mistake is told with its place, before anything is sent:",
        ("cat draft.yaml", "sparseift check draft.yaml"),
    ),
    (
        "Put right, as job.yaml, a dry run shows what would be trained: exact sizes, solved for equal FLOPs; nothing "
        "is stored.",
        ("sparseift submit job.yaml --dry-run",),
    ),
    (
        "Submit it and watch. On a terminal there are live bars; piped, as here, a line for each thing that happens. "
        "Ctrl-C would leave the job running, and `sparseift follow last` would come back to it.",
        ("sparseift submit job.yaml --label stage=tutorial --follow",),
    ),
    (
        "Each family's best, on seeds that the search had not seen, beside dense at the same FLOPs:",
        ("sparseift best last",),
    ),
    ("The whole iso-FLOP curve, drawn with characters, and as a page for others:",
     ("sparseift curve last", "sparseift curve last --html curve.html --csv curve.csv")),
    (
        "How sure is it? Differences with intervals that hold together, and where the compute went:",
        ("sparseift compare last", "sparseift ledger last"),
    ),
    (
        "The three best trials of the search, one of the dense baseline in full, and everything as CSV:",
        (
            "sparseift trials last --kind search --sort -value --limit 3",
            "sparseift trial last 0",
            "sparseift export last --output trials.csv",
        ),
    ),
    (
        "Take the winner away: its newest checkpoint, checked against its SHA-256, and a card of its configuration.",
        ("sparseift download last --best sparse_wide --output winner", "ls winner"),
    ),
)  # fmt: skip
HEAD = """# A session in the terminal

Recorded from a real run by `python tests/docs/terminal_session.py`; nothing below is edited but for lines left out
where it says so. The network is tiny and digits are for smoke tests: no gain is to be expected on them.

{machine}

`sparseift serve` runs in another terminal.
"""


def environment(url: str) -> dict[str, str]:
    """Of the recorded commands."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SPARSEIFT_")}
    threads = {"OMP_NUM_THREADS": "1", "COLUMNS": str(COLUMNS), "PYTHONPATH": str(ROOT)}
    return {**kept, **threads, "SPARSEIFT_URL": url, "LC_ALL": "C.UTF-8"}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A running `sparseift serve` and its address."""
    port, notebooks = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    line = [sys.executable, "-m", "sparseift.cli", "serve", "--data", str(folder / "data"), "--slots", "1"]
    line += ["--port", str(port), "--notebooks-port", str(notebooks)]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, env=environment(url), cwd=folder)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        with Client(url) as client:
            while not client.is_ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((folder / "serve.log").read_text())
                time.sleep(0.5)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def said(command: str, url: str, folder: Path) -> str:
    """What a command printed, on either stream; a failure that is not shown on purpose stops the recording."""
    words = shlex.split(command)
    line = [sys.executable, "-m", "sparseift.cli", *words[1:]] if words[0] == "sparseift" else words
    ended = subprocess.run(
        line, cwd=folder, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=COMMAND_LIMIT_S,
    )  # fmt: skip
    if ended.returncode and words[:2] != ["sparseift", "check"]:
        logs = "\n".join(path.read_text() for path in (folder / "data" / "logs").glob("*.log"))
        raise RuntimeError(f"{command} ended with {ended.returncode}:\n{ended.stdout}\n{logs}")
    return ended.stdout


def shown(output: str) -> str:
    """As the page shows it."""
    lines = [line.rstrip() for line in output.rstrip().splitlines()]
    if len(lines) > LONGEST:
        left_out = len(lines) - LONGEST
        lines = [*lines[: LONGEST - 8], f"… {left_out} lines left out …", *lines[-8:]]
    return "\n".join(lines)


def page() -> str:
    """The whole page, from a run that is made now; sentences are folded as in the other pages."""
    machine = f"torch {torch.__version__} on {platform.machine()}, {os.cpu_count()} CPU cores, one slot."
    parts = [HEAD.format(machine=machine)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.yaml").write_text(JOB)
        (folder / "draft.yaml").write_text(JOB.replace("rigl", "rigle"))
        with served(folder) as url:
            for sentence, commands in STEPS:
                parts.append(fill(sentence, 120, break_on_hyphens=False))
                for command in commands:
                    output = shown(said(command, url, folder)).replace(url, "http://127.0.0.1:8000")
                    parts.append(f"```console\n$ {command}\n{output}\n```")
    parts.append(
        "Next: [submit a search of your own](../how-to/submit-a-search.md); [all commands](../reference/cli.md)."
    )
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join(part.strip() for part in parts)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

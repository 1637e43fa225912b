"""A tethered program ends when its starter does, in its own order; else it is as if started alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from sparseift.cli.tether import MODULE

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import signal, sys, threading
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("ready", *sys.argv[1:], repr(sys.stdin.read()), flush=True)
stop.wait(60)
print("stopped in order" if stop.is_set() else "left alone", flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> "subprocess.Popen[str]":
    (tmp_path / "part.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, "part", "--slots", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        text=True,
    )


@pytest.mark.slow
def test_the_end_of_the_pipe_is_a_sigterm(program: "subprocess.Popen[str]") -> None:
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "ready --slots 2 ''\n", "the program itself sees an empty input"
        assert program.poll() is None
        program.stdin.close()
        assert program.stdout.read() == "stopped in order\n"
        assert program.wait(20) == 0

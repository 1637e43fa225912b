"""Ending process groups for real."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from worker.processes import end_groups, find, identity, is_visible

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"


def start(code: str, **options: object) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
    process.stdout.readline()
    return process


def test_an_identity_finds_its_process_until_it_ends() -> None:
    name = identity(os.getpid())
    found = find(name)
    assert found is not None
    assert found.pid == os.getpid()
    assert find(f"{os.getpid()}@1.00") is None  # another process had this number
    assert find("") is None
    with start("print(1); input()", stdin=subprocess.PIPE) as process:
        name = identity(process.pid)
        assert find(name) is not None
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert find(name) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="as Linux tells them")
def test_an_identity_is_of_figures_that_no_clock_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with start("print(1); input()", stdin=subprocess.PIPE) as process:
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]  # field 22 of proc(5)
        name = identity(process.pid)
        space = os.stat("/proc/self/ns/pid").st_ino
        assert name == f"{process.pid}@{boot}:{space}/{ticks}"
        assert is_visible(name)
        assert is_visible(f"{process.pid}@another-boot:{space + 1}/{ticks}")  # none of an earlier boot lives
        assert not is_visible(f"{process.pid}@{boot}:{space + 1}/{ticks}")  # of another container
        assert find(f"{process.pid}@{boot}:{space + 1}/{ticks}") is None
        created = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) + 3600.0)  # the clock was set
        assert identity(process.pid) == name
        assert find(name) is not None
        assert find(f"{process.pid}@{boot}/{int(ticks) + 1}") is None  # another process had this number
        assert find(f"{process.pid}@00000000-0000-0000-0000-000000000000/{ticks}") is None  # before the machine started
        process.kill()


def test_a_name_in_parentheses_does_not_shift_the_fields(tmp_path: Path) -> None:
    python = tmp_path / "a) (b 1 2"
    python.symlink_to(sys.executable)
    process = subprocess.Popen([python, "-c", "import time; time.sleep(60)"])
    try:
        assert find(identity(process.pid)) is not None
    finally:
        process.kill()
        process.wait()


def test_names_that_older_rows_hold_are_understood() -> None:
    start_s = psutil.Process().create_time()
    assert find(f"{os.getpid()}@{start_s:.2f}") is not None
    assert find(f"{os.getpid()}@{start_s - 60.0:.2f}") is None
    for text in ("x@1.0", f"{os.getpid()}@", f"{os.getpid()}@soon", f"{os.getpid()}@a/b", f"{os.getpid()}@a/b/c", "@"):
        assert find(text) is None, text


def test_where_there_is_no_proc_a_start_time_names_a_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("worker.processes.PROC", tmp_path)
    name = identity(os.getpid())
    assert name == f"{os.getpid()}@{psutil.Process().create_time():.2f}"
    assert find(name) is not None


def test_a_stubborn_group_and_what_left_it_end_within_five_seconds() -> None:
    leader = f"""
import subprocess, sys
code = {STUBBORN!r}
children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=s) for s in (0, 1)]
for child in children: child.stdout.readline()
print(1, flush=True)
input()
"""
    with start(leader, start_new_session=True, stdin=subprocess.PIPE) as process:
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children())]
        assert len(family) == 3
        started_at = time.monotonic()
        end_groups([process.pid])
        assert time.monotonic() - started_at < 5.0
        process.wait(timeout=5)
        time.sleep(0.1)
        assert all(not psutil.pid_exists(p) or psutil.Process(p).status() == psutil.STATUS_ZOMBIE for p in family)
    end_groups([process.pid])  # nothing left: no error

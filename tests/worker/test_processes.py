"""Ending process groups for real."""

import os
import subprocess
import sys
import time

import psutil

from worker.processes import end_groups, find, identity

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

"""Process groups: who they are across a worker's restart, and how they end for real."""

import logging
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

TERMINATE_GRACE_S = 2.0  # from SIGTERM to SIGKILL; an attempt's slot must be free within 5 s
KILL_GRACE_S = 2.0  # for a busy machine to carry SIGKILL out
START_TOLERANCE_S = 2.0  # a start time is read with the error of the host's clock
PROC = Path("/proc")

log = logging.getLogger(__name__)


def identity(pid: int) -> str:
    """ "pid@start": a name that no later process on this host has.

    On Linux the start is "boot id:PID namespace/clock ticks since the boot", which nobody who sets the clock can move.
    Elsewhere, and in rows of older versions, it is the time of day in seconds.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    boot = _place()
    if boot is None:
        return f"{pid}@{psutil.Process(pid).create_time():.2f}"
    ticks = _start_ticks(pid)
    if ticks is None:
        raise psutil.NoSuchProcess(pid)
    return f"{pid}@{boot}/{ticks}"


def find(name: str) -> psutil.Process | None:
    """The living process of an `identity`; None where it is gone."""
    pid, _, start = name.partition("@")
    if not pid.isdecimal() or not start:
        return None
    try:
        process = psutil.Process(int(pid))
        return process if _started(process, start) and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def is_visible(name: str) -> bool:
    """Whether a process of this name, on a machine of this name, would be seen from here if it lived. One in another
    container is not: containers may share the machine's name, and each numbers its own processes."""
    boot = name.partition("@")[2].rpartition("/")[0]
    here = _place()
    if not boot or here is None or boot == here:
        return True
    return boot.partition(":")[0] != here.partition(":")[0]  # of an earlier boot, none lives


def _place() -> str | None:
    """Where process numbers are unique: this boot of this machine, and the container; None where that is unknown."""
    boot = _boot_id()
    if boot is None:
        return None
    try:
        return f"{boot}:{os.stat(PROC / 'self/ns/pid').st_ino}"
    except OSError:
        return boot


def _started(process: psutil.Process, start: str) -> bool:
    boot, separator, ticks = start.rpartition("/")
    if separator:
        return (boot, ticks) == (_place(), _start_ticks(process.pid))
    try:
        return abs(float(process.create_time()) - float(start)) < START_TOLERANCE_S
    except ValueError:
        log.warning("'%s' is no start of a process", start)
        return False


def _boot_id() -> str | None:
    """Of this machine since it was last started; None where the system has none."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip() or None
    except OSError:
        return None


def _start_ticks(pid: int) -> str | None:
    """From the boot to the process's start, in clock ticks: field 22 of proc(5)'s stat; None where it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]  # counted from behind the name, which may hold anything


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal every process of a group, where there is still one."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: the group holds nothing but zombies (macOS)
        return


def end_groups(leaders: Iterable[int]) -> None:
    """End the sessions of these leaders and their descendants, and wait: SIGTERM, then SIGKILL after 2 s."""
    groups = list(leaders)
    victims: list[psutil.Process] = []
    for leader in groups:
        try:
            process = psutil.Process(leader)
            victims += [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for leader in groups:
        signal_group(leader, signal.SIGTERM)
    _wait(victims, TERMINATE_GRACE_S)
    for leader in groups:
        signal_group(leader, signal.SIGKILL)
    for victim in victims:  # those that left the group
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    _wait(victims, KILL_GRACE_S)


def _wait(victims: list[psutil.Process], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and any(_is_alive(victim) for victim in victims):
        time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

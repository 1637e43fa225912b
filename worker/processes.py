"""Process groups: who they are across a worker's restart, and how they end for real."""

import os
import signal
import time
from collections.abc import Iterable

import psutil

TERMINATE_GRACE_S = 2.0  # from SIGTERM to SIGKILL; an attempt's slot must be free within 5 s
KILL_GRACE_S = 2.0  # for a busy machine to carry SIGKILL out
START_TOLERANCE_S = 2.0  # a process's start time is read with the error of the host's clock


def identity(pid: int) -> str:
    """ "pid@start": a name that no later process on this host has."""
    return f"{pid}@{psutil.Process(pid).create_time():.2f}"


def find(name: str) -> psutil.Process | None:
    """The living process of an `identity`; None where it is gone."""
    pid, _, start = name.partition("@")
    if not pid.isdigit() or not start:
        return None
    try:
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(start)) < START_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


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

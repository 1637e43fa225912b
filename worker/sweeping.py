"""Ends what attempts have left on this machine, also what has left their session and their parents."""

import signal
from collections.abc import Sequence

import psutil

from worker.processes import end_groups, find

MARK = "SPARSEIFT_ATTEMPT"  # in the environment of whatever an attempt starts, in which session ever


def sweep(victims: Sequence[tuple[str, str]]) -> None:
    """End what is left of attempts on this machine, and wait: groups, descendants, and whatever bears their mark.

    Args:
        victims: (mark, identity of the actor's process or "" where it never told).
    """
    groups, marks = [], {mark for mark, _ in victims}
    for _, name in victims:
        leader = int(name.partition("@")[0] or 0)
        if leader and (find(name) is not None or not psutil.pid_exists(leader)):  # else the number is another's now
            groups.append(leader)
    marked = [process for process in psutil.process_iter() if _mark_of(process) in marks]
    for process in marked:
        send(process, signal.SIGTERM)
    end_groups(groups)
    for process in marked:
        send(process, signal.SIGKILL)


def _mark_of(process: psutil.Process) -> str | None:
    try:
        mark: str | None = process.environ().get(MARK)
    except (psutil.Error, OSError):  # gone, or another user's
        return None
    return mark


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Signal a process that may be gone."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return

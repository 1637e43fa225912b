"""Child processes: restarted, given up, ended."""

import sys
import time
from pathlib import Path

import pytest

from sparseift.cli.children import Child, ChildBroken, end_all

FAST = (0.05, 0.05)  # seconds


def child(tmp_path: Path, code: str, pauses: tuple[float, ...] = FAST) -> Child:
    return Child("part", [sys.executable, "-c", code], {}, tmp_path / "logs" / "part.log", pauses)


def watch_until(watched: Child, deadline: float = 20.0) -> list[str]:
    said, end = [], time.monotonic() + deadline
    while time.monotonic() < end:
        if sentence := watched.watch():
            said.append(sentence)
        time.sleep(0.01)
    raise AssertionError(f"nothing broke within {deadline} s: {said}")


def test_a_child_that_keeps_crashing_is_given_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    crashing = child(tmp_path, "import sys; print('out of luck'); sys.exit(3)")
    crashing.start()
    with pytest.raises(ChildBroken, match=r"ended with code 3[\s\S]*out of luck"):
        watch_until(crashing)
    assert crashing.log.read_text().count("out of luck") == 1 + len(FAST)


def test_a_crash_is_followed_by_a_new_start(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    once = child(
        tmp_path,
        f"import pathlib, sys, time; p = pathlib.Path({str(marker)!r})\n"
        "if p.exists(): time.sleep(60)\n"
        "p.touch(); sys.exit(1)",
    )
    once.start()
    said = []
    for _ in range(2000):
        said += filter(None, [once.watch()])
        if len(said) == 2:
            break
        time.sleep(0.01)
    assert said[0].startswith("part ended with code 1; it is started again in 0.05 s")
    assert said[1] == "part was started again."
    end_all([once])
    assert once.process is not None
    assert once.process.returncode == -15


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = child(
        tmp_path,
        f"import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(60)",
    )
    stubborn.start()
    while not ready.exists():
        time.sleep(0.01)
    end_all([stubborn], grace=0.2)
    assert stubborn.process is not None
    assert stubborn.process.returncode == -9

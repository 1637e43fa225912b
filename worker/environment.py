"""What a result depends on besides its seed: versions, host, device and source, without importing torch."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sparseift

PACKAGES = ("sparseift", "torch", "numpy", "optuna")


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def git_commit() -> str | None:
    """The commit of the source tree, with "+" where files differ from it; None outside of one."""
    folder = Path(sparseift.__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")


def describe(device: str, threads: int, share: float = 1.0) -> dict[str, Any]:
    """The record that an attempt keeps. `device` is the slot's name ("cpu:0"), `threads` its CPU threads, `share` what
    it has of a device (`worker.engine.Slot`), by which `store.spending` counts its hours.
    """
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "host": platform.node(),
        "device": device,
        "device_share": share,
        "threads": threads,
        "git_commit": git_commit(),
    }

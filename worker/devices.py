"""Which devices there are, and how slots share them. The worker itself never imports torch; a probe child does."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sparseift.errors import InvalidValue

PROBE = "import torch; print(*(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())), sep='\\n')"
PROBE_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slot's attempts run.

    Attributes:
        name: "cpu:0", "cuda:1", or "cuda:1/0" where several slots share a GPU.
        device: what torch is told inside the child, "cpu" or "cuda" (the child sees one GPU alone).
        visible: the child's CUDA_VISIBLE_DEVICES; "" hides every GPU.
        threads: CPU threads of the child.
    """

    name: str
    device: str
    visible: str
    threads: int


def probe() -> tuple[str, ...]:
    """The devices that torch can use: "cuda:0", … or "cpu" alone. Without NVIDIA's tools, nothing is started."""
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidiactl").exists():
        return ("cpu",)
    answer = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False
    )
    names = [line for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []
    return tuple(f"cuda:{i}" for i in range(len(names))) or ("cpu",)


def parse(text: str) -> tuple[str, ...]:
    """The devices of `--devices`: "auto", "cpu", or "cuda:0,cuda:1".

    Raises:
        InvalidValue: anything else, or CPU and GPUs mixed.
    """
    if text == "auto":
        return probe()
    devices = tuple(part.strip() for part in text.split(","))
    if devices == ("cpu",):
        return devices
    for device in devices:
        kind, _, index = device.partition(":")
        if kind != "cuda" or not index.isdigit():
            raise InvalidValue(f"There is no device '{device}'; write auto, cpu, or a list such as cuda:0,cuda:1.")
    return devices


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(devices: tuple[str, ...], slots: int, threads_per_slot: int | None) -> tuple[Place, ...]:
    """The slots' places: devices in turn, CPU threads divided evenly (at least one each).

    Raises:
        InvalidValue: fewer than one slot, or fewer than one thread.
    """
    if slots < 1:
        raise InvalidValue(f"There cannot be {slots} slots; a worker needs at least 1.")
    if threads_per_slot is not None and threads_per_slot < 1:
        raise InvalidValue(f"There cannot be {threads_per_slot} threads in a slot; it needs at least 1.")
    threads = threads_per_slot or max(1, cores() // slots)
    if devices == ("cpu",):
        return tuple(Place(f"cpu:{i}", "cpu", "", threads) for i in range(slots))
    visible = [v for v in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if v]
    places = []
    for i in range(slots):
        device = devices[i % len(devices)]
        index = int(device.removeprefix("cuda:"))
        name = device if slots <= len(devices) else f"{device}/{i // len(devices)}"
        places.append(Place(name, "cuda", visible[index] if index < len(visible) else str(index), threads))
    return tuple(places)

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
        fraction: of the GPU's memory that must be free before an attempt is placed; None: not looked at.
    """

    name: str
    device: str
    visible: str
    threads: int
    fraction: float | None = None


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


def share(
    devices: tuple[str, ...], slots: int | None, threads_per_slot: int | None, gpu_fraction: float | None = None
) -> tuple[Place, ...]:
    """The slots' places: devices in turn, CPU threads divided evenly (at least one each).

    Args:
        devices: of `parse`.
        slots: how many; None for one, or for as many as the fraction allows.
        threads_per_slot: None for the cores divided by the slots.
        gpu_fraction: of a GPU that a slot gets, in (0, 1]; None: GPUs are shared by as many slots as there are.

    Raises:
        InvalidValue: fewer than one slot, or fewer than one thread; a fraction out of range, of a CPU, or too large for
            so many slots.
    """
    if gpu_fraction is not None:
        slots = _slots_of(devices, slots, gpu_fraction)
    slots = 1 if slots is None else slots
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
        shown = visible[index] if index < len(visible) else str(index)
        places.append(Place(name, "cuda", shown, threads, gpu_fraction))
    return tuple(places)


def _slots_of(devices: tuple[str, ...], slots: int | None, gpu_fraction: float) -> int:
    if not 0.0 < gpu_fraction <= 1.0:
        raise InvalidValue(f"A slot cannot have {gpu_fraction:g} of a GPU; it must be more than 0 and at most 1.")
    if devices == ("cpu",):
        raise InvalidValue(f"A slot cannot have {gpu_fraction:g} of a GPU, because there is none; leave it out.")
    most = len(devices) * int(1.0 / gpu_fraction + 1e-9)  # 1e-9: a third, written .333…, and the like
    if slots is not None and slots > most:
        raise InvalidValue(
            f"There cannot be {slots} slots with {gpu_fraction:g} of a GPU each on {len(devices)} GPUs; at most {most}."
        )
    return most if slots is None else slots

"""Which devices there are, and how slots share them. The worker itself never imports torch; a probe child does."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
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
        fraction: of the GPU's memory that must be free before an attempt is placed; None: not looked at, as the GPU
            is not shared.
    """

    name: str
    device: str
    visible: str
    threads: int
    fraction: float | None = None


def gpus() -> tuple[str, ...]:
    """The GPUs that torch finds here, "cuda:0", …, in the order of their places on the bus, as in nvidia-smi."""
    answer = subprocess.run(
        [sys.executable, "-c", PROBE],
        capture_output=True,
        text=True,
        timeout=PROBE_LIMIT_S,
        check=False,
        env={**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
    )
    names = [line for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []
    return tuple(f"cuda:{i}" for i in range(len(names)))


def probe() -> tuple[str, ...]:
    """The devices that torch can use: its GPUs or "cpu" alone. Without NVIDIA's tools, nothing is started."""
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidiactl").exists():
        return ("cpu",)
    return gpus() or ("cpu",)


def parse(text: str, found: Callable[[], tuple[str, ...]] = gpus) -> tuple[str, ...]:
    """The devices of `--devices`: "auto", "cpu", or "cuda:0,cuda:1".

    Args:
        found: the GPUs that there are; asked only where the text names some.

    Raises:
        InvalidValue: anything else; CPU and GPUs mixed; a GPU that is not there, or that is named twice.
    """
    if text == "auto":
        return probe()
    parts = tuple(part.strip() for part in text.split(","))
    if parts == ("cpu",):
        return parts
    devices: list[str] = []
    for part in parts:
        kind, _, index = part.partition(":")
        if kind != "cuda" or not index.isdecimal():
            raise InvalidValue(f"There is no device '{part}'; write auto, cpu, or a list such as cuda:0,cuda:1.")
        device = f"cuda:{int(index)}"
        if device in devices:
            raise InvalidValue(f"The device '{device}' is named twice; several slots share it by --slots.")
        devices.append(device)
    here = found()
    for device in devices:
        if device not in here:
            raise InvalidValue(f"There is no device '{device}'; torch finds {', '.join(here) or 'no GPU'}.")
    return tuple(devices)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(
    devices: tuple[str, ...], slots: int | None, threads_per_slot: int | None, gpu_fraction: float | None = None
) -> tuple[Place, ...]:
    """The slots' places: devices in turn, CPU threads divided evenly (at least one each).

    Args:
        devices: of `parse`.
        slots: how many; None for one per GPU or as many as the fraction allows, and on CPU for one per core.
        threads_per_slot: None for the cores divided by the slots.
        gpu_fraction: of a GPU that a slot gets, in (0, 1]; None: GPUs are shared by as many slots as there are, in
            equal parts.

    Raises:
        InvalidValue: fewer than one slot, or fewer than one thread; a fraction out of range, of a CPU, or too large for
            so many slots; a GPU that CUDA_VISIBLE_DEVICES hides.
    """
    if gpu_fraction is not None:
        slots = _slots_of(devices, slots, gpu_fraction)
    if slots is None:
        slots = cores() if devices == ("cpu",) else len(devices)
    if slots < 1:
        raise InvalidValue(f"There cannot be {slots} slots; a worker needs at least 1.")
    if threads_per_slot is not None and threads_per_slot < 1:
        raise InvalidValue(f"There cannot be {threads_per_slot} threads in a slot; it needs at least 1.")
    threads = threads_per_slot or max(1, cores() // slots)
    if devices == ("cpu",):
        return tuple(Place(f"cpu:{i}", "cpu", "", threads) for i in range(slots))
    sharing = Counter(devices[i % len(devices)] for i in range(slots))
    places = []
    for i in range(slots):
        device = devices[i % len(devices)]
        name = device if slots <= len(devices) else f"{device}/{i // len(devices)}"
        equal = 1.0 / sharing[device] if sharing[device] > 1 else None  # alone, a slot may find what others left it
        places.append(Place(name, "cuda", _shown(device), threads, gpu_fraction or equal))
    return tuple(places)


def _shown(device: str) -> str:
    """What CUDA_VISIBLE_DEVICES must be for a child to see this GPU alone: of ours, if there is one, its entry (an
    index, or the UUID of a GPU or of a slice of one)."""
    index, ours = int(device.removeprefix("cuda:")), os.environ.get("CUDA_VISIBLE_DEVICES")
    if ours is None:
        return str(index)
    visible = _visible(ours)
    if index >= len(visible):
        left = ", ".join(f"cuda:{i}" for i in range(len(visible))) or "no GPU"
        raise InvalidValue(f"There is no device '{device}'; CUDA_VISIBLE_DEVICES is '{ours}', which leaves {left}.")
    return visible[index]


def _visible(text: str) -> list[str]:
    """The entries that CUDA reads: as far as the first that names no GPU, and none where one is named twice.

    Source: CUDA C++ Programming Guide, "CUDA environment variables"; of doubles, torch.cuda says the same.
    """
    entries: list[str] = []
    for entry in (part.strip() for part in text.split(",")):
        if not entry.isdecimal() and not entry.startswith(("GPU-", "MIG-")):
            break
        if entry in entries:
            return []
        entries.append(entry)
    return entries


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

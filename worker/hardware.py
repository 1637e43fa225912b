"""What an attempt's own process knows of its device, which the worker that placed it does not: it imports no torch."""

import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")


def describe(device: str) -> dict[str, Any]:
    """The device's model, and on CUDA the versions of what drives it.

    Args:
        device: of `worker.order.Setting`.
    """
    torch: Any = sys.modules.get("torch")  # a runner without it has no CUDA either
    if torch is None or not device.startswith("cuda"):
        return {"device_model": cpu_model()}
    return {
        "device_model": torch.cuda.get_device_name(device),
        "device_memory_bytes": torch.cuda.get_device_properties(device).total_memory,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


@cache
def cpu_model() -> str:
    """ "AMD EPYC 7B13", where the system tells; else the machine's type."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    names = [value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name"]
    return names[0] if names else platform.processor() or platform.machine()

"""How much memory of a GPU is free, whoever uses the rest, by NVIDIA's own tool."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import lru_cache

SLACK = 0.1  # of a slot's share that idle children's contexts and the driver may hold
LIMIT_S = 10.0  # for an answer
FRESH_S = 1.0  # how long an answer is good for
QUERY = ("--query-gpu=index,uuid,memory.free,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one GPU, in MiB."""

    free_mib: int
    total_mib: int

    def has_room(self, fraction: float) -> bool:
        """Whether that share of the whole is free, but for the slack."""
        return self.free_mib >= (1.0 - SLACK) * fraction * self.total_mib


def read(visible: str) -> Memory | None:
    """Of the GPU with this index or UUID (its beginning suffices, as for CUDA); None where nobody tells."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    for index, uuid, memory in _table(tool, int(time.monotonic() / FRESH_S)):
        if visible == index or (visible.startswith("GPU-") and uuid.startswith(visible)):
            return memory
    return None


def parse(text: str) -> tuple[tuple[str, str, Memory], ...]:
    """(index, UUID, memory) of every GPU in the tool's answer; lines without numbers are left out."""
    table = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 4 and cells[2].isdigit() and cells[3].isdigit():
            table.append((cells[0], cells[1], Memory(int(cells[2]), int(cells[3]))))
    return tuple(table)


@lru_cache(maxsize=1)
def _table(tool: str, _moment: int) -> tuple[tuple[str, str, Memory], ...]:
    try:
        answer = subprocess.run([tool, *QUERY], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse(answer.stdout)

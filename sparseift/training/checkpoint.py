"""Everything a run needs to go on bit for bit, in two files: `tensors.safetensors` and `state.json`. No pickle.

A checkpoint is a folder `step-00000120`. It is written beside, synced and renamed, so it exists whole or not at all.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from sparseift.errors import CheckpointError

TENSORS, STATE, PREFIX = "tensors.safetensors", "state.json", "step-"
FORMAT = 1
KEPT = 2  # newest checkpoints that stay; the store may name the one before the last for a moment


def save(folder: Path, step: int, state: Mapping[str, Any], record: Mapping[str, Any]) -> Path:
    """Write a checkpoint and delete all but the newest two.

    Args:
        folder: of one trial's checkpoints.
        step: optimizer steps done.
        state: tensors, numbers, strings and None in any nesting of dicts, lists and tuples, such as `state_dict()`s.
        record: JSON that `load` gives back, such as the trial's specification.

    Returns:
        The checkpoint's folder.

    Raises:
        CheckpointError: the state holds something else, or the disk refuses.
    """
    final = folder / f"{PREFIX}{step:08d}"
    tensors: dict[str, Tensor] = {}
    tree = _pack(dict(state), "", tensors)
    data = save_tensors(tensors)
    text = json.dumps(
        {"format": FORMAT, "step": step, "sha256": hashlib.sha256(data).hexdigest(), "record": record, "tree": tree}
    )
    beside = folder / f".{final.name}.{os.getpid()}"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for name, content in ((TENSORS, data), (STATE, text.encode())):
            with (beside / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(beside)
        if final.exists():  # a step that a resumed run repeats
            aside = folder / f".{final.name}.{os.getpid()}.old"
            shutil.rmtree(aside, ignore_errors=True)  # of an earlier process with our number
            final.rename(aside)
        beside.rename(final)
        _sync(folder)
        for old in [*_steps(folder)[:-KEPT], *folder.glob(".*.old")]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise CheckpointError(f"{final} could not be written: {error}.") from error
    return final


def load(path: Path) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Read a checkpoint: (step, state, record), tensors on the CPU.

    Raises:
        CheckpointError: it is missing, incomplete, corrupt or of another format.
    """
    try:
        saved = json.loads((path / STATE).read_bytes())
        data = (path / TENSORS).read_bytes()
        if saved["format"] != FORMAT:
            raise CheckpointError(f"{path} has the format {saved['format']}; this version reads {FORMAT}.")
        if hashlib.sha256(data).hexdigest() != saved["sha256"]:
            raise CheckpointError(f"{path} is corrupt: the tensors are not those that were written.")
        return int(saved["step"]), _unpack(saved["tree"], load_tensors(data)), saved["record"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error


def newest(folder: Path) -> Path | None:
    """The checkpoint with the most steps, if there is one."""
    steps = _steps(folder)
    return steps[-1] if steps else None


def _steps(folder: Path) -> list[Path]:
    """By rising step, whatever the number of digits."""
    steps = {path: path.name.removeprefix(PREFIX) for path in folder.glob(f"{PREFIX}*")}
    return sorted((path for path, step in steps.items() if step.isdecimal()), key=lambda path: int(steps[path]))


def _sync(folder: Path) -> None:
    """Make a rename durable, where folders can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _pack(value: Any, at: str, tensors: dict[str, Tensor]) -> Any:
    """JSON of a nested state; tensors go to `tensors` under their place."""
    if isinstance(value, Tensor):
        tensors[at] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": at}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(item, f"{at}/{key}" if at else str(key), tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(item, f"{at}/{i}", tensors) for i, item in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointError(f"The state's {at} is a {type(value).__name__}; only tensors and plain values are saved.")


def _unpack(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of `_pack`."""
    if not isinstance(tree, dict):
        return tree
    (kind, content), *_ = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    items = [_unpack(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's generators that a run on `device` draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: Mapping[str, Tensor], device: torch.device) -> None:
    """The inverse of `random_state`."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)

"""What a mask trainer's saved state must look like: checked as a whole before anything of it is assigned."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sparseift.errors import CheckpointError


def checked_generator(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> Tensor:
    """The random state of a trainer's saved state, of which all else was looked at too, before anything is assigned.

    Raises:
        CheckpointError: something is missing, or of another shape or kind.
    """
    scalars = ("step", "skipped_updates", "last_churn")
    missing = [key for key in (*scalars, "generator") if not isinstance(state.get(key), Tensor)]
    if missing:
        raise CheckpointError(f"The mask state in the checkpoint lacks {', '.join(missing)}.")
    wanted: dict[str, tuple[int, ...]] = {key: () for key in (*scalars, "is_late") if key in state}
    wanted |= {key: shapes.get(key.partition(".")[2], ()) for key in state if "." in key}
    wrong = [key for key, shape in wanted.items() if not isinstance(state[key], Tensor) or state[key].shape != shape]
    if wrong:
        raise CheckpointError(
            f"The mask state in the checkpoint has other shapes than the model's in {', '.join(wrong)}."
        )
    generator = state["generator"].cpu()
    try:
        torch.Generator().set_state(generator)
    except (RuntimeError, TypeError) as error:
        raise CheckpointError("The mask state in the checkpoint holds no random state of the CPU.") from error
    return generator


def plain_name(name: str) -> str:
    """A parameter's name without what DDP and torch.compile put before it, so that a run may resume without them."""
    return name.replace("_orig_mod.", "").removeprefix("module.")

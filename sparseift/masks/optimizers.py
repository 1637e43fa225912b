"""What a mask trainer must know of an optimizer: whether it is elementwise, and how a new weight's state begins."""

from typing import Any

import torch
from torch import Tensor

from sparseift.errors import InvalidValue
from sparseift.masks.update import fill_at

# Their update of one weight reads the gradients of others, so what is masked must not be there for them to read.
NOT_ELEMENTWISE = ("Adafactor", "Muon", "Shampoo", "SOAP")


def needs_masked_gradients(optimizer: torch.optim.Optimizer) -> bool:
    """Whether masked gradients must be zero when it steps ("grad" mode) rather than its result projected.

    Raises:
        InvalidValue: an optimizer that computes gradients itself, inside its step, where no mask reaches them.
    """
    name = type(optimizer).__name__
    if name == "LBFGS":
        raise InvalidValue(
            "LBFGS computes gradients inside its step, where masks cannot reach them; use another optimizer."
        )
    return name in NOT_ELEMENTWISE


def reset_state(group: dict[str, Any], state: dict[str, Any], weight: Tensor, grown: Tensor) -> None:
    """Give new weights the state that they would have had at step 0, and nobody else.

    Args:
        group: the weight's parameter group. state: the optimizer's, of this weight.
        grown: flat positions. State that is not per element (factored moments, step counters) is left alone.
    """
    for key, value in state.items():
        if isinstance(value, Tensor) and value.shape == weight.shape:
            fill_at(value, grown, initial_value(group, key))


def initial_value(group: dict[str, Any], key: str) -> float:
    """What an optimizer's per-element state holds before the first step: 0, but for Rprop's and Adagrad's."""
    if key == "step_size":  # torch.optim.Rprop
        return float(group["lr"])
    if key == "sum":  # torch.optim.Adagrad
        return float(group.get("initial_accumulator_value", 0.0))
    return 0.0

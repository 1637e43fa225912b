"""What a mask trainer must know of an optimizer: whether it is elementwise, its momentum, how new state begins."""

from typing import Any

import torch
from torch import Tensor

from sparseift.errors import InvalidValue
from sparseift.masks.sharding import fill

# Their update of one weight reads others' gradients, so what is masked must not be there for them to read.
NOT_ELEMENTWISE = (
    "adafactor", "came", "distributedshampoo", "kron", "lamb", "lars", "muon", "novograd", "shampoo", "sm3", "soap",
)  # fmt: skip
MOMENTUM_KEYS = ("momentum_buffer", "exp_avg")  # of SGD, RMSprop and Muon; of Adam and its kin, Lion too
_NEVER_MOMENTUM = ("adadelta", "adagrad", "asgd", "rprop")


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
    return name.lower() in NOT_ELEMENTWISE


def check_momentum(optimizer: torch.optim.Optimizer, masks_gradients: bool) -> None:
    """Refuse, before the first step, an optimizer whose momentum says nothing of masked weights (SNFS grows on it).

    Raises:
        InvalidValue: it has none, or masked weights' gradients never reach it.
    """
    name = type(optimizer).__name__
    if masks_gradients:
        raise InvalidValue(
            f"{name} is stepped with masked gradients, so its momentum knows nothing of masked weights and 'snfs' "
            "cannot grow on it; use 'rigl' with gradient_steps instead, or an elementwise optimizer."
        )
    without = name.lower() in _NEVER_MOMENTUM or any(
        group.get("momentum", 1) == 0 and "betas" not in group for group in optimizer.param_groups
    )
    if without:
        raise InvalidValue(_no_momentum(name))


def momentum_of(optimizer: torch.optim.Optimizer, weight: Tensor) -> Tensor:
    """A weight's momentum after a step.

    Raises:
        InvalidValue: the optimizer keeps none.
    """
    state = optimizer.state.get(weight, {})
    found: Tensor | None = next((state[key] for key in MOMENTUM_KEYS if isinstance(state.get(key), Tensor)), None)
    if found is None:
        raise InvalidValue(_no_momentum(type(optimizer).__name__))
    return found


def _no_momentum(name: str) -> str:
    return (
        f"'snfs' grows where momentum is largest, and {name} keeps none in its state; it must hold "
        f"{' or '.join(repr(key) for key in MOMENTUM_KEYS)}, as SGD with momentum and Adam do."
    )


def reset_state(group: dict[str, Any], state: dict[str, Any], weight: Tensor, grown: Tensor) -> None:
    """Give new weights the state that they would have had at step 0, and nobody else.

    Args:
        group: the weight's parameter group. state: the optimizer's, of this weight.
        grown: flat positions. State that is not per element (factored moments, step counters) is left alone.
    """
    for key, value in state.items():
        if isinstance(value, Tensor) and value.shape == weight.shape:
            fill(value, grown, initial_value(group, key))


def initial_value(group: dict[str, Any], key: str) -> float:
    """What an optimizer's per-element state holds before the first step: 0, but for Rprop's and Adagrad's."""
    if key == "step_size":  # torch.optim.Rprop
        return float(group["lr"])
    if key == "sum":  # torch.optim.Adagrad
        return float(group.get("initial_accumulator_value", 0.0))
    return 0.0

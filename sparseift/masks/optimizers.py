"""What a mask trainer must know of an optimizer: whether it is elementwise, its momentum, how new state begins."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sparseift.errors import InvalidValue
from sparseift.masks.sharding import fill

# Their update of one weight reads others' gradients, so what is masked must not be there for them to read; a schedule-
# free optimizer's does not, but it takes weights from its state. Parts of class names, for each has many
# implementations; a name too many costs no more than SNFS.
NOT_ELEMENTWISE = (
    "adafactor", "adam_mini", "adammini", "apollo", "came", "dadapt", "galore", "kron", "lamb", "lars", "muon",
    "novograd", "prodigy", "schedulefree", "shampoo", "sm3", "soap",
)  # fmt: skip
MOMENTUM_KEYS = ("momentum_buffer", "exp_avg")  # of SGD, RMSprop and Muon; of Adam and its kin, Lion too
_NEVER_MOMENTUM = ("adadelta", "adagrad", "asgd", "rprop")


def needs_masked_gradients(optimizer: torch.optim.Optimizer) -> bool:
    """Whether masked gradients must be zero when it steps ("grad" mode) rather than its result projected.

    Raises:
        InvalidValue: an optimizer that computes gradients itself, inside its step, where no mask reaches them.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        raise InvalidValue(
            "LBFGS computes gradients inside its step, where masks cannot reach them; use another optimizer."
        )
    classes = [base.__name__.lower() for base in type(optimizer).__mro__]
    return any(part in name for part in NOT_ELEMENTWISE for name in classes)


def check_momentum(name: str, groups: Sequence[Mapping[str, Any]], masks_gradients: bool) -> None:
    """Refuse, before the first step, an optimizer whose momentum says nothing of masked weights (SNFS grows on it).

    Args:
        name: of the optimizer's class. groups: those parameter groups that hold masked weights.

    Raises:
        InvalidValue: it has none, or masked weights' gradients never reach it.
    """
    if masks_gradients:
        raise InvalidValue(
            f"{name} is stepped with masked gradients, so its momentum knows nothing of masked weights and 'snfs' "
            "cannot grow on it; use 'rigl' with gradient_steps instead, or an elementwise optimizer."
        )
    without = name.lower() in _NEVER_MOMENTUM or any(
        group.get("momentum", 1) == 0 and "betas" not in group for group in groups
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
    if found is None or not found.is_floating_point():
        raise InvalidValue(_no_momentum(type(optimizer).__name__))
    return found


def _no_momentum(name: str) -> str:
    return (
        f"'snfs' grows where momentum is largest, and {name} keeps none in its state; it must hold "
        f"{' or '.join(repr(key) for key in MOMENTUM_KEYS)}, as SGD with momentum and Adam do."
    )


def reset_state(group: dict[str, Any], state: dict[str, Any], weight: Tensor, fresh: Tensor) -> tuple[str, ...]:
    """Give some weights the state that they would have had at step 0, and nobody else.

    Args:
        group: the weight's parameter group. state: the optimizer's, of this weight.
        fresh: flat positions. State that is not per element (factored moments, step counters) is left alone.

    Returns:
        Keys of state that is per element and was left alone too: what is not floating-point is quantised, and says
        nothing without its scales (8-bit optimizers).
    """
    kept = []
    for key, value in state.items():
        if not isinstance(value, Tensor) or value.shape != weight.shape:
            continue
        if value.is_floating_point():
            fill(value, fresh, initial_value(group, key))
        else:
            kept.append(key)
    return tuple(kept)


def initial_value(group: dict[str, Any], key: str) -> float:
    """What an optimizer's per-element state holds before the first step: 0, but for Rprop's and Adagrad's."""
    if key == "step_size":  # torch.optim.Rprop
        return float(group["lr"])
    if key == "sum":  # torch.optim.Adagrad
        return float(group.get("initial_accumulator_value", 0.0))
    return 0.0

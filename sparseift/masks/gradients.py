"""Dense gradients, seen before the optimizer sees them and summed over steps, each with its own loss scale undone."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sparseift.masks.sharding import local


@torch.no_grad()
def add_up(sums: dict[str, Tensor], gradients: Mapping[str, Tensor], scale: Tensor | None) -> None:
    """Add gradients to sums, in place; the first of a name is copied. A constant number of operators, no host sync.

    Args:
        sums, gradients: parameter name -> tensor, whole or sharded.
        scale: that the loss was multiplied with; None where the gradients are true ones.
    """
    known = [name for name in gradients if name in sums]
    if known:
        terms = [local(gradients[name]) for name in known]
        if scale is not None:
            terms = list(torch._foreach_div(terms, scale))
        torch._foreach_add_([local(sums[name]) for name in known], terms)
    new = [name for name in gradients if name not in sums]
    if new:
        copies = torch._foreach_div([gradients[name] for name in new], 1.0 if scale is None else scale)
        sums.update(zip(new, copies, strict=True))


def after_closure(args: tuple[Any, ...], kwargs: dict[str, Any], action: Callable[[], None]) -> Any:
    """Act when the gradients of a step are there: now, or after each call of the closure that computes them.

    Args:
        args, kwargs: of `optimizer.step`, the optimizer first, as its pre-hooks get them.

    Returns:
        What a pre-hook returns: None, or (args, kwargs) with a closure that acts after the one that was given.
    """
    given = kwargs.get("closure") if len(args) < 2 else args[1]
    if given is None:
        action()
        return None

    def closure() -> Any:
        loss = given()
        action()
        return loss

    if len(args) < 2:
        return args, {**kwargs, "closure": closure}
    return (args[0], closure, *args[2:]), kwargs

"""A dense model, read before it is changed: what its layers may become, and what it costs."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from sparseift import huggingface
from sparseift.errors import InvalidValue
from sparseift.example import Example
from sparseift.flops import FlopCount, count
from sparseift.layers import Roles, Rule, assign_roles, check_rules
from sparseift.ledger import Network
from sparseift.masks.state import masks_of
from sparseift.replacement import Swaps, take_attention_apart
from sparseift.sizing import network


@dataclass(frozen=True, slots=True)
class Dense:
    """What was read.

    Attributes:
        roles: of its layers.
        counted: its FLOPs; network: as the solver sees it; both before any layer was replaced.
        apart: the attentions that were taken apart in the model, because one of their projections has a role.
    """

    roles: Roles
    counted: FlopCount
    network: Network
    apart: Swaps


def read(
    model: nn.Module,
    example_input: Example,
    rules: Iterable[Rule],
    *,
    more: tuple[Rule, ...] = (),
    replacing: bool = True,
) -> Dense:
    """Count a dense model, give its layers roles, and take apart the attentions that are touched.

    Args:
        rules: the caller's; each must select something.
        more: those of the architecture, after the caller's.
        replacing: see `assign_roles`.

    Raises:
        InvalidValue: the model has masks, its forward does not run, or a rule selects nothing.
        UnknownName, NothingToTransform: as `check_rules`, `assign_roles`. The model is then as it was.
    """
    if masks_of(model):
        raise InvalidValue("The model has masks already; its FLOPs are a dense model's no more. Transform a dense one.")
    apart = Swaps(model)
    try:
        take_attention_apart(model, apart)
        counted = count(model, example_input)
        every = (*check_rules(model, rules), *more, *huggingface.rules_of(model))
        roles = assign_roles(model, counted, every, replacing=replacing)
        seen = network(model, counted, roles)
    finally:
        apart.undo()
    take_attention_apart(model, apart, keep=roles)
    return Dense(roles, counted, seen, apart)

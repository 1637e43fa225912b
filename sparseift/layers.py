"""Which layers of a model are transformed, which are masked only, and which stay dense, and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from torch import nn

from sparseift.attention import SeparateAttention
from sparseift.errors import InvalidValue, NothingToTransform, UnknownName
from sparseift.families.kinds import CONVOLUTIONS, LAYERS, is_hugging_face_conv1d
from sparseift.flops import FlopCount

Role = Literal["transform", "mask", "dense"]
ROLES: tuple[Role, ...] = get_args(Role)

# A glob over module names (`*` matches dots too), a module type, or a question about (name, module). It selects the
# modules it matches and all that is inside them.
Selector = str | type[nn.Module] | Callable[[str, nn.Module], bool]
Rule = tuple[Selector, Role]


@dataclass(frozen=True, slots=True)
class Roles:
    """Module names in model order.

    Attributes:
        transform: replaced by a family's block; by Sparse Wide, widened and masked.
        mask_only: masked as they are.
        dense: every other linear and convolution layer, with the reason.
    """

    transform: tuple[str, ...]
    mask_only: tuple[str, ...]
    dense: dict[str, str]


def assign_roles(model: nn.Module, counted: FlopCount, rules: Iterable[Rule] = (), *, replacing: bool = True) -> Roles:
    """Give every linear and convolution layer its role.

    The first rule that selects a layer decides (`transform` adds those of a Hugging Face `model_type` to the
    caller's). After the rules come the paper's defaults: stems (layers whose input depends on no other layer and on no
    embedding) and heads (layers whose output no other layer reads) stay dense, and everything else is transformed.
    They look at no dimension (the official code keeps any layer dense that has one equal to the number of classes).

    Whatever the rules say, these stay dense: layers that the forward does not use, weights tied to another module's
    (an embedding shared with the head), and layers whose weights are not all used equally often. Depthwise
    convolutions (one input channel per group: the rest pays for them) are never replaced, and masked only where a rule
    asks for it. Subclasses are not replaced, for their makers may read the weights, and layers with hooks neither,
    unless a rule asks for it.

    Args:
        model: as built, before any transformation.
        counted: its FLOP count, for what is used and in which order.
        rules: see `Rule`.
        replacing: whether transformed layers are replaced (the local families) or masked where they are (Wide).

    Raises:
        NothingToTransform: no layer is left to transform.
    """
    rules = tuple(rules)
    ends = {weight.rpartition(".")[0] for weight in (*counted.stems, *counted.heads)}
    tied = _tied_weights(model)
    transform: list[str] = []
    only: list[str] = []
    dense: dict[str, str] = {}
    for name, module in model.named_modules():
        if not _is_layer(module):
            continue
        asked = next((role for selector, role in rules if _selects(selector, model, name)), None)
        role: Role = asked or ("dense" if name in ends else "transform")
        if role == "dense":
            dense[name] = "a rule says so" if asked else "it is a stem or a head"
        elif reason := _obstacle(name, module, counted, tied, role, asked is not None, replacing):
            dense[name] = reason
        else:
            (transform if role == "transform" else only).append(name)
    if not transform:
        listed = "; ".join(f"'{name}': {reason}" for name, reason in list(dense.items())[:8])
        raise NothingToTransform(
            f"{type(model).__name__} has nothing to transform: "
            + (f"{listed}." if listed else "it has no linear or convolution layer.")
        )
    return Roles(tuple(transform), tuple(only), dense)


def check_rules(model: nn.Module, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules, when each is one and selects something: one that does not is a typing error in a glob.

    Raises:
        UnknownName: a role that is none.
        InvalidValue: a selector that selects no module.
    """
    rules = tuple(rules)
    modules = [(name, module) for name, module in model.named_modules() if name]
    for rule in rules:
        if not isinstance(rule, tuple) or len(rule) != 2 or not (isinstance(rule[0], str) or callable(rule[0])):
            raise InvalidValue(
                f"{rule!r} is no rule; rules are pairs of a selector (a glob, a module type, a function of name and "
                f"module) and a role ({', '.join(ROLES)}), such as ('*.head', 'dense')."
            )
        selector, role = rule
        if role not in ROLES:
            raise UnknownName("role", role, ROLES)
        if not any(_matches(selector, name, module) for name, module in modules):
            some = ", ".join(name for name, module in modules if _is_layer(module))
            raise InvalidValue(
                f"The rule {selector!r} selects no module of {type(model).__name__}; its layers: {some}."
            )
    return rules


def _selects(selector: Selector, model: nn.Module, name: str) -> bool:
    """Whether the layer, or a module that it is inside of, matches."""
    return any(_matches(selector, path, model.get_submodule(path)) for path in _lineage(name))


def _matches(selector: Selector, name: str, module: nn.Module) -> bool:
    if isinstance(selector, str):
        return fnmatchcase(name, selector)
    if isinstance(module, SeparateAttention) and module.stands_for:
        module = module.stands_for[0]  # callers know the attention that they built
    return isinstance(module, selector) if isinstance(selector, type) else bool(selector(name, module))


def _lineage(name: str) -> Iterator[str]:
    """The module's name and those of the modules around it; not the root's."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _is_layer(module: nn.Module) -> bool:
    return isinstance(module, LAYERS) or is_hugging_face_conv1d(module)


def _tied_weights(model: nn.Module) -> set[int]:
    """Ids of parameters that several modules own. (One module under several names owns its weights alone.)"""
    owners = Counter(id(p) for module in model.modules() for p in module._parameters.values() if p is not None)
    return {parameter for parameter, count in owners.items() if count > 1}


def _obstacle(
    name: str, module: nn.Module, counted: FlopCount, tied: set[int], role: Role, asked: bool, replacing: bool
) -> str:
    """Why a layer must stay dense; empty if it need not."""
    weight, parameter = f"{name}.weight", module._parameters.get("weight")
    if parameter is None:  # asking for the attribute would compute it, and move spectral norm's vectors
        return "its weight is computed by a parametrization"
    if weight in counted.uneven:
        return "its weights are not used equally often"
    if id(parameter) in tied:
        return "its weight is tied to another module's"
    if weight not in counted.weights:
        return "the forward does not use it"
    replaced = replacing and role == "transform"
    if isinstance(module, CONVOLUTIONS) and 1 < module.groups == module.in_channels and (replaced or not asked):
        return "it is a depthwise convolution"
    if not replaced or asked:
        return ""
    if type(module) not in LAYERS and not is_hugging_face_conv1d(module):
        return f"it is a subclass, {type(module).__name__}, whose maker may read its weight"
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
    return "it has hooks, which would go with it" if any(hooks) else ""

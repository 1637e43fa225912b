"""One forward of a model that is left exactly as it was: on the meta device, or on its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sparseift.errors import InvalidValue
from sparseift.example import Example, on_device, tensors_of


@dataclass(frozen=True, slots=True)
class StandIns:
    """Tensors in place of a model's own.

    Attributes:
        tensors: under every name of every parameter and buffer; what was shared is shared.
        parameters: under the first name of each parameter, in model order.
        device: where they are; None for a model without any, which runs wherever its input is.
    """

    tensors: dict[str, Tensor]
    parameters: dict[str, Tensor]
    device: torch.device | None


def meta_stand_ins(model: nn.Module) -> StandIns:
    """Empty tensors on the meta device."""
    tensors, parameters = _stand_ins(
        model, lambda t: torch.empty_like(t, device="meta", memory_format=torch.contiguous_format)
    )
    return StandIns(tensors, parameters, torch.device("meta"))


def real_stand_ins(model: nn.Module) -> StandIns:
    """The parameters' own memory, copied only where two share it; copies of the buffers, which a forward may write to.

    Raises:
        InvalidValue: the model has no values, because it is on the meta device.
    """
    storages: set[int] = set()

    def stand_in(tensor: Tensor) -> Tensor:
        if tensor.is_meta:
            raise InvalidValue("its own tensors are on the meta device and have no values")
        storage = storage_of(tensor)
        if isinstance(tensor, nn.Parameter) and storage not in storages:
            storages.add(storage)
            return tensor.detach()
        return tensor.detach().clone()

    tensors, parameters = _stand_ins(model, stand_in)
    return StandIns(tensors, parameters, next((t.device for t in tensors.values()), None))


def storage_of(tensor: Tensor) -> int:
    """An identity that all views of a tensor share, as long as one of them lives."""
    if tensor.layout == torch.sparse_coo:
        tensor = tensor._values()
    elif tensor.layout != torch.strided:  # CSR and its kin
        tensor = tensor.values()
    return int(tensor.untyped_storage()._cdata)


def _stand_ins(model: nn.Module, make: Callable[[Tensor], Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    # One stand-in per tensor, under each of its names: `functional_call`'s own tying would leave modules that are
    # registered twice with the stand-in.
    made: dict[int, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    parameters: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        for leaf, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is None:
                continue
            name = f"{path}.{leaf}" if path else leaf
            if id(tensor) not in made:
                made[id(tensor)] = make(tensor).requires_grad_(False)
                if isinstance(tensor, nn.Parameter):
                    parameters[name] = made[id(tensor)]
            tensors[name] = made[id(tensor)]
    return tensors, parameters


def call(model: nn.Module, stand_ins: StandIns, example: Example) -> Any:
    """The model's output for an example that is moved to the stand-ins' device."""
    device = stand_ins.device or tensors_of(example)[0].device
    if device.type != "meta" and any(t.is_meta for t in tensors_of(example)):
        raise InvalidValue("the example input is on the meta device and has no values")
    args, kwargs = on_device(example, device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        return functional_call(model, stand_ins.tensors, args, kwargs, tie_weights=False)


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Undo on leaving whatever a forward did to the modules' attributes: modes, caches, buffers that it registered, and
    the weight lists of recurrent layers, in which `functional_call` leaves its stand-ins.

    Shallow: what nested containers hold is not looked at, nor are tensors' values.
    """
    kept = [
        (vars(m), vars(m).copy(), [(v, v.copy()) for v in vars(m).values() if isinstance(v, dict | list | set)])
        for m in model.modules()
    ]
    try:
        yield
    finally:
        for attributes, before, containers in kept:
            for container, content in containers:
                if container != content if isinstance(container, set) else not _same(container, content):
                    container.clear()
                    container.extend(content) if isinstance(container, list) else container.update(content)
            if not _same(attributes, before):
                attributes.clear()
                attributes.update(before)


def _same(a: Any, b: Any) -> bool:
    """Whether two dictionaries or lists hold the very same objects in the same order; tensors are not compared."""
    if len(a) != len(b):
        return False
    if isinstance(a, dict):
        return all(k is j and v is w for (k, v), (j, w) in zip(a.items(), b.items(), strict=True))
    return all(v is w for v, w in zip(a, b, strict=True))

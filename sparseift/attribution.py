"""Books the FLOPs of every operator of a forward on the parameter that it multiplies with."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sparseift.ends import LOOKUPS, Ends
from sparseift.errors import InvalidValue
from sparseift.flop_formulas import entries, flops_of
from sparseift.rehearsal import storage_of
from sparseift.shapes import shortcut

# Of a parameter's storage: the offset, and the (size, stride) of every dimension, the widest stride first.
Part = tuple[int, tuple[tuple[int, int], ...]]


class Attribution(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class hook has no types
    """What a forward costs, weight by weight.

    A tensor is known for a parameter when it shares its storage, or was computed from the whole of it and other tensors
    of the model alone (a cast, a masked or normalised weight).

    Args:
        parameters: name -> tensor that the forward reads.
        others: the model's other tensors (buffers).

    Attributes:
        weight_free: FLOPs of operators that read no parameter.
        ends: where the network begins and ends.
    """

    def __init__(self, parameters: Mapping[str, Tensor], others: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numels = {name: t.numel() for name, t in parameters.items()}
        self.names = {storage_of(t): name for name, t in parameters.items()}
        self.known = {storage_of(t) for t in (*parameters.values(), *others)}
        self.derived: list[Tensor] = []  # kept, so that no later storage gets a known one's address
        self.by_slice: dict[str, dict[Part, int]] = {}
        self.routed: set[str] = set()
        self.weight_free = 0
        self.ends = Ends()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if func._schema.is_mutable and tensors and (name := self.name_of(tensors[0])):
            raise InvalidValue(f"it writes to its parameter '{name}' ({func})")
        out = shortcut(func, args)
        if out is NotImplemented:
            out = func(*args, **kwargs)
        read = {storage_of(t) for t in tensors}
        written = [t for t in tree_leaves(out) if isinstance(t, Tensor) and storage_of(t) not in read]
        flops = flops_of(func, args, kwargs, out)
        if flops is not None:
            operator = func._overloadpacket.__name__
            weight = self.book(flops, _factors(operator, tensors), is_routed="grouped_mm" in operator)
            self.ends.pass_through(read - self.known, map(storage_of, written), weight)
        elif tensors and read <= self.known:
            self.derive(tensors, written)
        else:
            is_lookup = func._overloadpacket.__name__ in LOOKUPS
            table = next((n for t in tensors if t.ndim > 1 and (n := self.name_of(t))), None) if is_lookup else None
            self.ends.pass_through(read - self.known, map(storage_of, written), None, table)
        if func._schema.is_mutable and tensors:
            self.ends.written_in_place(storage_of(tensors[0]), read - self.known)
        return out

    def name_of(self, tensor: Tensor) -> str | None:
        """The parameter that a tensor is, is a view of, or was computed from."""
        return self.names.get(storage_of(tensor))

    def derive(self, sources: Sequence[Tensor], written: Sequence[Tensor]) -> None:
        """Know tensors computed from the model alone, and by name those of a whole parameter's size."""
        for tensor in written:
            self.derived.append(tensor)
            self.known.add(storage_of(tensor))
            name = next((n for t in sources if (n := self.name_of(t)) and self.numels[n] == t.numel()), None)
            if name is not None and tensor.numel() == self.numels[name]:
                self.names[storage_of(tensor)] = name

    def book(self, flops: int, factors: Sequence[Tensor], *, is_routed: bool = False) -> str | None:
        """Add to the first factor that is a parameter, or to no weight.

        Args:
            is_routed: whether data decide which part of the weight is used (a mixture of experts).

        Returns:
            The parameter's name.
        """
        for factor in factors:
            if name := self.name_of(factor):
                if is_routed:
                    self.routed.add(name)
                slices = self.by_slice.setdefault(name, {})
                key = _part(factor)
                slices[key] = slices.get(key, 0) + flops
                return name
        self.weight_free += flops
        return None

    def uses(self, name: str) -> int | None:
        """Multiply-accumulates of each weight of a parameter; None when its weights are not all used equally often."""
        if name in self.routed:
            return None
        numel = self.numels[name]
        slices = {part: flops for part, flops in self.by_slice[name].items() if _size(part) != numel}
        total = (self.flops(name) - sum(slices.values())) // (2 * numel)
        rates = {flops / (2 * _size(part)) for part, flops in slices.items()}
        if not rates:
            return total if self.flops(name) == 2 * numel * total else None
        rate = rates.pop()
        if rates or not _tile(slices, numel) or not rate.is_integer():
            return None
        return total + int(rate)

    def flops(self, name: str) -> int:
        """All that is booked on a parameter."""
        return sum(self.by_slice[name].values())


def _factors(operator: str, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The tensors that may be the weight of an operator, likeliest first."""
    if "attention" in operator:
        return ()
    if "convolution" in operator:
        return tensors[1::-1]  # (input, weight, bias)
    return tensors[:-3:-1]  # (bias, matrix, matrix) or (matrix, matrix)


def _part(tensor: Tensor) -> Part:
    """Which part of a parameter a view reads, alike for a view and its transpose."""
    if tensor.layout != torch.strided:
        return 0, ((entries(tensor), 1),)
    steps = sorted(zip(tensor.stride(), tensor.shape, strict=True), reverse=True)
    dimensions: list[tuple[int, int]] = []
    for stride, size in steps:
        if size == 1 or not stride:  # those of expanded dimensions are read once
            continue
        if dimensions and dimensions[-1][1] == size * stride:
            dimensions[-1] = (dimensions[-1][0] * size, stride)
        else:
            dimensions.append((size, stride))
    return int(tensor.storage_offset()), tuple(dimensions)


def _size(part: Part) -> int:
    return math.prod(size for size, _ in part[1])


def _tile(parts: Iterable[Part], numel: int) -> bool:
    """Whether every weight of a parameter lies in exactly one of its parts."""
    parts = list(parts)
    last = max(offset + sum((size - 1) * stride for size, stride in dims) for offset, dims in parts)
    if sum(map(_size, parts)) != numel or last >= numel:
        return False
    covered = torch.zeros(numel, dtype=torch.bool, device="cpu")
    for offset, dims in parts:
        covered.as_strided([size for size, _ in dims], [stride for _, stride in dims], offset).fill_(True)
    return bool(covered.all())

"""FLOPs of code that runs: forward and backward, of any model, on any device.

Counts what is executed, by the algorithm of each operator (`sparseift.flop_formulas`): masked kernels do dense work, so
a masked model costs here what its dense shapes cost; `sparseift.count` and `nonzero_flops` give the algorithmic FLOPs.
"""

from typing import Any, Literal, Self, get_args

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sparseift.errors import InvalidValue
from sparseift.flop_formulas import flops_of, is_causal

Causal = Literal["full", "half"]


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's class hook has no types
    """A context that counts the FLOPs of everything torch executes inside it, for the whole batch.

    >>> layer = torch.nn.Linear(3, 7)
    >>> with FlopCounter() as counter:
    ...     layer(torch.ones(5, 3)).sum().backward()
    >>> counter.forward, counter.backward
    (210, 210)

    (No gradient is computed for an input that asks for none: one backward product, not two.)

    Differs from torch's own `FlopCounterMode` (2.13) where that is wrong: the backward of a grouped convolution, and
    attention, recurrent layers and matrix-vector products that have no formula there. Attention's backward counts the
    recomputed scores, as fused kernels do: 2.5 times its forward. While it counts, torch's fused encoder layer (one
    operator for a whole layer in evaluation mode) is switched off.

    Args:
        causal: "full" counts the whole square of causal attention, as papers and torch do; "half" counts half of it,
            which is what kernels that skip masked blocks execute. Only a fused kernel tells that it is causal: where
            torch takes its unfused path, the whole square is multiplied, and counted.

    Attributes:
        forward, backward: FLOPs outside and inside autograd's engine (recomputation under checkpointing is backward).
        by_operator: name of the operator ("aten.mm") -> FLOPs.

    Raises:
        InvalidValue: `causal` is neither.
    """

    def __init__(self, *, causal: Causal = "full") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if causal not in get_args(Causal):
            raise InvalidValue(f"causal is {causal!r}; it must be 'full' or 'half'.")
        self.causal = causal
        self.forward = self.backward = 0
        self.by_operator: dict[str, int] = {}
        self._fast_paths: list[bool] = []

    @property
    def total(self) -> int:
        """Forward and backward FLOPs."""
        return self.forward + self.backward

    def __enter__(self) -> Self:
        self._fast_paths.append(torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        torch.backends.mha.set_fastpath_enabled(self._fast_paths.pop())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func._can_decompose():
            with self:  # in inference mode even `linear` arrives whole
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        flops = flops_of(func, args, kwargs, out)
        if flops:
            self._book(func, flops // 2 if self.causal == "half" and is_causal(func, args, kwargs) else flops)
        return out

    def _book(self, func: Any, flops: int) -> None:
        name = str(func._overloadpacket)
        self.by_operator[name] = self.by_operator.get(name, 0) + flops
        if torch._C._current_graph_task_id() == -1:
            self.forward += flops
        else:
            self.backward += flops

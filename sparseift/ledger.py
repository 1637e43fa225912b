"""What a network costs, weight by weight, in integers: the solver's raw material. No torch here."""

import math
from dataclasses import dataclass

from sparseift.errors import UnknownName
from sparseift.records import SCOPES, Scope


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight tensor and how often it is used.

    Attributes:
        name: qualified parameter name.
        shape: as torch stores it: (out, in) for linear layers, (out, in / groups, kernel…) for convolutions.
        uses: multiply-accumulates per weight and sample: output positions, or tokens.
        masked: whether a mask covers it.
        covered: whether it belongs to a layer that the method touches (Doped's U and V are covered, not masked).
        transposed: whether it is stored (in, out), as in Hugging Face's Conv1D.
    """

    name: str
    shape: tuple[int, ...]
    uses: int
    masked: bool = False
    covered: bool = False
    transposed: bool = False

    @property
    def numel(self) -> int:
        """How many weights."""
        return math.prod(self.shape)

    def flops(self, nonzeros: int) -> int:
        """Forward FLOPs per sample with so many non-zeros; 1 MAC = 2 FLOPs."""
        return 2 * nonzeros * self.uses


@dataclass(frozen=True, slots=True)
class Network:
    """A network as the solver sees it.

    Attributes:
        weights: every weight that operators multiply with.
        weight_free_flops: per sample, e.g. attention scores.
        parameters: of the whole model, norms and biases included.
        uneven_flops: per sample, of parameters whose weights are not all used equally often; no mask can cover them.
    """

    weights: tuple[Weight, ...]
    weight_free_flops: int
    parameters: int
    uneven_flops: int = 0

    @property
    def masked(self) -> tuple[Weight, ...]:
        """The weights under a mask."""
        return tuple(w for w in self.weights if w.masked)

    def flops(self, scope: Scope, nonzeros: dict[str, int] | None = None) -> int:
        """Forward FLOPs per sample within a scope.

        Args:
            scope: "masked_layers" (the layers that the method touches), "linear_layers" (every weight, the
                unevenly used too), or "model" (with the weight-free operators too).
            nonzeros: masked weight -> non-zeros; None counts every weight as non-zero, as masked-dense kernels do.

        Raises:
            UnknownName: no such scope.
        """
        if scope not in SCOPES:
            raise UnknownName("scope", scope, SCOPES)
        counts = nonzeros or {}
        total = sum(w.flops(counts.get(w.name, w.numel)) for w in self.weights if w.covered or scope != "masked_layers")
        total += self.uneven_flops if scope != "masked_layers" else 0
        return total + (self.weight_free_flops if scope == "model" else 0)

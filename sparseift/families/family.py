"""The record of a family: integer sizes without torch, and the name of the torch block that has them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from sparseift.errors import InvalidValue, UnknownName

NONLINEARITIES = ("default", "identity", "relu", "gelu", "bn", "bn_relu")

# Sizes of the paper's formulas are floats that may miss an integer by rounding error alone (1 − .9 ≠ .1).
ROUNDING_GUARD = 1e-6


@dataclass(frozen=True, slots=True)
class LayerShape:
    """A linear or convolution layer as the families' algebra sees it.

    Attributes:
        inputs, outputs: features or channels, of all groups together.
        kernel: kernel positions, k_h · k_w; 1 for a linear layer.
        groups: of a grouped convolution; 1 otherwise.
    """

    inputs: int
    outputs: int
    kernel: int = 1
    groups: int = 1

    @property
    def full_rank(self) -> float:
        """K·c_in·c_out / (K·c_in + c_out): the rank at which U and V cost what the dense layer costs.

        Grouping divides both sides alike, so the group count cancels.
        """
        rows = self.kernel * self.inputs
        return rows * self.outputs / (rows + self.outputs)


@dataclass(frozen=True, slots=True)
class Family:
    """A Sparse Iso-FLOP Transformation.

    Attributes:
        name, title, summary: for catalogs and charts.
        formula: the scale of the paper's figure, in words.
        size: (layer, nominal sparsity) -> branches k or rank d of a module-local family; None where the
            whole network widens.
        block: "module:class" of the torch block of a module-local family; else "".
        snap: nominal sparsity -> the nearest one that the family has (only Parallel is discrete).
        describe: nominal sparsity -> its scale in words.
    """

    name: str
    title: str
    summary: str
    formula: str
    size: Callable[[LayerShape, float], int] | None
    block: str
    snap: Callable[[float], float]
    describe: Callable[[float], str]

    @property
    def is_local(self) -> bool:
        """Whether layers are replaced one by one; otherwise the whole network widens."""
        return self.size is not None


def check_sparsity(nominal_sparsity: float) -> float:
    """The sparsity itself.

    Raises:
        InvalidValue: outside [0, 1).
    """
    if not 0.0 <= nominal_sparsity < 1.0 or math.isnan(nominal_sparsity):
        raise InvalidValue(f"The sparsity is {nominal_sparsity}; it must lie in [0, 1).")
    return nominal_sparsity


def check_nonlinearity(name: str) -> str:
    """The name itself.

    Raises:
        UnknownName: no such nonlinearity.
    """
    if name not in NONLINEARITIES:
        raise UnknownName("nonlinearity", name, NONLINEARITIES)
    return name


def floor_to(value: float, multiple: int) -> int:
    """The largest multiple not above `value` (guarded against rounding error), at least one multiple."""
    return max(1, math.floor(value / multiple + ROUNDING_GUARD)) * multiple


def ceil_to(value: float, multiple: int) -> int:
    """The smallest multiple not below `value` (guarded against rounding error), at least one multiple."""
    return max(1, math.ceil(value / multiple - ROUNDING_GUARD)) * multiple

"""From a transformed network to exact mask sizes, and to the masks: what `transform`, `widen` and the catalog share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.families.blocks import Block, Packed
from sparseift.families.kinds import is_hugging_face_conv1d
from sparseift.flops import FlopCount
from sparseift.isoflop import Solution, solve
from sparseift.layers import Roles
from sparseift.ledger import Network, Weight
from sparseift.masks.allocation import allocator
from sparseift.masks.initial import InitialScore, magnitude
from sparseift.masks.state import attach_masks
from sparseift.masks.structures import parse
from sparseift.records import Point, Scope, derive_seed


@dataclass(frozen=True, slots=True)
class Masking:
    """How a network is masked down to its budget.

    Attributes:
        scope: which FLOPs are held equal: "masked_layers", "linear_layers" or "model".
        distribution: over layers: "uniform", "er", "erk", "global", "lamp", or glob -> relative density.
        structure: within a layer: `sparseift.masks.structures`.
        initial: scores that choose the first active weights; None chooses at random.
        start_density: of every masked layer at the first step, where the schedule has a ramp to the budget.
        seed: of random masks.

    Raises:
        InvalidValue: a start density outside (0, 1].
    """

    scope: Scope = "model"
    distribution: str | Mapping[str, float] = "uniform"
    structure: str = "unstructured"
    initial: InitialScore | None = None
    start_density: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.start_density is not None and not 0.0 < self.start_density <= 1.0:
            raise InvalidValue(f"start_density is {self.start_density}; it must lie in (0, 1].")

    def solve(self, model: nn.Module, roles: Roles, counted: FlopCount, budget_flops: int) -> "Sized":
        """The transformed model as it was counted, and the mask sizes that meet the budget; errors as `isoflop.solve`.

        Distributions that rank weights need weights: a model on the meta device is sized by the uniform one.
        """
        sized = network(model, counted, roles)
        distribution, allocate, scores = self.distribution, None, None
        if distribution in ("global", "lamp"):
            names = [w.name for w in sized.masked]
            if any(model.get_parameter(name).is_meta for name in names):
                distribution = "uniform"
            else:
                scores = (self.initial or magnitude())(model, names)
                allocate = allocator(distribution, scores, self.structure)
        solution = solve(sized, budget_flops, self.scope, distribution, self.structure, allocate)
        return Sized(sized, solution, None if self.initial is None else scores)

    def attach(self, model: nn.Module, sized: "Sized") -> None:
        """Give the model that was sized its masks."""
        targets = sized.solution.nonzeros
        counts = targets
        if self.start_density is not None:
            parsed, density = parse(self.structure), self.start_density
            layouts = {w.name: parsed.layout(w.shape, w.transposed) for w in sized.network.masked}
            counts = {w.name: layouts[w.name].snap(density * w.numel) for w in sized.network.masked}
        scores = sized.scores
        if scores is None and self.initial is not None:
            scores = self.initial(model, list(targets))
        seed = derive_seed(self.seed, "masks")
        attach_masks(model, counts, seed, structure=self.structure, scores=scores, targets=targets)


@dataclass(frozen=True, slots=True)
class Sized:
    """A network and the sizes of its masks.

    Attributes:
        scores: that were sized by, where they choose the masks too: a gradient score costs a pass or two of the model.
    """

    network: Network
    solution: Solution
    scores: Mapping[str, Tensor] | None = field(default=None, compare=False, repr=False)

    def point(self, family: str, nominal_sparsity: float, scale: str) -> Point:
        """What was achieved, as a record."""
        network, solution = self.network, self.solution
        zeros = sum(w.numel - solution.nonzeros[w.name] for w in network.masked)
        return Point(
            family=family,
            nominal_sparsity=nominal_sparsity,
            feasible=True,
            sparsity=solution.sparsity,
            scale=scale,
            forward_flops=network.flops("model", solution.nonzeros),
            executed_flops=network.flops("model"),
            flop_ratio=solution.flop_ratio,
            parameters=network.parameters,
            nonzero_parameters=network.parameters - zeros,
        )


def network(model: nn.Module, counted: FlopCount, roles: Roles) -> Network:
    """What the solver needs to know of a model, transformed or not.

    A weight is covered when the layer it came from has a role, and masked when its block says so.

    Raises:
        InvalidValue: the forward reaches a layer that was replaced by another way than through its module.
    """
    masked: set[str] = set()
    transposed: set[str] = set()
    for name in (*roles.transform, *roles.mask_only):
        module = model.get_submodule(name)
        names = module.masked if isinstance(module, Block | Packed) else ("weight",)
        masked.update(f"{name}.{n}" for n in names)
        if not all(f"{name}.{n}" in counted.weights for n in names):
            raise InvalidValue(
                f"The forward does not call '{name}' through its module, so what is put in its place is not used. "
                f"Keep that layer dense: rules=[('{name}', 'dense')]."
            )
        if is_hugging_face_conv1d(module):
            transposed.add(f"{name}.weight")
    covered = tuple(f"{name}." for name in (*roles.transform, *roles.mask_only))
    weights = tuple(
        Weight(w.name, w.shape, w.uses, w.name in masked, w.name.startswith(covered), w.name in transposed)
        for w in counted.weights.values()
    )
    return Network(
        weights, counted.weight_free_flops, sum(p.numel() for p in model.parameters()), sum(counted.uneven.values())
    )

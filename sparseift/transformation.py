"""From a dense model to a sparse one of equal FLOPs: `transform` for the local families, `widen` for Sparse Wide."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from sparseift import catalog
from sparseift.errors import Infeasible, InvalidValue
from sparseift.families.blocks import Block, fresh, shape_of
from sparseift.families.family import Family
from sparseift.families.wide import wide_size
from sparseift.flops import FlopCount, count
from sparseift.isoflop import Solution, solve, with_nearest
from sparseift.layers import Roles, assign_roles
from sparseift.ledger import Network, Weight
from sparseift.masks.state import attach_random_masks, masks_of, owner_of
from sparseift.records import Point, Scope, derive_seed


def transform(
    model: nn.Module,
    family: str,
    sparsity: float,
    example_input: Tensor,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
    distribution: str = "uniform",
    dense: Iterable[str] | None = None,
    mask_only: Iterable[str] = (),
    seed: int = 0,
) -> Point:
    """Replace a built model's layers, in place, by a module-local family at the dense model's FLOPs, and mask them.

    Args:
        model: any module of one tensor argument. Its `nn.Linear` and `nn.Conv2d` layers are candidates.
        family: "sparse_parallel", "sparse_factorized" or "sparse_doped"; "sparse_wide" needs `widen`.
        sparsity: nominal s in (0, 1) of the paper's formulas, which sets branches and ranks; the sparsity that meets
        the
            budget exactly is solved on the whole network and returned.
        example_input: (1, …), one sample; only shape and dtype matter.
        scope: which FLOPs are held equal: "masked_layers", "linear_layers" or "model".
        nonlinearity: σ, see `sparseift.families.blocks.nonlinearity`.
        distribution: "uniform" or "erk".
        dense, mask_only: see `sparseift.layers.assign_roles`.
        seed: of the new weights and the masks.

    Returns:
        The achieved sizes and FLOPs.

    Raises:
        UnknownName, InvalidValue: for arguments outside their range.
        NothingToTransform: no layer to transform.
        Infeasible: no counts meet the budget; the message says why.

    Source: Thangarasa et al., Sparse-IFT (ICML 2024), method figure; docs/explanation/iso-flop.md.
    """
    record: Family = catalog.get("family", family)
    if not record.is_local:
        raise InvalidValue(
            f"'{family}' widens the whole network, so it needs the model's builder: use sparseift.widen."
        )
    if masks_of(model):
        raise InvalidValue("The model has masks already; its FLOPs are a dense model's no more. Transform a dense one.")
    counted = count(model, example_input)
    roles = assign_roles(model, counted, dense, mask_only)
    budget = network(model, counted, roles).flops(scope)
    originals = {name: model.get_submodule(name) for name in roles.transform}

    def restore() -> None:
        for name, layer in originals.items():
            parent, leaf = owner_of(model, name)
            setattr(parent, leaf, layer)

    def attempt(nominal: float) -> tuple[Network, Solution]:
        restore()
        try:
            replace_layers(model, record, nominal, roles, nonlinearity, seed)
            return solve_masks(model, roles, example_input, budget, scope, distribution)
        except BaseException:
            restore()  # a refusal, whoever's, leaves the caller's model as it was
            raise

    try:
        sized, solution = attempt(sparsity)
    except Infeasible as refusal:
        advice = with_nearest(refusal, sparsity, attempt)
        restore()
        raise advice from None
    attach_random_masks(model, solution.nonzeros, derive_seed(seed, "masks"))
    return point(family, sparsity, record.describe(sparsity), sized, solution)


def widen(
    build: Callable[[int], nn.Module],
    width: int,
    sparsity: float,
    example_input: Tensor,
    *,
    multiple: int = 1,
    scope: Scope = "model",
    distribution: str = "uniform",
    dense: Iterable[str] | None = None,
    seed: int = 0,
) -> tuple[nn.Module, Point]:
    """Sparse Wide: build the network k times wider and mask it down to the FLOPs of `build(width)`.

    Args:
        build: from a width to a model; `width` is the dense model's.
        sparsity: nominal s in (0, 1); k = √(1/(1−s)).
        multiple: widths must be multiples of it (attention heads, groups).
        others: as `transform`.

    Returns:
        The masked wide model, and what was achieved.

    Raises:
        As `transform`.
    """
    dense = None if dense is None else tuple(dense)
    reference = build(width)
    counted = count(reference, example_input)
    budget = network(reference, counted, assign_roles(reference, counted, dense)).flops(scope)

    def attempt(nominal: float) -> tuple[nn.Module, int, Network, Solution]:
        wide = wide_size(width, nominal, multiple)
        model = fresh(lambda: build(wide), seed)
        roles = assign_roles(model, count(model, example_input), dense)
        return model, wide, *solve_masks(model, roles, example_input, budget, scope, distribution)

    try:
        model, wide, sized, solution = attempt(sparsity)
    except Infeasible as refusal:
        raise with_nearest(refusal, sparsity, attempt) from None
    attach_random_masks(model, solution.nonzeros, derive_seed(seed, "masks"))
    return model, point("sparse_wide", sparsity, wide_scale(width, wide), sized, solution)


def replace_layers(
    model: nn.Module, family: Family, nominal_sparsity: float, roles: Roles, sigma: str, seed: int
) -> None:
    """Put a module-local family's blocks in place of the layers that are transformed, with fresh weights.

    Raises:
        Infeasible: the family has no such sparsity (Parallel).
    """
    assert family.size is not None
    block_type = catalog.load(family.block)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "blocks"))
        for name in roles.transform:
            parent, leaf = owner_of(model, name)
            layer = getattr(parent, leaf)
            block = block_type(layer, family.size(shape_of(layer), nominal_sparsity), sigma)
            for parameter in block.parameters():
                parameter.requires_grad_(layer.weight.requires_grad)
            if layer.bias is not None:
                block.output.bias.requires_grad_(layer.bias.requires_grad)
            setattr(parent, leaf, block.train(layer.training))


def network(model: nn.Module, counted: FlopCount, roles: Roles) -> Network:
    """What the solver needs to know of a model, transformed or not.

    A weight is covered when the layer it came from has a role, and masked when its block says so.
    """
    masked: set[str] = set()
    for name in (*roles.transform, *roles.mask_only):
        module = model.get_submodule(name)
        names = module.masked if isinstance(module, Block) else ("weight",)
        masked.update(f"{name}.{n}" for n in names)
    covered = tuple(f"{name}." for name in (*roles.transform, *roles.mask_only))
    weights = tuple(
        Weight(w.name, w.shape, w.uses, w.name in masked, w.name.startswith(covered)) for w in counted.weights.values()
    )
    return Network(weights, counted.weight_free_flops, sum(p.numel() for p in model.parameters()))


def solve_masks(
    model: nn.Module, roles: Roles, example: Tensor, budget: int, scope: Scope, distribution: str
) -> tuple[Network, Solution]:
    """The transformed model as it was counted, and the mask sizes that meet the budget; errors as `isoflop.solve`."""
    sized = network(model, count(model, example), roles)
    return sized, solve(sized, budget, scope, distribution)


def wide_scale(width: int, wide: int) -> str:
    """The scale of a widened network in words."""
    return f"width {wide} (k = {wide / width:.3f})"


def point(family: str, nominal_sparsity: float, scale: str, sized: Network, solution: Solution) -> Point:
    """What was achieved, as a record."""
    zeros = sum(w.numel - solution.nonzeros[w.name] for w in sized.masked)
    return Point(
        family=family,
        nominal_sparsity=nominal_sparsity,
        feasible=True,
        sparsity=solution.sparsity,
        scale=scale,
        forward_flops=sized.flops("model", solution.nonzeros),
        executed_flops=sized.flops("model"),
        flop_ratio=solution.flop_ratio,
        parameters=sized.parameters,
        nonzero_parameters=sized.parameters - zeros,
    )

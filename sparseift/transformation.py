"""From a dense model to a sparse one of equal FLOPs by the module-local families; `sparseift.widening` has Wide."""

from collections.abc import Iterable, Mapping

from torch import nn

from sparseift import catalog
from sparseift.dense import read
from sparseift.errors import Infeasible, InvalidValue
from sparseift.example import Example
from sparseift.families.family import Family
from sparseift.flops import FlopCount, count
from sparseift.isoflop import with_nearest
from sparseift.layers import Roles, Rule
from sparseift.masks.initial import InitialScore
from sparseift.records import Point, Scope
from sparseift.replacement import Swaps, replace_layers
from sparseift.sizing import Masking, Sized


def transform(
    model: nn.Module,
    family: str,
    sparsity: float,
    example_input: Example,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
    distribution: str | Mapping[str, float] = "uniform",
    structure: str = "unstructured",
    initial: InitialScore | None = None,
    start_density: float | None = None,
    rules: Iterable[Rule] = (),
    packed: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Point:
    """Replace a built model's layers, in place, by a module-local family at the dense model's FLOPs, and mask them.

    Make the optimizer afterwards: the parameters are new ones.

    Args:
        model: any module. Its linear layers and convolutions are candidates, Hugging Face's `Conv1D` and the
            projections of `nn.MultiheadAttention` (which is taken apart into four layers) included.
        family: "sparse_parallel", "sparse_factorized" or "sparse_doped"; "sparse_wide" needs `widen`.
        sparsity: nominal s in (0, 1) of the paper's formulas, which sets branches and ranks; the sparsity that meets
            the budget exactly is solved on the whole network and returned.
        example_input: one sample, i.e. a batch of 1: a tensor, a tuple of positional arguments or a mapping of keyword
            arguments of the forward.
        scope: which FLOPs are held equal: "masked_layers", "linear_layers" or "model".
        nonlinearity: σ, see `sparseift.families.blocks.nonlinearity`.
        distribution, structure, initial, start_density: of the masks, see `sparseift.sizing.Masking`.
        rules: (selector, role) pairs, the first that selects a layer decides; see `sparseift.layers.assign_roles`.
        packed: glob over module names -> how many projections a layer packs (q, k and v in one matrix), each of which
            becomes a block of its own; None knows the field's usual names (`sparseift.replacement.PACKED`).
        seed: of the new weights and the masks.

    Returns:
        The achieved sizes and FLOPs.

    Raises:
        UnknownName, InvalidValue: for arguments outside their range; the model is then as it was.
        NothingToTransform: no layer to transform.
        Infeasible: no counts meet the budget; the message says why, and what is feasible near it.

    Source: Thangarasa et al., Sparse-IFT (ICML 2024), method figure; docs/explanation/iso-flop.md.

    Example:
        >>> import torch, sparseift
        >>> from torch import nn
        >>> layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
        >>> model = nn.Sequential(*layers)
        >>> point = sparseift.transform(model, "sparse_parallel", 0.75, torch.zeros(1, 64))
        >>> point.scale, f"{point.flop_ratio:.3f}", f"{point.sparsity:.2f}"
        ('k = 4 branches', '1.000', '0.75')
    """
    masking = Masking(scope, distribution, structure, initial, start_density, seed)
    swaps, sized, scale = _replaced(model, family, sparsity, example_input, nonlinearity, rules, packed, masking)
    try:
        masking.attach(model, sized)
    except BaseException:  # scores that the caller computes may fail
        _undo(swaps)
        raise
    return sized.point(family, sparsity, scale)


def plan_transform(
    model: nn.Module,
    family: str,
    sparsity: float,
    example_input: Example,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
    distribution: str | Mapping[str, float] = "uniform",
    structure: str = "unstructured",
    rules: Iterable[Rule] = (),
    packed: Mapping[str, int] | None = None,
) -> Point:
    """What `transform` would achieve; the model, which may be on the meta device, is left as it is.

    Raises:
        As `transform`.
    """
    masking = Masking(scope, distribution, structure)
    swaps, sized, scale = _replaced(model, family, sparsity, example_input, nonlinearity, rules, packed, masking)
    _undo(swaps)
    return sized.point(family, sparsity, scale)


def _replaced(
    model: nn.Module,
    family_name: str,
    sparsity: float,
    example: Example,
    nonlinearity: str,
    rules: Iterable[Rule],
    packed: Mapping[str, int] | None,
    masking: Masking,
) -> tuple[tuple[Swaps, Swaps], Sized, str]:
    """The model with its blocks in place, what was exchanged, its mask sizes, and its scale in words."""
    family: Family = catalog.get("family", family_name)
    if not family.is_local:
        raise InvalidValue(f"'{family_name}' widens the whole network: use sparseift.widen.")
    dense = read(model, example, rules)
    try:
        budget = dense.network.flops(masking.scope)

        def attempt(nominal: float) -> tuple[Swaps, Sized]:
            blocks = replace_layers(model, family, nominal, dense.roles, nonlinearity, masking.seed, packed)
            try:
                return blocks, masking.solve(model, dense.roles, _counted(model, example), budget)
            except BaseException:
                blocks.undo()
                raise

        def probe(nominal: float) -> None:
            attempt(nominal)[0].undo()

        try:
            blocks, sized = attempt(sparsity)
        except Infeasible as refusal:
            raise with_nearest(refusal, sparsity, probe) from None
    except BaseException:
        dense.apart.undo()  # a refusal, whoever's, leaves the caller's model as it was
        raise
    return (dense.apart, blocks), sized, family.describe(sparsity)


def _counted(model: nn.Module, example: Example) -> FlopCount:
    """The count with blocks in place; a model that looks into the layers that were replaced is refused with advice."""
    try:
        return count(model, example)
    except InvalidValue as error:
        raise InvalidValue(
            "With blocks in place of its layers the forward does not run. If it reads a layer's weight or attribute "
            f"rather than calling the layer, keep that layer dense: rules=[('name', 'dense')]. {error}"
        ) from error


def _undo(swaps: tuple[Swaps, ...]) -> None:
    for swap in reversed(swaps):
        swap.undo()


def roles_of(model: nn.Module, example_input: Example, rules: Iterable[Rule] = ()) -> Roles:
    """Which layers `transform` would replace, which it would only mask, and why the others stay dense.

    Args:
        model, example_input, rules: as `transform`.

    Raises:
        As `transform`.
    """
    dense = read(model, example_input, rules)
    dense.apart.undo()
    return dense.roles

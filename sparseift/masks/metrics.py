"""What masks look like: density per layer, change, exploration, dead units, connectivity. Computed, not shown."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparseift.families.kinds import is_hugging_face_conv1d
from sparseift.masks.state import masks_of, owner_of, targets_of


@dataclass(frozen=True, slots=True)
class LayerMask:
    """One masked weight.

    Attributes:
        name: of the parameter. shape: as it is stored.
        active, size: weights, active and altogether.
        target: active weights at the end of a density ramp; `active` where nothing changes.
        dead_outputs, dead_inputs: outputs that no active weight feeds, inputs that no active weight reads; in a
            convolution they are channels (within a group, for inputs), all kernel positions together.
        spectral_gap: σ₁ − σ₂ of the mask's bipartite graph, see `spectral_gap`; None when it was not asked for.
    """

    name: str
    shape: tuple[int, ...]
    active: int
    size: int
    target: int
    dead_outputs: int
    dead_inputs: int
    spectral_gap: float | None = None

    @property
    def density(self) -> float:
        """Share of active weights."""
        return self.active / self.size


def layer_table(model: nn.Module, with_spectral_gap: bool = False) -> tuple[LayerMask, ...]:
    """A row per masked weight, in model order.

    Args:
        with_spectral_gap: costs a singular value decomposition of every mask.
    """
    targets = targets_of(model)
    rows = []
    for name, mask in masks_of(model).items():
        view = channel_view(mask, is_hugging_face_conv1d(owner_of(model, name)[0]))
        active = int(mask.count_nonzero())
        rows.append(
            LayerMask(
                name=name,
                shape=tuple(mask.shape),
                active=active,
                size=mask.numel(),
                target=targets[name][1] if name in targets else active,
                dead_outputs=int((view.sum(1) == 0).sum()),
                dead_inputs=int((view.sum(0) == 0).sum()),
                spectral_gap=spectral_gap(view) if with_spectral_gap else None,
            )
        )
    return tuple(rows)


def channel_view(mask: Tensor, transposed: bool = False) -> Tensor:
    """(D_out, D_in) float64: active weights between an output and an input, over all kernel positions."""
    matrix = mask.t() if transposed else mask
    return matrix.to(torch.float64).reshape(*matrix.shape[:2], -1).sum(-1)


def spectral_gap(connections: Tensor) -> float:
    """σ₁ − σ₂ of the normalised adjacency D_out^−½ A D_in^−½ of a mask's bipartite graph, in [0, 1].

    σ₁ is 1. 0 means that the graph falls apart into pieces that exchange nothing; a wide gap, that signals mix fast
    (Chung 1997, Spectral Graph Theory, chapter 1; used for pruned networks by Pal et al. 2022, "A Study on the
    Ramanujan Graph Property of Winning Lottery Tickets"). Units without any weight are left out.

    Args:
        connections: (D_out, D_in), ≥ 0.
    """
    outputs, inputs = connections.sum(1), connections.sum(0)
    a = connections[outputs > 0][:, inputs > 0].to(torch.float64)
    if a.numel() == 0:
        return 0.0
    normalised = a / a.sum(1, keepdim=True).sqrt() / a.sum(0, keepdim=True).sqrt()
    values = torch.linalg.svdvals(normalised)
    second = float(values[1]) if len(values) > 1 else 0.0
    return max(0.0, float(values[0]) - second)


def churn(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> float:
    """Share of the active weights in `after` that were not active in `before`; 0 where nothing is active."""
    new = sum(int(((after[n] != 0) & (before[n] == 0)).sum()) for n in after)
    active = sum(int(m.count_nonzero()) for m in after.values())
    return new / active if active else 0.0


def itop(ever_active: Mapping[str, Tensor]) -> float:
    """In-time over-parameterisation: share of maskable weights ever active (Liu et al. 2021); 1 without masks."""
    total = sum(m.numel() for m in ever_active.values())
    return sum(int(m.count_nonzero()) for m in ever_active.values()) / total if total else 1.0

"""ViT: hand-counted size and cost, what it sees, how it starts."""

import pytest
import torch

from sparseift import catalog
from sparseift.building import build_sparse
from sparseift.errors import InvalidValue
from sparseift.flops import count
from sparseift.models.vit import ViT, build
from sparseift.records import DataShape

IMAGENET = DataShape("images", (3, 224, 224), 1000, 1)
DIGITS = DataShape("images", (1, 8, 8), 10, 1000)


@pytest.mark.parametrize(
    ("width", "heads", "parameters", "macs"),
    [(192, 3, 5_717_416, 1_253_683_200), (384, 6, 22_050_664, 4_598_882_304)],
)
def test_ti_and_s_have_the_parameters_and_costs_of_a_hand_count(
    width: int, heads: int, parameters: int, macs: int
) -> None:
    d, tokens, patches, patch, layers = width, 14 * 14 + 1, 14 * 14, 3 * 16 * 16, 12
    block = 4 * (d * d + d) + (d * 4 * d + 4 * d) + (4 * d * d + d) + 2 * 2 * d
    assert (patch * d + d) + d + tokens * d + layers * block + 2 * d + (1000 * d + 1000) == parameters
    scores_and_mixing = 2 * tokens * tokens * d
    assert patches * patch * d + layers * (12 * d * d * tokens + scores_and_mixing) + 1000 * d == macs
    with torch.device("meta"):
        model = build(IMAGENET, width=width, layers=layers, heads=heads, patch=16)
    assert sum(p.numel() for p in model.parameters()) == parameters
    counted = count(model, torch.zeros(1, 3, 224, 224, device="meta"))
    assert counted.total == 2 * macs
    assert counted.weight_free_flops == 2 * layers * scores_and_mixing


def test_every_patch_reaches_the_logits() -> None:
    torch.manual_seed(0)
    model = ViT((1, 8, 8), 10, width=8, layers=1, heads=2, patch=4)
    images = torch.zeros(1, 1, 8, 8, requires_grad=True)
    model(images).square().sum().backward()
    assert images.grad is not None
    assert (images.grad != 0).all()


def test_positions_tell_patches_apart() -> None:
    torch.manual_seed(0)
    model = ViT((1, 8, 8), 10, width=8, layers=1, heads=2, patch=4)
    image = torch.randn(1, 1, 8, 8)
    assert not torch.allclose(model(image), model(image.flip(-1).unflatten(-1, (2, 4)).flip(-1).flatten(-2)))


def test_it_starts_as_vit_does_and_its_first_gradients_reach_every_matrix() -> None:
    torch.manual_seed(0)
    model = ViT((3, 16, 16), 10, width=64, layers=1, heads=2, patch=4)
    up = model.blocks[0].feedforward.up.weight  # type: ignore[union-attr]
    assert abs(up.std().item() / (2 / (64 + 256)) ** 0.5 - 1.0) < 0.02  # Xavier
    assert abs(model.positions.std().item() / 0.02 - 1.0) < 0.1
    model(torch.randn(2, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters() if p.ndim > 1)


@pytest.mark.parametrize("family", sorted(catalog.FAMILIES))
def test_every_family_meets_the_budget(family: str) -> None:
    _, point = build_sparse(catalog.get("model", "vit"), {"width": 32, "layers": 2}, DIGITS, family, 0.75)
    assert abs(point.flop_ratio - 1.0) <= 1e-3


def test_what_does_not_divide_is_refused() -> None:
    with pytest.raises(InvalidValue, match="width is 30; it must be a multiple of its 4 heads"):
        ViT((1, 8, 8), 10, width=30, layers=1, heads=4, patch=4)
    with pytest.raises(InvalidValue, match="image is 8x8; a ViT's patch of 3 must divide both sides"):
        ViT((1, 8, 8), 10, width=8, layers=1, heads=2, patch=3)

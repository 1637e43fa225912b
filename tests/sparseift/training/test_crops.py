"""Crops: where they may lie, and what is in them."""

import torch

from sparseift.training.crops import boxes, resized, windows


def test_boxes_have_the_areas_and_aspects_asked_for_and_lie_inside() -> None:
    at = boxes(5_000, 0.08, 1.0, torch.Generator().manual_seed(0))
    top, left, height, width = at.unbind(1)
    area, aspect = height * width, width / height
    assert at.min() >= 0.0
    assert (top + height).max() <= 1.0 + 1e-6
    assert (left + width).max() <= 1.0 + 1e-6
    assert 0.08 - 1e-6 < area.min() < 0.09
    assert 0.95 < area.max() <= 1.0 + 1e-6
    assert 3 / 4 - 1e-5 < aspect.min() < 0.76
    assert 1.32 < aspect.max() < 4 / 3 + 1e-5
    assert abs(aspect.log().mean()) < 0.02
    assert 0.468 < area.mean() < 0.488  # of uniform ones, the large fit less often: 0.478 by torchvision's own loop
    assert abs((top + height / 2).mean() - 0.5) < 0.01


def test_boxes_of_a_wide_image_have_their_aspect_in_pixels() -> None:
    _, _, height, width = boxes(1_000, 0.08, 2.0, torch.Generator().manual_seed(0)).unbind(1)
    aspect = 2.0 * width / height
    inside = (aspect > 3 / 4 - 1e-4) & (aspect < 4 / 3 + 1e-4)
    assert inside.float().mean() > 0.95  # others are whole images, where ten draws did not fit
    assert (height[~inside] == 1.0).all()


def test_only_the_whole_image_fits_an_area_of_one() -> None:
    at = boxes(100, 1.0, 1.0, torch.Generator().manual_seed(0))
    assert torch.allclose(at, torch.tensor([0.0, 0.0, 1.0, 1.0]), atol=1e-3)


def test_a_whole_image_is_itself_and_a_quarter_is_its_own_half() -> None:
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2)
    assert torch.allclose(resized(pixels, whole, 8, 8), pixels.float(), atol=1e-3, rtol=0)
    quarters = torch.tensor([[0.5, 0.0, 0.5, 0.5], [0.0, 0.5, 0.5, 0.5]])  # below left, above right
    expected = torch.stack([pixels[0, :, 4:, :4], pixels[1, :, :4, 4:]]).float()
    assert torch.allclose(resized(pixels, quarters, 4, 4), expected, atol=1e-3, rtol=0)


def test_a_ramp_stays_a_ramp() -> None:
    ramp = (10 * torch.arange(16, dtype=torch.uint8)).expand(1, 1, 16, 16)  # rising to the right
    shown = resized(ramp, torch.tensor([[0.25, 0.25, 0.5, 0.5]]), 16, 16)
    assert torch.allclose(shown[0, 0, 0], 10.0 * (3.75 + 0.5 * torch.arange(16.0)), atol=1e-3, rtol=0)
    assert (shown == shown[:, :, :1]).all()


def test_windows_are_views_of_every_crop() -> None:
    pixels = torch.arange(2 * 5 * 6).view(2, 1, 5, 6)
    view = windows(pixels, 3, 4)
    assert view.shape == (2, 1, 3, 3, 3, 4)
    assert view.data_ptr() == pixels.data_ptr()
    assert (view[1, 0, 2, 1] == pixels[1, 0, 2:5, 1:5]).all()

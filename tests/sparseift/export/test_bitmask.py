"""Masks at one bit a weight."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparseift.errors import InvalidValue
from sparseift.export.bitmask import pack, unpack


def test_nine_entries_take_two_bytes() -> None:
    mask = torch.tensor([[1, 0, 0], [0, 0, 0], [0, 1, 1]], dtype=torch.uint8)
    assert pack(mask).tolist() == [0b10000001, 0b10000000]


@given(st.lists(st.integers(0, 5), max_size=4).map(tuple), st.integers(0, 2**31), st.floats(0, 1))
def test_packing_and_unpacking_gives_the_mask_back(shape: tuple[int, ...], seed: int, density: float) -> None:
    mask = (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < density).to(torch.uint8)
    bits = pack(mask)
    assert bits.shape == (-(-mask.numel() // 8),)
    restored = unpack(bits, shape)
    assert restored.dtype == torch.uint8
    assert torch.equal(restored, mask)


def test_what_is_no_mask_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"holds 2; its entries must be 0 or 1"):
        pack(torch.tensor([0, 1, 2]))
    with pytest.raises(InvalidValue, match=r"holds 0\.5"):
        pack(torch.tensor([0.5]))
    with pytest.raises(InvalidValue, match="takes 2 bytes"):
        unpack(torch.zeros(1, dtype=torch.uint8), (3, 3))
    with pytest.raises(InvalidValue, match=r"torch\.int64"):
        unpack(torch.zeros(2, dtype=torch.int64), (3, 3))

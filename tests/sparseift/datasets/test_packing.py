"""Packing: every image becomes the same square, whatever it was, and an interruption costs one chunk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparseift.datasets.packing import check_room, decode, pack, packed_already, packed_bytes
from sparseift.errors import DataError
from tests.sparseift.datasets.folders import write_image


def test_the_middle_of_the_resized_image_is_kept_whatever_the_sides(tmp_path: Path) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (60, 20, 3)).astype(np.uint8)
    for image in (Image.fromarray(noise), Image.fromarray(noise).rotate(90, expand=True)):
        image.save(tmp_path / "image.png")
        width, height = image.width // 2, image.height // 2
        left, top = (width - 10) // 2, (height - 10) // 2
        expected = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 10, top + 10))
        square = decode(tmp_path / "image.png", 10)  # (3, 10, 10)
        assert abs(square.transpose(1, 2, 0).astype(int) - np.asarray(expected)).max() <= 1


def test_a_larger_image_shrinks_smoothly_and_a_smaller_one_grows(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    assert (abs(decode(tmp_path / "stripes.png", 8).astype(int) - 100) <= 2)[:, :, 1:-1].all()  # antialiased
    assert decode(tmp_path / "stripes.png", 100).shape == (3, 100, 100)


def test_grey_and_cmyk_and_misnamed_images_become_rgb(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.JPEG", 1, "L")
    write_image(tmp_path / "cmyk.JPEG", 1, "CMYK")
    write_image(tmp_path / "rgb.JPEG", 1)
    Image.open(tmp_path / "rgb.JPEG").save(tmp_path / "png", "PNG")
    (tmp_path / "png").rename(tmp_path / "png.JPEG")  # ImageNet has one
    grey, cmyk, rgb, png = (decode(tmp_path / f"{name}.JPEG", 16) for name in ("grey", "cmyk", "rgb", "png"))
    assert (grey[0] == grey[1]).all()
    assert abs(cmyk.astype(int) - rgb).mean() < 12
    assert (png == rgb).all()


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_corrupt_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    write_image(tmp_path / "bad.JPEG", 1, size=(200, 200))
    path = tmp_path / "bad.JPEG"
    path.write_bytes(path.read_bytes()[:1500] if content is None else content)
    with pytest.raises(DataError, match=r"bad\.JPEG cannot be decoded .*; replace it or take it away"):
        decode(path, 16)


def test_an_interrupted_packing_goes_on_and_a_changed_one_begins_anew(tmp_path: Path) -> None:
    def pack_twos(names: list[str], target: Path) -> list[int]:
        told: list[int] = []
        try:
            pack(tmp_path, names, target, 9, told.append, chunk=2)
        except DataError as error:
            assert "5.JPEG cannot be decoded" in str(error)
            told.append(-1)
        return told

    names = [f"{i}.JPEG" for i in range(7)]
    for i, name in enumerate(names):
        write_image(tmp_path / name, i)
    whole, target = tmp_path / "whole.npy", tmp_path / "target.npy"
    assert pack_twos(names, whole) == [2, 4, 6, 7]

    good = (tmp_path / "5.JPEG").read_bytes()
    (tmp_path / "5.JPEG").write_bytes(b"broken")
    assert pack_twos(names, target) == [2, 4, -1]
    assert not target.exists()
    assert packed_bytes(4, 9) < packed_already(target)
    (tmp_path / "5.JPEG").write_bytes(good)
    (tmp_path / "0.JPEG").unlink()  # what was packed is not read again
    assert pack_twos(names, target) == [6, 7]
    assert target.read_bytes() == whole.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    packed = np.load(target, mmap_mode="r")
    assert (packed.dtype, packed.shape) == (np.uint8, (7, 3, 9, 9))

    # Of other files, or with a record that cannot be read, nothing is gone on with.
    other = tmp_path / "other.npy"
    (tmp_path / "5.JPEG").write_bytes(b"broken")
    assert pack_twos(names[1:], other) == [2, 4, -1]
    assert pack_twos(names[2:], other) == [2, -1]
    (tmp_path / "5.JPEG").write_bytes(good)
    (tmp_path / "other.npy.partial.json").write_text("half a rec")
    assert pack_twos(names[2:], other) == [2, 4, 5]
    assert (np.load(other) == packed[2:]).all()


def test_a_disk_without_room_is_told_with_both_sizes(tmp_path: Path) -> None:
    check_room(tmp_path, 1, "Squares")
    with pytest.raises(
        DataError, match=r"Squares need 1,000,000,000\.00 GB and .* has [\d,]+\.\d\d GB free; make room"
    ):
        check_room(tmp_path, 10**18, "Squares")

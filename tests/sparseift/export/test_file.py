"""One file holds a sparse model: it comes back bit for bit, or not at all."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sparseift import catalog
from sparseift.building import build_sparse
from sparseift.errors import CheckpointError, InvalidValue
from sparseift.export.card import Card, card_of
from sparseift.export.file import load, read_card, save
from sparseift.export.recipe import CatalogModel
from sparseift.families.blocks import Factorized
from sparseift.masks.state import masks_of
from sparseift.plain import squash
from sparseift.records import DataShape
from tests.sparseift.export.samples import Net, assert_equal_bits, masked, sparse_net, state_of

IMAGES = DataShape("images", (3, 8, 8), 10, 1000)
TEXT = DataShape("text", (8,), 32, 1000)


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    """A safetensors file's JSON header and its payload."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def write(path: Path, header: dict[str, Any], payload: bytes) -> None:
    """The inverse of `header_of`."""
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + payload)


def edited(path: Path, change: Any) -> None:
    """Change the content of our metadata."""
    header, payload = header_of(path)
    content = json.loads(header["__metadata__"]["sparseift"])
    change(content)
    header["__metadata__"]["sparseift"] = json.dumps(content)
    write(path, header, payload)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_an_own_model_comes_back_into_its_dense_one(tmp_path: Path, dtype: torch.dtype) -> None:
    model = sparse_net().to(dtype).eval()
    save(model, tmp_path / "net.safetensors")
    restored = load(tmp_path / "net.safetensors", model=Net())
    assert_equal_bits(restored, model)
    assert masks_of(restored).keys() == masks_of(model).keys()
    assert restored.head.weight is restored.embedding.weight
    assert not restored.training
    x = torch.randn(2, 3, 5, 5).to(dtype)
    torch.testing.assert_close(restored(x), model(x))


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "family"),
    [
        ("resnet", {"width": 8}, IMAGES, "sparse_parallel"),
        ("resnet", {"width": 8}, IMAGES, "sparse_wide"),
        ("gpt", {"width": 32, "layers": 1, "heads": 2}, TEXT, "sparse_wide"),
        ("gpt", {"width": 32, "layers": 1, "heads": 2}, TEXT, "sparse_doped"),
        ("mlp", {"width": 32}, IMAGES, "dense"),
    ],
)
def test_a_catalog_model_comes_back_from_its_file_alone(
    tmp_path: Path, name: str, arguments: Any, shape: DataShape, family: str
) -> None:
    model, point = build_sparse(catalog.get("model", name), arguments, shape, family, 0.5, seed=3)
    path = tmp_path / "model.safetensors"
    written = save(
        model, path, card_of(point, scope="model", seeds={"weights": 3}), CatalogModel(name, shape, arguments)
    )
    state = torch.get_rng_state()
    restored = load(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert_equal_bits(restored, model)
    assert restored.training
    assert read_card(path) == written
    assert written.family == family
    assert written.sparsity == pytest.approx(point.sparsity)
    assert written.nonzero_parameters == point.nonzero_parameters


def test_a_catalog_model_may_be_named_at_the_width_that_it_has(tmp_path: Path) -> None:
    model, point = build_sparse(catalog.get("model", "resnet"), {"width": 8}, IMAGES, "sparse_wide", 0.5)
    width = next(model.parameters()).shape[0]  # of the stem
    assert width > 8
    save(model, tmp_path / "file", card_of(point), CatalogModel("resnet", IMAGES, {"width": width}))
    assert_equal_bits(load(tmp_path / "file"), model)


def test_a_file_of_a_very_sparse_model_is_small(tmp_path: Path) -> None:
    layer = masked(nn.Linear(512, 512, bias=False), density=0.05)
    save(nn.Sequential(layer), tmp_path / "sparse")
    weights = 512 * 512
    assert (tmp_path / "sparse").stat().st_size < weights * 4 * 0.06 + weights / 8 + 2000


def test_what_a_mask_keeps_comes_back_even_where_it_is_zero(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    layer.register_buffer("weight_mask", torch.tensor([[1, 1, 0], [0, 0, 1]], dtype=torch.uint8))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.5, 0.0, 0.0], [0.0, 0.0, float("nan")]]))
    layer.register_buffer("weight_target", torch.tensor([3, 5]))  # of a density ramp
    save(nn.Sequential(layer), tmp_path / "file")
    restored = load(tmp_path / "file", nn.Sequential(nn.Linear(3, 2)))[0]
    assert torch.equal(restored.weight_target, torch.tensor([3, 5]))
    assert restored.weight_mask.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert restored.weight_mask.dtype == torch.uint8
    assert str(restored.weight.tolist()) == "[[1.5, 0.0, 0.0], [0.0, 0.0, nan]]"


def test_a_squashed_model_comes_back_too(tmp_path: Path) -> None:
    model = squash(sparse_net())
    save(model, tmp_path / "file")
    restored = load(tmp_path / "file", Net())
    assert_equal_bits(restored, model)
    assert not masks_of(restored)


def test_shared_modules_stay_shared(tmp_path: Path) -> None:
    def dense() -> nn.Module:
        shared = nn.Linear(4, 4)
        return nn.Sequential(shared, nn.ReLU(), shared)

    model = dense()
    block = masked(Factorized(model[0], 6, "relu"))  # type: ignore[index,arg-type]
    model[0] = model[2] = block  # type: ignore[operator]
    save(model, tmp_path / "file")
    restored = load(tmp_path / "file", dense())
    assert restored[0] is restored[2]  # type: ignore[index]
    assert_equal_bits(restored, model)


def test_a_frozen_layer_stays_frozen(tmp_path: Path) -> None:
    save(sparse_net(), tmp_path / "file")
    dense = Net()
    dense.middle.requires_grad_(False)
    restored = load(tmp_path / "file", dense)
    assert not any(p.requires_grad for p in restored.get_submodule("middle.u").parameters())
    assert restored.get_parameter("stem.weight").requires_grad


def test_saving_replaces_a_file_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save(nn.Sequential(nn.Linear(2, 2)), path)
    before = path.read_bytes()
    broken = nn.Sequential(masked(nn.Linear(4, 4)))
    with torch.no_grad():
        broken[0].weight.fill_(1.0)
    with pytest.raises(InvalidValue, match=r"'0\.weight' has \d+ values under its mask that are not zero"):
        save(broken, path)
    assert path.read_bytes() == before
    save(nn.Sequential(nn.Linear(3, 3)), path)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    with pytest.raises(CheckpointError, match="could not be written"):
        save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "nowhere" / "file")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # from dynamo's own imports
@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, lambda model: torch.compile(nn.DataParallel(model))])
def test_a_wrapped_model_is_saved_as_what_is_inside(tmp_path: Path, wrap: Any) -> None:
    model = sparse_net()
    save(model, tmp_path / "plain")
    save(wrap(model), tmp_path / "wrapped")
    assert header_of(tmp_path / "wrapped") == header_of(tmp_path / "plain")
    assert_equal_bits(load(tmp_path / "wrapped", Net()), model)


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    class Remembers(nn.Linear):
        def get_extra_state(self) -> Any:
            return {"anything": object()}

    with pytest.raises(InvalidValue, match="keeps extra state"):
        save(nn.Sequential(Remembers(2, 2)), tmp_path / "file")
    with pytest.raises(InvalidValue, match="on meta"):
        save(nn.Sequential(nn.Linear(2, 2, device="meta")), tmp_path / "file")
    with pytest.raises(InvalidValue, match="save the model around it"):
        save(Factorized(nn.Linear(2, 2), 2, "relu"), tmp_path / "file")
    own = Factorized(nn.Linear(2, 2), 2, "relu")
    own.sigma = nn.Tanh()
    with pytest.raises(InvalidValue, match=r"nonlinearity Tanh\(\)"):
        save(nn.Sequential(own), tmp_path / "file")
    model, _ = build_sparse(catalog.get("model", "mlp"), {"width": 32}, IMAGES, "dense", 0.0)
    with pytest.raises(InvalidValue, match="does not rebuild this MLP"):
        save(model, tmp_path / "file", source=CatalogModel("mlp", IMAGES, {"width": 16}))
    assert not list(tmp_path.iterdir())


def test_files_that_are_missing_truncated_corrupt_or_foreign_say_so(tmp_path: Path) -> None:
    path = tmp_path / "net"
    save(sparse_net(), path)
    data = path.read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"Once upon a time there was a model." * 10,
        "in the header": data[:100],
        "in the tensors": data[:-10],
    }.items():
        broken = tmp_path / name
        broken.write_bytes(content)
        with pytest.raises(CheckpointError, match="cannot be read"):
            load(broken, Net())
        with pytest.raises(CheckpointError, match="cannot be read"):
            read_card(broken)
    for place in (tmp_path / "missing", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            load(place, Net())
    flipped = bytearray(data)
    flipped[-1] ^= 1
    (tmp_path / "flipped").write_bytes(flipped)
    with pytest.raises(CheckpointError, match="is corrupt: its content is not what was written"):
        load(tmp_path / "flipped", Net())
    edited(path, lambda content: content["card"].update(notes="better than it is"))
    with pytest.raises(CheckpointError, match="is corrupt"):
        load(path, Net())
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match=r"was not written by sparseift\.export"):
        load(tmp_path / "foreign", Net())


def test_newer_formats_and_headers_without_sense_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net"
    save(sparse_net(), path)
    whole = path.read_bytes()
    edited(path, lambda content: content.update(format=99))
    with pytest.raises(CheckpointError, match="has the format 99; this version of sparseift reads 1"):
        read_card(path)
    for change in (
        lambda c: c.pop("tensors"),
        lambda c: c.update(card=[]),
        lambda c: c.update(format="new"),
    ):
        path.write_bytes(whole)
        edited(path, change)
        with pytest.raises(CheckpointError, match="is corrupt: its header"):
            load(path, Net())
    path.write_bytes(whole)
    edited(path, lambda c: c["card"].update(colour="blue"))
    with pytest.raises(CheckpointError, match="model card cannot be read"):
        read_card(path)


def test_a_file_that_does_not_fit_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "net"
    save(sparse_net(), path)

    def refused(model: nn.Module, match: str) -> None:
        before = {name: tensor.clone() for name, tensor in state_of(model).items()}
        kinds = [(name, type(module)) for name, module in model.named_modules()]
        with pytest.raises(CheckpointError, match=match):
            load(path, model)
        assert [(name, type(module)) for name, module in model.named_modules()] == kinds
        assert state_of(model).keys() == before.keys()
        assert all(torch.equal(tensor, before[name]) for name, tensor in state_of(model).items())

    refused(nn.Sequential(nn.Linear(2, 2)), r"has a sparse layer '\w+', and the model no layer of that name")
    wider = Net()
    wider.stem = nn.Conv2d(3, 8, 5, padding=2)
    refused(wider, r"'stem\.weight' has the shape \(8, 3, 3, 3\) in the file and \(8, 3, 5, 5\) in the model")
    more = Net()
    more.extra = nn.Linear(2, 2)
    refused(more, r"the file lacks 'extra\.bias', 'extra\.weight', that the model has")
    fewer = Net()
    fewer.norm = nn.Identity()  # type: ignore[assignment]
    refused(fewer, r"the file has 'norm\.bias'.*that the model has not")
    other = Net()
    other.conv = nn.ReLU()  # type: ignore[assignment]
    refused(other, r"layer 'conv' does not fit the model's ReLU\(\)")
    with pytest.raises(InvalidValue, match="sparse already"):
        load(path, sparse_net())
    with pytest.raises(InvalidValue, match="holds a Net, which neither the catalog nor transformers rebuilds"):
        load(path)


def test_false_recipes_name_no_code(tmp_path: Path) -> None:
    """With a digest that fits, as who forges a file would write it."""
    from sparseift.export.tensors import digest_of

    model, point = build_sparse(catalog.get("model", "mlp"), {"width": 32}, IMAGES, "sparse_doped", 0.5)
    path = tmp_path / "file"
    save(model, path, card_of(point), CatalogModel("mlp", IMAGES, {"width": 32}))
    from safetensors.torch import load_file

    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}  # not mapped to the file
    whole = path.read_bytes()

    def forged(change: Any, match: str) -> None:
        path.write_bytes(whole)
        edited(path, change)
        header, payload = header_of(path)
        metadata = header["__metadata__"]
        metadata["sparseift_sha256"] = digest_of(metadata["sparseift"], tensors)
        write(path, header, payload)
        with pytest.raises(CheckpointError, match=match):
            load(path)

    forged(lambda c: c["recipe"].update(name="os:system"), "There is no model 'os:system'")
    forged(lambda c: c["recipe"]["arguments"].update(width=64), "has the shape")
    forged(lambda c: c["recipe"]["arguments"].update(width=10**9), "must lie in")
    forged(lambda c: c["recipe"].update(kind="pickle"), "recipe of the kind 'pickle'")
    forged(lambda c: c["recipe"].update(shape=None), "cannot be rebuilt")
    forged(lambda c: c["structure"]["modules"][0].update(kind="exec"), "does not fit")
    forged(lambda c: c["structure"]["modules"][0].update(size=10**12), "shape|does not fit")
    forged(lambda c: c["structure"].update(modules=7), "cannot be rebuilt")
    forged(lambda c: next(iter(c["tensors"].values())).update(key="nothing"), "cannot be rebuilt")
    tied = {"form": "same", "as": "stem.weight"}
    forged(lambda c: c["tensors"]["head.bias"].update(tied), "is tied to 'stem.weight', which has another shape")
    forged(lambda c: c["tensors"]["head.bias"].update(tied | {"as": "head.bias"}), "cannot be rebuilt")
    forged(lambda c: c["tensors"]["stem.weight"].update(form="bits"), "cannot be rebuilt")
    forged(lambda c: c.update(recipe={"kind": "transformers", "class": "os", "config": {}}), "no model of transformers")


def test_a_card_may_be_empty_and_is_measured(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    layer.register_buffer("weight_mask", torch.tensor([[1, 1, 0], [0, 0, 1]], dtype=torch.uint8))
    with torch.no_grad():
        layer.weight.mul_(layer.weight_mask)
    card = save(nn.Sequential(layer), tmp_path / "file", Card(notes="by hand", sparsity=0.9))
    assert (card.sparsity, card.parameters, card.nonzero_parameters, card.notes) == (0.5, 8, 5, "by hand")
    assert card.library_version
    assert read_card(tmp_path / "file") == card

"""Checkpoints: what goes in comes out, and what is damaged is named."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sparseift.errors import CheckpointError
from sparseift.training.checkpoint import KEPT, STATE, TENSORS, load, newest, save

OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adamw-fused": lambda p: torch.optim.AdamW(p, lr=0.1, fused=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1, centered=True),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1),
}


def test_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {
        "none": None,
        "flag": True,
        "number": 0.1,
        "nan": math.nan,
        "text": "a/b",
        "pair": (1, [2.5, {"deep": torch.arange(3)}]),
        "by_number": {0: torch.ones(2, dtype=torch.bfloat16), 1: torch.empty(0)},
        "scalar": torch.tensor(7, dtype=torch.uint8),
        "strided": torch.arange(6).view(2, 3).t(),
    }
    step, loaded, record = load(save(tmp_path, 12, state, {"trial": 1}))
    assert (step, record) == (12, {"trial": 1})
    assert (loaded["none"], loaded["flag"], loaded["number"], loaded["text"]) == (None, True, 0.1, "a/b")
    assert math.isnan(loaded["nan"])
    assert loaded["pair"][:1] == (1,)
    assert torch.equal(loaded["pair"][1][1]["deep"], torch.arange(3))
    assert list(loaded["by_number"]) == [0, 1]
    assert loaded["by_number"][0].dtype == torch.bfloat16
    assert loaded["scalar"].shape == ()
    assert torch.equal(loaded["strided"], state["strided"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer_goes_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    def make() -> tuple[nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        return model, OPTIMIZERS[name](model.parameters())

    def train(model: nn.Linear, optimizer: torch.optim.Optimizer, steps: int) -> None:
        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            value = model(torch.linspace(-1, 1, 8).view(2, 4)).square().sum()
            value.backward()
            return value

        for _ in range(steps):
            optimizer.step(loss)

    model, optimizer = make()
    train(model, optimizer, 5)
    path = save(tmp_path, 5, {"model": model.state_dict(), "optimizer": optimizer.state_dict()}, {})
    train(model, optimizer, 5)

    other, other_optimizer = make()
    _, state, _ = load(path)
    other.load_state_dict(state["model"])
    other_optimizer.load_state_dict(state["optimizer"])
    train(other, other_optimizer, 5)
    assert torch.equal(model.weight, other.weight)


def test_the_newest_stay(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere") is None
    for step in (5, 100, 20):
        save(tmp_path, step, {"step": step}, {})
    assert newest(tmp_path) == tmp_path / "step-00000100"
    assert len(list(tmp_path.iterdir())) == KEPT


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    for step in (99_999_999, 100_000_000):
        save(tmp_path, step, {"step": step}, {})
    assert newest(tmp_path) == tmp_path / "step-100000000"
    (tmp_path / "step-notes").mkdir()
    save(tmp_path, 100_000_001, {}, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-100000000", "step-100000001", "step-notes"]


def test_what_an_interrupted_replacement_left_is_no_obstacle(tmp_path: Path) -> None:
    left = tmp_path / f".step-00000005.{os.getpid()}.old"
    left.mkdir()
    (left / STATE).write_text("{}")
    save(tmp_path, 5, {"a": torch.zeros(1)}, {})
    left.mkdir()
    (left / STATE).write_text("{}")
    _, state, _ = load(save(tmp_path, 5, {"a": torch.ones(1)}, {}))
    assert state["a"].item() == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000005"]


def test_a_repeated_step_replaces_the_old(tmp_path: Path) -> None:
    save(tmp_path, 5, {"a": torch.zeros(1)}, {})
    _, state, _ = load(save(tmp_path, 5, {"a": torch.ones(1)}, {}))
    assert state["a"].item() == 1.0
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_write_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / ".step-00000009.123").mkdir()
    assert newest(tmp_path) is None
    save(tmp_path, 1, {}, {})
    assert newest(tmp_path) == tmp_path / "step-00000001"


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "state", "format"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path, 1, {"a": torch.zeros(1000)}, {})
    tensors, state = path / TENSORS, path / STATE
    data = bytearray(tensors.read_bytes())
    if damage == "missing":
        tensors.unlink()
    elif damage == "truncated":
        tensors.write_bytes(data[:500])
    elif damage == "flipped":
        data[-1] ^= 1
        tensors.write_bytes(data)
    elif damage == "state":
        state.write_text("{")
    else:
        state.write_text(json.dumps({**json.loads(state.read_text()), "format": 99}))
    with pytest.raises(CheckpointError, match="step-00000001"):
        load(path)


def test_a_state_that_is_no_plain_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"state's a/0 is a Path|state's a/0 is a PosixPath"):
        save(tmp_path, 1, {"a": [tmp_path]}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="could not be written"):
        save(tmp_path / "file", 1, {}, {})

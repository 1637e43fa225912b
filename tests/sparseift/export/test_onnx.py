"""What leaves for ONNX computes what the sparse model computes."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sparseift.export.card import Card
from sparseift.export.onnx import to_onnx
from sparseift.masks.state import masks_of
from tests.sparseift.export.samples import assert_equal_bits, small_net, sparse_net


def run(path: Path, *inputs: torch.Tensor) -> torch.Tensor:
    """The first output of an ONNX file."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)}
    return torch.from_numpy(session.run(None, feed)[0])


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
def test_onnx_runtime_computes_the_same(tmp_path: Path, dynamic: bool) -> None:
    onnx: Any = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    model = small_net()
    before = copy.deepcopy(model)
    card = Card(family="sparse_parallel", sparsity=0.7)
    path = tmp_path / "model.onnx"
    to_onnx(model, torch.randn(1 if dynamic else 3, 3, 8, 8), path, card=card, dynamic_batch=dynamic)
    assert_equal_bits(model, before)  # the caller's model is as it was
    assert model.training
    assert masks_of(model)
    model.eval()
    x = torch.randn(5 if dynamic else 3, 3, 8, 8)
    assert (run(path, x) - model(x)).abs().max() < 1e-4
    saved = onnx.load(str(path))
    assert Card.from_json(json.loads({p.key: p.value for p in saved.metadata_props}["sparseift"])) == card
    assert not [i.name for i in saved.graph.initializer if "mask" in i.name]


@pytest.mark.slow
def test_onnx_runtime_computes_a_network_of_every_block(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    model = sparse_net().eval()
    x = torch.randn(2, 3, 5, 5)
    to_onnx(model, x, tmp_path / "net.onnx")
    assert (run(tmp_path / "net.onnx", x) - model(x)).abs().max() < 1e-4

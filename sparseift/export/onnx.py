"""A sparse model as an ONNX file that any runtime executes: a plain model, and its card among the metadata."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseift.errors import InvalidValue
from sparseift.example import Example
from sparseift.export.card import Card
from sparseift.export.program import quiet, to_program

METADATA = "sparseift"  # key of the card among an ONNX model's metadata


def to_onnx(
    model: nn.Module,
    example_input: Example,
    path: str | Path,
    *,
    card: Card | None = None,
    dynamic_batch: bool = False,
    opset: int | None = None,
) -> None:
    """Write the model, in evaluation mode and with its masks folded into the weights, as an ONNX file.

    Args:
        example_input, dynamic_batch: as `to_program`.
        card: written as JSON into the file's metadata, under the key "sparseift".
        opset: of the ONNX standard; None takes torch's.

    Raises:
        InvalidValue: the model cannot be exported.
        ImportError: onnx or onnxscript is not installed (the extra `sparseift[onnx]`).
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ImportError(f"to_onnx takes {' and '.join(missing)}: pip install 'sparseift[onnx]'.")
    program = to_program(model, example_input, dynamic_batch=dynamic_batch)
    try:
        with quiet():
            exported: Any = torch.onnx.export(program, dynamo=True, verbose=False, opset_version=opset)
    except torch.onnx.errors.OnnxExporterError as error:
        raise InvalidValue(f"{type(model).__name__} cannot be converted to ONNX: {error}") from error
    if card is not None:
        exported.model.metadata_props[METADATA] = json.dumps(card.to_json())
    exported.save(path)

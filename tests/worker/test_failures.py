"""Why an attempt failed."""

import pytest

from sparseift.errors import CheckpointError, DataError, Diverged, Infeasible
from worker.failures import MESSAGE_LENGTH, TimeLimit, classify, describe


class AcceleratorError(RuntimeError):
    """torch's, which is known by its name: nothing here imports torch."""


@pytest.mark.parametrize(
    ("error", "failure_class"),
    [
        (Infeasible("no sizes"), "infeasible"),
        (Diverged("nan"), "diverged"),
        (TimeLimit("too long"), "timeout"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"), "out_of_memory"),
        (
            RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
            "out_of_memory",
        ),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "infrastructure"),
        (RuntimeError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA"), "infrastructure"),
        (RuntimeError("CUDA driver error: unspecified launch failure"), "infrastructure"),
        (AcceleratorError("an uncorrectable ECC error"), "infrastructure"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "user"),
        (TypeError("CUDA error: in a user's own words"), "user"),
        (OSError(28, "No space left on device"), "infrastructure"),
        (CheckpointError("could not be written"), "infrastructure"),
        (DataError("fetch it first"), "user"),
        (TypeError("a fault"), "user"),
    ],
)
def test_classes(error: Exception, failure_class: str) -> None:
    assert classify(error) == failure_class


def test_descriptions_are_one_short_line() -> None:
    assert describe(DataError("The file is missing.")) == "The file is missing."
    assert describe(TypeError("a\nb")) == "TypeError: a"
    assert describe(KeyError()) == "KeyError: no message"
    assert len(describe(TypeError("x" * 10_000))) == MESSAGE_LENGTH

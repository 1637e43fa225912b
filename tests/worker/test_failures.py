"""Why an attempt failed."""

import pytest

from sparseift.errors import CheckpointError, DataError, Diverged, Infeasible
from worker.failures import MESSAGE_LENGTH, SAYINGS, TimeLimit, classify, describe


class AcceleratorError(RuntimeError):
    """torch's, which is known by its name: nothing here imports torch."""


class DeferredCudaCallError(Exception):
    """torch's, of a call that waited for CUDA to be initialised; it is no RuntimeError."""


@pytest.mark.parametrize(
    ("error", "failure_class"),
    [
        (Infeasible("no sizes"), "infeasible"),
        (Diverged("nan"), "diverged"),
        (TimeLimit("too long"), "timeout"),
        (MemoryError(), "out_of_memory"),
        (AcceleratorError("an uncorrectable ECC error"), "infrastructure"),
        (DeferredCudaCallError("CUDA call failed lazily at initialization with error: device >= 0"), "infrastructure"),
        (AssertionError("Torch not compiled with CUDA enabled"), "infrastructure"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "user"),
        (RuntimeError("The cuDNN error rate is a name of the user's"), "user"),
        (TypeError("CUDA error: in a user's own words"), "user"),
        (OSError(28, "No space left on device"), "infrastructure"),
        (CheckpointError("could not be written"), "infrastructure"),
        (DataError("fetch it first"), "user"),
        (TypeError("a fault"), "user"),
    ],
)
def test_classes(error: Exception, failure_class: str) -> None:
    assert classify(error) == failure_class


# As torch 2 writes them.
MESSAGES = {
    "out_of_memory": [
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.72 GiB",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
        "CUDA driver error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY",
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes. Error code 12",
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: not enough memory: you tried to allocate 4",
        "[Errno 12] Cannot allocate memory",
        "std::bad_alloc",
    ],
    "infrastructure": [
        "No CUDA GPUs are available",
        "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices()"
        " that might have already set an error? Error 802: system not yet initialized",
        "CUDA driver initialization failed, you might not have a CUDA gpu.",
        "CUDA unknown error - this may be due to an incorrectly set up environment",
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
        "The NVIDIA driver on your system is too old (found version 11040).",
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: unspecified launch failure",
        "CUDA error: uncorrectable ECC error encountered",
        "CUDA error: all CUDA-capable devices are busy or unavailable",
        "CUDA driver error: unspecified launch failure",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb, m, n, k)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`",
        "NCCL error in: ProcessGroupNCCL.cpp:1275, unhandled system error, NCCL version 2.21.5",
        "NCCL communicator was aborted on rank 1.",
        "NVML_SUCCESS == r INTERNAL ASSERT FAILED at CUDACachingAllocator.cpp:838, please report a bug to PyTorch.",
    ],
    "user": [
        "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
        "CUDA error: invalid configuration argument",
        "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx`",
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous input.",
        "cuDNN error: CUDNN_STATUS_BAD_PARAM",
    ],
}


@pytest.mark.parametrize("kind", [RuntimeError, AcceleratorError])
@pytest.mark.parametrize(("failure_class", "message"), [(name, text) for name in MESSAGES for text in MESSAGES[name]])
def test_what_torch_says_of_a_device(kind: type[Exception], failure_class: str, message: str) -> None:
    assert classify(kind(message)) == failure_class


def test_every_word_of_the_table_is_met_by_a_message() -> None:
    told = [text.lower() for texts in MESSAGES.values() for text in texts]
    told += ["torch not compiled with cuda enabled"]
    assert [words for words, _ in SAYINGS if not any(words in text for text in told)] == []
    assert [words for words, _ in SAYINGS if words != words.lower()] == []


def test_descriptions_are_one_short_line() -> None:
    assert describe(DataError("The file is missing.")) == "The file is missing."
    assert describe(TypeError("a\nb")) == "TypeError: a"
    assert describe(KeyError()) == "KeyError: no message"
    assert len(describe(TypeError("x" * 10_000))) == MESSAGE_LENGTH

"""Why an attempt failed: an exception's class and one sentence about it."""

from sparseift.errors import CheckpointError, DataError, Diverged, Infeasible, SparseIFTError

MESSAGE_LENGTH = 500  # characters
# What torch 2 says of memory and of accelerators, in small letters; the first that an error's text holds decides.
# Sources: c10/cuda/CUDAException.cpp, CUDAFunctions.cpp and CUDACachingAllocator.cpp, c10/core/CPUAllocator.cpp,
# aten/src/ATen/cuda/Exceptions.h, torch/csrc/cuda/Module.cpp, torch/cuda/__init__.py,
# torch/csrc/distributed/c10d/NCCLUtils.hpp of PyTorch; the names of states are those of NVIDIA's manuals.
SAYINGS: tuple[tuple[str, str], ...] = (
    ("out of memory", "out_of_memory"),
    ("out_of_memory", "out_of_memory"),
    ("can't allocate memory", "out_of_memory"),
    ("cannot allocate memory", "out_of_memory"),
    ("not enough memory", "out_of_memory"),
    ("bad_alloc", "out_of_memory"),
    ("status_alloc_failed", "out_of_memory"),  # of cuBLAS, cuDNN, cuSOLVER
    ("device_allocation_failed", "out_of_memory"),
    # The program's own: another GPU would say the same.
    ("device-side assert", "user"),  # an index or a label out of range, mostly
    ("invalid configuration argument", "user"),
    ("cublas_status_not_supported", "user"),
    ("cudnn_status_not_supported", "user"),
    ("cudnn_status_bad_param", "user"),
    # A GPU that is ill or gone, which a fresh process meets as one that was never there. One bad GPU is nobody's
    # mistake; another may do.
    ("cuda error", "infrastructure"),
    ("cuda driver error", "infrastructure"),
    ("cuda unknown error", "infrastructure"),
    ("cuda driver initialization failed", "infrastructure"),
    ("cudagetdevicecount", "infrastructure"),
    ("no cuda gpus are available", "infrastructure"),
    ("found no nvidia driver", "infrastructure"),
    ("nvidia driver on your system is too old", "infrastructure"),
    ("torch not compiled with cuda enabled", "infrastructure"),  # a node of a cluster that was set up otherwise
    ("cudnn_status_", "infrastructure"),
    ("cublas_status_", "infrastructure"),
    ("cusolver_status_", "infrastructure"),
    ("nccl error", "infrastructure"),
    ("nccl communicator", "infrastructure"),
    ("nvml_success", "infrastructure"),
)
DEVICE_TYPES = ("AcceleratorError", "DeferredCudaCallError")  # torch's, by name, as torch is not imported


class TimeLimit(SparseIFTError):
    """An attempt ran longer than the operator allows."""


def classify(error: BaseException) -> str:
    """The failure class: user, infeasible, out_of_memory, diverged, infrastructure or timeout.

    Only infrastructure is tried again. Missing data is the user's: trying again would not fetch it.
    """
    if isinstance(error, Infeasible):
        return "infeasible"
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, TimeLimit):
        return "timeout"
    said = _said(str(error).lower())
    if isinstance(error, MemoryError) or said == "out_of_memory":
        return "out_of_memory"
    of_device = type(error).__name__ in DEVICE_TYPES
    if said is not None and (of_device or isinstance(error, RuntimeError | AssertionError)):
        return said  # other types may use the same words for something else
    if of_device:
        return "infrastructure"
    if isinstance(error, OSError | CheckpointError) and not isinstance(error, DataError):
        return "infrastructure"  # a full disk, a lost mount
    return "user"


def _said(text: str) -> str | None:
    """The class that a text in small letters names; None where it names none."""
    return next((failure_class for words, failure_class in SAYINGS if words in text), None)


def describe(error: BaseException) -> str:
    """One sentence: our own errors are sentences already, others are named by their type."""
    lines = str(error).strip().splitlines()
    first = lines[0] if lines else "no message"
    text = first if isinstance(error, SparseIFTError) else f"{type(error).__name__}: {first}"
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"

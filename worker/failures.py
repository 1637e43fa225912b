"""Why an attempt failed: an exception's class and one sentence about it."""

from sparseift.errors import CheckpointError, DataError, Diverged, Infeasible, SparseIFTError

MESSAGE_LENGTH = 500  # characters
OUT_OF_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
DEVICE_WORDS = ("cuda error", "cuda driver error")


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
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY_WORDS):
        return "out_of_memory"
    if _is_device_fault(error, text):
        return "infrastructure"  # one bad GPU is nobody's mistake; another may do
    if isinstance(error, OSError | CheckpointError) and not isinstance(error, DataError):
        return "infrastructure"  # a full disk, a lost mount
    return "user"


def _is_device_fault(error: BaseException, text: str) -> bool:
    """Whether an accelerator failed under the program; torch's own type is known by name, as torch is not imported."""
    if type(error).__name__ == "AcceleratorError":
        return True
    return isinstance(error, RuntimeError) and any(words in text for words in DEVICE_WORDS)


def describe(error: BaseException) -> str:
    """One sentence: our own errors are sentences already, others are named by their type."""
    lines = str(error).strip().splitlines()
    first = lines[0] if lines else "no message"
    text = first if isinstance(error, SparseIFTError) else f"{type(error).__name__}: {first}"
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"

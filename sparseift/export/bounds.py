"""How much a file may make its reader build: no more than a small multiple of what the file itself stores."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from sparseift.errors import CheckpointError

# Names of a configuration's numbers that repeat modules (layers, depths, num_experts, …), and of labels, of which
# transformers writes a dictionary.
COUNTS = re.compile(r"((^|_)n_|num_)(\w+_)?(layers?|blocks?|stages?|experts?|labels)$|(^|_)(layers|depths?|blocks)$")
FEWEST_COUNTS = 1024  # that are always allowed: configurations hold counts that a small model does not use
MOST_LABELS = 1_000_000
REGISTRATIONS = 64  # per stored tensor: modules without tensors, and modules made anew
FEWEST_REGISTRATIONS = 10_000
UNSTORED = 4  # bytes of buffers that a file does not hold, per byte that it does
FEWEST_UNSTORED = 256 * 2**20  # bytes


def check_counts(config: Any, tensors: int, name: str = "") -> None:
    """Refuse a configuration with more layers, at any depth, than the file has tensors.

    Raises:
        CheckpointError: it has.
    """
    if isinstance(config, Mapping):
        for key, value in config.items():
            check_counts(value, tensors, str(key))
    elif isinstance(config, list | tuple):
        for value in config:
            check_counts(value, tensors, name)
    elif isinstance(config, int | float) and COUNTS.search(name):
        most = MOST_LABELS if name.endswith("labels") else max(FEWEST_COUNTS, tensors)
        if config > most:
            raise CheckpointError(f"The configuration has {name} = {config}, and the file {tensors} tensors.")


@contextmanager
def bounded(tensors: int) -> Iterator[None]:
    """While it lasts, this thread cannot put together a model far larger than one of so many tensors.

    Raises:
        CheckpointError: from within, where it is tried.
    """
    left = max(FEWEST_REGISTRATIONS, REGISTRATIONS * tensors)
    thread = threading.get_ident()

    def count(_owner: nn.Module, _name: str, _registered: Any) -> None:
        nonlocal left
        if threading.get_ident() != thread:  # hooks are the process's
            return
        left -= 1
        if left < 0:
            raise CheckpointError(f"The recipe builds far more modules than the file's {tensors} tensors fill.")

    modules = register_module_module_registration_hook(count)
    parameters = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        modules.remove()
        parameters.remove()


def check_unstored(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a model (on the meta device) whose tensors outside its state are far larger than all that is stored.

    Raises:
        CheckpointError: they are.
    """
    stored = sum(tensor.numel() * tensor.itemsize for tensor in tensors.values())
    unstored: dict[int, int] = {}
    for module in model.modules():
        outside = [t for name, t in module._buffers.items() if name in module._non_persistent_buffers_set]
        for tensor in (*outside, *vars(module).values()):
            if isinstance(tensor, Tensor):
                unstored[id(tensor)] = tensor.numel() * tensor.itemsize
    total = sum(unstored.values())
    if total > max(FEWEST_UNSTORED, UNSTORED * stored):
        raise CheckpointError(f"The recipe's buffers would take {total:,} bytes beside the {stored:,} that are stored.")

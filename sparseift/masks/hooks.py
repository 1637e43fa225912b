"""What a mask trainer hangs on the modules it watches: it follows loads, and is no part of the model's copies."""

import gc
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from sparseift.errors import InvalidValue


class LoadHook:
    """Called after a module has loaded a state. It keeps nobody alive, and a copy or a pickle of it does nothing.

    So whoever copies or saves a model that is being trained gets neither the trainer nor the optimizer with it.
    """

    def __init__(self, on_load: Callable[[], None] | None = None) -> None:
        self._on_load = weakref.WeakMethod(on_load) if on_load is not None else None

    def __call__(self, _module: nn.Module, _incompatible: Any) -> None:
        on_load = self.target()
        if on_load is not None:
            on_load()

    def __deepcopy__(self, _memo: dict[int, Any]) -> "LoadHook":
        return LoadHook()

    def __reduce__(self) -> tuple[type["LoadHook"], tuple[()]]:
        return LoadHook, ()

    def target(self) -> Callable[[], None] | None:
        """The method to call, for as long as its object lives."""
        return None if self._on_load is None else self._on_load()


def watch(modules: Iterable[nn.Module], on_load: Callable[[], None]) -> list[Any]:
    """Have a method called whenever one of the modules loads a state.

    Returns:
        Handles that remove the hooks.

    Raises:
        InvalidValue: another trainer watches one of them.
    """
    modules = list(modules)
    if any(map(_is_watched, modules)):
        gc.collect()  # a trainer and its optimizer hold each other: one that nobody holds any more may still be there
    if any(map(_is_watched, modules)):
        raise InvalidValue("The model has a MaskTrainer already; call remove() on that one first.")
    return [module.register_load_state_dict_post_hook(LoadHook(on_load)) for module in modules]  # type: ignore[no-untyped-call]


def _is_watched(module: nn.Module) -> bool:
    hooks = module._load_state_dict_post_hooks.values()
    return any(isinstance(hook, LoadHook) and hook.target() is not None for hook in hooks)

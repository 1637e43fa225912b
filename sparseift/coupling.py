"""Which dimensions of a built model's layers must grow together, as Torch-Pruning's dependency graph sees it.

Source of the graph: G. Fang et al., DepGraph (CVPR 2023), arXiv 2301.12900; `pip install sparseift[pruning]`. It traces
one forward through autograd. On some models that never ends, so it runs in a thread that is stopped after a while.
"""

import ctypes
import math
import threading
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from sparseift.errors import InvalidValue
from sparseift.example import Example, arguments_of
from sparseift.growth import CONVOLUTIONS, PRODUCTS, TRANSPOSED, Side, is_depthwise

PATIENCE = 5.0  # seconds that a stopped thread gets to unwind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Coupling:
    """One dimension of the model's interior, wherever it appears.

    Attributes:
        channels: its size.
        multiple: of what the size must stay a multiple (groups of convolutions and norms).
        shares: (module name, side) -> how many entries of that side belong to it: `channels`, or h·w times as many
            behind a flattened image. A norm, an embedding and a depthwise convolution have the side "out" only.
    """

    channels: int
    multiple: int
    shares: dict[tuple[str, Side], int]


@dataclass(frozen=True, slots=True)
class Couplings:
    """All of them.

    Attributes:
        interior: those that touch no output of the model.
        layers: names of the linear and convolution layers that the forward uses.
        reads_input, feeds_output: those of them with no other layer before or behind them.
    """

    interior: tuple[Coupling, ...]
    layers: frozenset[str]
    reads_input: frozenset[str]
    feeds_output: frozenset[str]


def couplings(model: nn.Module, example: Example, timeout: float) -> Couplings:
    """Trace a copy of the model on the CPU.

    Args:
        timeout: seconds.

    Raises:
        InvalidValue: the trace failed or took too long, or a dimension runs through something that cannot grow.
    """

    def trace() -> Couplings:
        copy = deepcopy(model)
        if any(t.is_meta for t in (*copy.parameters(), *copy.buffers())):
            copy.to_empty(device="cpu")
        copy = copy.to("cpu")
        for tensor in copy.parameters():
            if tensor.is_floating_point():
                tensor.requires_grad_(True)  # the trace follows gradients
        args, kwargs = tree_map_only(
            Tensor, lambda t: torch.zeros_like(t, device="cpu") if t.is_meta else t.to("cpu"), arguments_of(example)
        )
        with torch.enable_grad(), torch.device("cpu"):
            return _graph(copy, args, kwargs)

    try:
        return within(timeout, trace)
    except InvalidValue:
        raise
    except TimeoutError:
        raise InvalidValue(f"Tracing {type(model).__name__} took longer than {timeout:g} s and was given up.") from None
    except Exception as error:
        raise InvalidValue(f"Tracing {type(model).__name__} failed: {type(error).__name__}: {error}") from error


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises, computed in a thread that is told to stop when time is up.

    Only Python code can be stopped; a thread that is inside a long call of native code is left behind, as a daemon.

    Raises:
        TimeoutError: time is up.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="sparseift-coupling")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        assert thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(PATIENCE)
        raise TimeoutError
    if errors:
        raise errors[0]
    return results[0]


def _graph(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Couplings:
    import torch_pruning  # the extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it guesses about what it does not know; what comes of it is verified
        graph = torch_pruning.DependencyGraph().build_dependency(
            model,
            args,
            forward_fn=lambda module, inputs: module(*inputs, **kwargs),
            output_transform=lambda out: [t for t in tree_leaves(out) if isinstance(t, Tensor) and t.requires_grad],
            verbose=False,
        )
        groups = list(graph.get_all_groups(root_module_types=(*PRODUCTS, nn.Embedding)))
    names = {module: name for name, module in model.named_modules()}
    parameters = {id(parameter): name for name, parameter in model.named_parameters()}
    interior = []
    outputs: set[str] = set()
    for group in groups:
        if any(_is_output(graph, dep) for dep, _ in group):
            outputs.update(names[dep.target.module] for dep, _ in group if _side(graph, dep, names) == "out")
            continue
        entries: dict[tuple[str, Side], set[int]] = {}
        for dep, indices in group:
            module = dep.target.module
            if isinstance(module, nn.Parameter):
                raise InvalidValue(f"The parameter '{parameters[id(module)]}' belongs to no layer and cannot grow.")
            side = _side(graph, dep, names)
            if side is not None:
                entries.setdefault((names[module], side), set()).update(indices)
        if entries:
            channels = len(group[0].idxs)
            multiple = math.lcm(*(_groups(model.get_submodule(name)) for name, _ in entries))
            interior.append(Coupling(channels, multiple, {key: len(value) for key, value in entries.items()}))
    layers: dict[nn.Module, str] = {
        m: n for m, n in names.items() if m in graph.module2node and isinstance(m, PRODUCTS)
    }
    stems = frozenset(name for module, name in layers.items() if not _has_producer(graph.module2node[module], layers))
    return Couplings(tuple(interior), frozenset(layers.values()), stems, frozenset(outputs))


def _side(graph: Any, dep: Any, names: dict[nn.Module, str]) -> Side | None:
    """Which side of a layer a dependency is about; None for what is no module with parameters of its own."""
    module = dep.target.module
    if module not in names or not any(True for _ in module.parameters(recurse=False)):
        return None
    return "out" if graph.is_out_channel_pruning_fn(dep.handler) else "in"


def _is_output(graph: Any, dep: Any) -> bool:
    """Whether a dependency's target hands its dimension to the caller of the model."""
    is_layer = isinstance(dep.target.module, PRODUCTS)
    only_reads = is_layer and not graph.is_out_channel_pruning_fn(dep.handler)
    return not dep.target.outputs and not only_reads


def _has_producer(node: Any, layers: dict[nn.Module, str]) -> bool:
    """Whether another layer computes what a layer reads."""
    stack, seen = list(node.inputs), set()
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        if current.module in layers or isinstance(current.module, nn.Embedding):
            return True
        stack.extend(current.inputs)
    return False


def _groups(module: nn.Module) -> int:
    if isinstance(module, nn.GroupNorm):
        return module.num_groups
    if isinstance(module, (*CONVOLUTIONS, *TRANSPOSED)) and not is_depthwise(module):
        return module.groups
    return 1

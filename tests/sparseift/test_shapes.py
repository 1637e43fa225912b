"""What is taken for granted of slow operators' results is what torch itself says."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.shapes import Shapes, shortcut

X = (2, 6, 4, 4)


def image(dtype: torch.dtype = torch.float32, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    return torch.empty(X, dtype=dtype, device="meta").to(memory_format=layout)


def norm(x: Tensor, training: bool) -> tuple[Tensor, ...]:
    own = [torch.empty(6, device="meta") for _ in range(4)]
    return torch.ops.aten.native_batch_norm(x, *own, training, 0.1, 1e-5)


CASES: list[tuple[str, Callable[[], Tensor | tuple[Tensor, ...]]]] = [
    ("batch norm, training", lambda: norm(image(), True)),
    ("batch norm, evaluation", lambda: norm(image(), False)),
    ("batch norm of bfloat16", lambda: norm(image(torch.bfloat16), True)),
    ("batch norm, channels last", lambda: norm(image(layout=torch.channels_last), True)),
    ("layer norm", lambda: torch.ops.aten.native_layer_norm(image(), [4, 4], None, None, 1e-5)),
    ("relu", lambda: F.relu(image(torch.float64))),
    ("relu in place", lambda: F.relu(image(layout=torch.channels_last), inplace=True)),
    ("gelu", lambda: F.gelu(image())),
    ("silu", lambda: F.silu(image())),
    ("sum", lambda: image() + image()),
    ("sum that broadcasts", lambda: image()[:, :, :1] + image()),
    ("sum of two types", lambda: image() + image(torch.float64)),
    ("sum of two layouts", lambda: image() + image(layout=torch.channels_last)),
    ("product with a number", lambda: image() * 2),
    ("draw", lambda: nn.init.normal_(image())),
]


def described(found: Tensor | tuple[Tensor, ...]) -> list[tuple[object, ...]]:
    tensors = (found,) if isinstance(found, Tensor) else found
    return [(t.shape, t.dtype, t.stride(), t.device) for t in tensors]


@pytest.mark.parametrize(("name", "work"), CASES, ids=[name for name, _ in CASES])
def test_results_look_as_torchs_own(name: str, work: Callable[[], Tensor | tuple[Tensor, ...]]) -> None:
    plain = described(work())
    with Shapes():
        quick = described(work())
    assert quick == plain


def test_values_are_never_made_up() -> None:
    x = torch.ones(3)
    assert shortcut(torch.ops.aten.relu.default, (x,)) is NotImplemented
    with Shapes():
        assert torch.equal(F.relu(-x), torch.zeros(3))
        assert float(nn.init.zeros_(x).sum()) == 0.0

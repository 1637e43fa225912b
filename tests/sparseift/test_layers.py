"""Which layers a transformation takes, and what it leaves as it was."""

import pytest
import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue, UnknownName
from sparseift.flops import count
from sparseift.layers import assign_roles
from sparseift.masks.state import masks_of
from sparseift.transformation import transform, widen


class Patches(nn.Module):
    """A stem that is no embedding, and positions that are one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.positions = nn.Embedding(4, 32)
        self.inner, self.head = nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.stem(x).flatten(2).transpose(1, 2) + self.positions.weight
        return self.head(self.inner(tokens).mean(1))


def mlp(width: int = 32) -> nn.Sequential:
    return nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


X = torch.zeros(1, 16)


def test_the_stem_is_what_the_forward_reads_first() -> None:
    model = Patches()
    assert assign_roles(model, count(model, torch.zeros(1, 3, 8, 8))).transform == ("inner",)


def test_shared_layers_and_subclasses_stay_dense() -> None:
    class Special(nn.Linear):
        """Whoever subclasses may read the weight elsewhere, as nn.MultiheadAttention does."""

    shared = nn.Linear(32, 32)
    model = nn.Sequential(nn.Linear(16, 32), shared, nn.Linear(32, 32), shared, Special(32, 32), nn.Linear(32, 10))
    assert assign_roles(model, count(model, X)).transform == ("2",)


def test_whatever_goes_wrong_the_model_stays_as_it_was() -> None:
    model = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)  # its fast path reads linear1.weight
    before = {name: type(m) for name, m in model.named_modules()}
    with pytest.raises(InvalidValue, match="does not run on the meta device"):
        transform(model, "sparse_factorized", 0.5, torch.zeros(1, 5, 32), dense=())
    assert {name: type(m) for name, m in model.named_modules()} == before
    assert model(torch.randn(2, 5, 32)).shape == (2, 5, 32)


def test_a_transformed_model_is_not_transformed_again() -> None:
    model = mlp()
    transform(model, "sparse_doped", 0.5, X)
    with pytest.raises(InvalidValue, match="masks already"):
        transform(model, "sparse_factorized", 0.5, X)


def test_frozen_layers_stay_frozen_and_dtypes_stay() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 10)).double()
    model[1].weight.requires_grad_(False)
    transform(model, "sparse_parallel", 0.5, torch.zeros(1, 3, 8, 8, dtype=torch.float64))
    assert model(torch.zeros(2, 3, 8, 8, dtype=torch.float64)).dtype == torch.float64
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"0.weight", "0.bias", "1.output.bias", "3.weight", "3.bias"}


@pytest.mark.parametrize("family", ["sparse_parallel", "sparse_factorized", "sparse_doped"])
def test_a_zero_initialised_layer_still_learns(family: str) -> None:
    model = mlp()
    nn.init.zeros_(model[2].weight)
    transform(model, family, 0.5, X)
    model(torch.randn(8, 16)).square().sum().backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if n.startswith("2.") and n.endswith("weight")}
    assert all(g is not None and g.abs().sum() > 0 for g in gradients.values())


def test_globs_may_come_from_a_generator() -> None:
    model, _ = widen(mlp, 32, 0.5, X, dense=(name for name in ("0", "4")))
    assert set(masks_of(model)) == {"2.weight"}


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(UnknownName, match="masked_layers"):
        transform(mlp(), "sparse_doped", 0.5, X, scope="whole_model")  # type: ignore[arg-type]

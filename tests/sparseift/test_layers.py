"""Which layers a transformation takes, and what it leaves as it was."""

import pytest
import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue, UnknownName
from sparseift.flops import count
from sparseift.layers import Rule, assign_roles
from sparseift.masks.state import masks_of
from sparseift.transformation import plan_transform, roles_of, transform
from sparseift.widening import plan_widen, widen


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


class Special(nn.Linear):
    """Whoever subclasses may read the weight elsewhere, as nn.MultiheadAttention does."""


class Tied(nn.Module):
    """Two layers that share a weight, and one that nobody uses."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.free, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 10)
        self.one, self.two, self.idle = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(self.free(self.stem(x)))))


def test_every_dense_layer_has_its_reason() -> None:
    model = nn.Sequential(Tied(), nn.Linear(10, 10), Special(10, 10), nn.Linear(10, 10))
    roles = roles_of(model, X)
    assert roles.transform == ("0.free", "0.head", "1")
    assert roles.dense == {
        "0.stem": "it is a stem or a head",
        "0.one": "its weight is tied to another module's",
        "0.two": "its weight is tied to another module's",
        "0.idle": "the forward does not use it",
        "2": "it is a subclass, Special, whose maker may read its weight",
        "3": "it is a stem or a head",
    }
    assert roles_of(model, X, [("2", "transform")]).transform == ("0.free", "0.head", "1", "2")


def test_the_first_rule_that_selects_a_layer_decides() -> None:
    model = nn.Sequential(mlp(), nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 10)), nn.Linear(10, 10))
    rules: list[Rule] = [
        ("1.0", "mask"),
        (lambda name, _module: name == "1", "dense"),  # what is inside a module goes with it
        ("0.0", "transform"),  # even the stem, when asked for
        (nn.Linear, "mask"),
    ]
    roles = roles_of(model, X, rules)
    assert roles.transform == ("0.0",)
    assert roles.mask_only == ("0.2", "0.4", "1.0", "2")
    assert roles.dense == {"1.1": "a rule says so"}


def test_a_rule_that_selects_nothing_is_a_typing_error() -> None:
    with pytest.raises(InvalidValue, match=r"'haed' selects no module of Sequential; its layers: 0, 2, 4"):
        transform(mlp(), "sparse_doped", 0.5, X, rules=[("haed", "dense")])
    with pytest.raises(UnknownName, match="transform"):
        transform(mlp(), "sparse_doped", 0.5, X, rules=[("2", "sparse")])  # type: ignore[list-item]


def test_whatever_goes_wrong_the_model_stays_as_it_was() -> None:
    class Fussy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.inner, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.stem(x) @ self.inner.weight.t())

    model = Fussy()
    with pytest.raises(InvalidValue, match="weight"):
        transform(model, "sparse_factorized", 0.5, X)
    assert type(model.inner) is nn.Linear
    assert model(torch.randn(2, 16)).shape == (2, 10)


def test_planning_leaves_the_model_as_it_was() -> None:
    with torch.device("meta"):
        model = mlp()
    names = list(model.state_dict())
    point = plan_transform(model, "sparse_factorized", 0.75, X)
    assert list(model.state_dict()) == names
    real = mlp()
    assert transform(real, "sparse_factorized", 0.75, X) == point
    assert plan_widen(mlp, 0.75, X, width=32) == widen(mlp, 0.75, X, width=32)[1]


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


def test_rules_may_come_from_a_generator() -> None:
    model, _ = widen(mlp, 0.5, X, width=32, rules=((name, "dense") for name in ("0", "4")))
    assert set(masks_of(model)) == {"2.weight"}


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(UnknownName, match="masked_layers"):
        transform(mlp(), "sparse_doped", 0.5, X, scope="whole_model")  # type: ignore[arg-type]


def test_depthwise_layers_are_masked_only_when_asked_for() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 2, 1))
    counted = count(model, torch.zeros(1, 3, 8, 8))
    for replacing in (True, False):
        assert assign_roles(model, counted, replacing=replacing).transform == ("2",)
        assert assign_roles(model, counted, [("1", "mask")], replacing=replacing).mask_only == ("1",)
        assert "1" not in assign_roles(model, counted, [("2", "mask"), ("3", "transform"), ("1", "dense")]).transform


class TwoHeads(nn.Module):
    """Two towers, two heads, a token that comes before the stem, and a layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 32))
        self.left, self.right = nn.Linear(16, 32), nn.Linear(16, 32)
        self.twice, self.inner = nn.Linear(32, 32), nn.Linear(32, 32)
        self.classes, self.boxes = nn.Linear(32, 10), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        token = self.token.expand(len(x), 1, 32)
        x = torch.cat([token, (self.left(x) + self.right(x)).unsqueeze(1)], 1)
        x = self.twice(self.inner(self.twice(x)))
        return self.classes(x[:, 0]), self.boxes(x[:, 1])


def test_every_stem_and_every_head_stays_dense() -> None:
    roles = roles_of(TwoHeads(), X)
    assert roles.transform == ("twice", "inner")
    assert set(roles.dense) == {"left", "right", "classes", "boxes"}


def test_a_head_that_is_also_used_before_is_a_head() -> None:
    shared = nn.Linear(16, 16)
    model = nn.Sequential(nn.Linear(16, 16), shared, nn.Linear(16, 16), shared)
    assert roles_of(model, X).transform == ("2",)


def test_layers_with_hooks_and_computed_weights_stay_dense() -> None:
    model = nn.Sequential(*(nn.Linear(16, 16) for _ in range(4)), nn.Linear(16, 2))
    model[1].register_forward_hook(lambda _module, _inputs, _output: None)
    nn.utils.parametrizations.spectral_norm(model[2])
    before = {n: v.clone() for n, v in model.state_dict().items()}
    roles = roles_of(model, X)
    assert roles.transform == ("3",)
    assert roles.dense["1"] == "it has hooks, which would go with it"
    assert roles.dense["2"] == "its weight is computed by a parametrization"
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())


def test_a_layer_that_is_reached_by_another_way_is_refused() -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Linear(16, 16) for _ in range(4))
            self.steps = [self.b]

        def forward(self, x: Tensor) -> Tensor:
            return self.d(self.c(self.steps[0](self.a(x))))

    model = Aside()
    with pytest.raises(InvalidValue, match=r"does not call 'b' through its module.*\('b', 'dense'\)"):
        transform(model, "sparse_factorized", 0.5, X)
    assert type(model.b) is nn.Linear
    transform(model, "sparse_factorized", 0.5, X, rules=[("b", "dense")])


@pytest.mark.parametrize("rule", ["2", (1, "dense"), ("2",)])
def test_what_is_no_rule_is_refused(rule: object) -> None:
    with pytest.raises(InvalidValue, match="is no rule"):
        roles_of(mlp(), X, [rule])  # type: ignore[list-item]


def test_a_builder_that_does_not_widen_is_refused() -> None:
    with pytest.raises(InvalidValue, match="does not widen"):
        widen(lambda _width: mlp(32), 0.75, X, width=32)


def test_rules_and_plans_draw_nothing_at_random() -> None:
    model = nn.Sequential(nn.Linear(16, 32), nn.TransformerEncoderLayer(32, 2, 64, batch_first=True), nn.Linear(32, 2))
    x, state = torch.zeros(1, 5, 16), torch.get_rng_state()
    roles_of(model, x)
    plan_transform(model, "sparse_doped", 0.5, x)
    assert torch.equal(torch.get_rng_state(), state)

"""Counts against hand values (docs/explanation/iso-flop.md), to the integer."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sparseift import catalog
from sparseift.building import dense_network
from sparseift.errors import InvalidValue
from sparseift.example import Example
from sparseift.flops import count, nonzero_flops
from sparseift.ledger import Network
from sparseift.models.gpt import GPT
from sparseift.models.resnet import ResNet
from sparseift.records import DataShape

IMAGENET = DataShape("images", (3, 224, 224), 1000, 1_281_167)
CIFAR100 = DataShape("images", (3, 32, 32), 100, 50_000)
GPT2 = DataShape("text", (1024,), 50257, 1)


def total(model: str, shape: DataShape, **arguments: int) -> int:
    return dense_network(catalog.get("model", model), arguments, shape).flops("model")


def test_a_linear_layer_over_five_tokens() -> None:
    counted = count(nn.Linear(3, 7), torch.zeros(1, 5, 3))
    assert counted.total == 2 * 3 * 7 * 5
    assert counted.weights["weight"].uses == 5


def test_a_grouped_strided_dilated_convolution() -> None:
    layer = nn.Conv2d(8, 12, 3, stride=2, padding=2, dilation=2, groups=4)
    counted = count(layer, torch.zeros(1, 8, 9, 9))
    assert counted.weights["weight"].uses == 5 * 5
    assert counted.total == 2 * 12 * (8 // 4) * 9 * 5 * 5


def test_attention_scores_are_weight_free_and_count_the_full_square() -> None:
    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            heads = x.view(1, 6, 2, 4).transpose(1, 2)  # (B, heads, T, head_dim)
            return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)

    counted = count(Attention(), torch.zeros(1, 6, 8))
    assert counted.weights == {}
    assert counted.weight_free_flops == 2 * (2 * 6 * 6 * 4) * 2  # QKᵀ and AV, two heads


def test_resnet18_at_224_and_on_cifar() -> None:
    # Hand count: stem 7²·3·64·112² MACs + stages + 512·1000, times 2.
    assert total("resnet18", IMAGENET, imagenet_stem=1) == 3_628_146_688
    stem, head = 9 * 3 * 64 * 32 * 32, 512 * 100
    stages = sum(
        positions * (first * c * 9 + 3 * c * c * 9 + (first * c if first != c else 0))
        for c, first, positions in ((64, 64, 1024), (128, 64, 256), (256, 128, 64), (512, 256, 16))
    )
    assert total("resnet18", CIFAR100) == 2 * (stem + stages + head)


def test_gpt2_small() -> None:
    network = dense_network(catalog.get("model", "gpt3-small"), {}, GPT2)
    tokens, d, layers, vocabulary = 1024, 768, 12, 50257
    weights = 2 * tokens * (12 * d * d * layers + d * vocabulary)
    attention = layers * 2 * 2 * tokens * tokens * d
    assert weights == 252_993_601_536
    assert attention == 38_654_705_664
    assert network.flops("linear_layers") == weights
    assert network.flops("model") == weights + attention == 291_648_307_200
    assert 3 * network.flops("model") == 874_944_921_600


def test_counting_changes_nothing() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    model[2].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    count(model, torch.zeros(1, 3, 8, 8))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert next(model.parameters()).device.type == "cpu"


def test_tied_and_reused_weights_add_up() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(self.layer(x))

    assert count(Twice(), torch.zeros(1, 4)).weights["layer.weight"].uses == 2


def test_only_nonzeros_of_masked_weights_are_paid_for() -> None:
    counted = count(nn.Linear(4, 4, bias=False), torch.zeros(1, 4))
    mask = torch.zeros(4, 4, dtype=torch.uint8)
    mask[0, :3] = 1
    assert nonzero_flops(counted, {"weight": mask}) == 2 * 3


def test_a_batch_is_refused() -> None:
    with pytest.raises(InvalidValue, match="batch of 2"):
        count(nn.Linear(3, 3), torch.zeros(2, 3))


def test_a_module_that_is_registered_twice_is_counted_twice_and_left_alone() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.BatchNorm1d(4), layer)
    assert count(model, torch.zeros(1, 4)).weights["0.weight"].uses == 2
    assert model[0].weight.device.type == model[2].weight.device.type == "cpu"
    assert model(torch.ones(3, 4)).shape == (3, 4)


def test_a_layer_with_its_weight_stored_the_other_way_round() -> None:
    """Hugging Face's GPT-2 multiplies with (in, out) weights: looking for `nn.Linear` finds none of them."""

    class Conv1D(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(inputs, outputs))
            self.bias = nn.Parameter(torch.zeros(outputs))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)

    counted = count(nn.Sequential(Conv1D(6, 18), Conv1D(18, 6)), torch.zeros(1, 5, 6))
    assert [w.uses for w in counted.weights.values()] == [5, 5]
    assert counted.total == 2 * (2 * 5 * 6 * 18)


def test_flops_are_booked_on_the_weight_not_on_a_bias_or_an_input() -> None:
    assert list(count(nn.Linear(1, 8), torch.zeros(1, 1)).weights) == ["weight"]

    class Latents(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.latents = nn.Parameter(torch.zeros(64, 16))
            self.query = nn.Linear(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.query(self.latents) + x.mean()

    assert list(count(Latents(), torch.zeros(1, 3)).weights) == ["query.weight"]


class Reads(nn.Module):
    """A model whose forward looks at values, so that it does not run on the meta device."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *args: torch.Tensor, **kwargs: Any) -> Any:
        assert float(sum(p.sum() for p in self.inner.parameters())) < 1e9
        return self.inner(*args, **kwargs)


X, CONTEXT = torch.zeros(1, 4, 8), torch.zeros(1, 7, 8)
COUNTABLE: dict[str, tuple[Callable[[], nn.Module], Example]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2)), X),
    "resnet": (lambda: ResNet(3, 10, 8, [1, 1]), torch.zeros(1, 3, 8, 8)),
    "gpt": (lambda: GPT(11, 8, 16, 2, 2, 0.1), torch.zeros(1, 8, dtype=torch.int64)),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), X),
    "encoders": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), X),
    "self attention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), (X, X, X)),
    "without weights": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True),
        {"query": X, "key": X, "value": X, "need_weights": False},
    ),
    "cross attention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), (X, CONTEXT, CONTEXT)),
    "lstm": (lambda: nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True), X),
    "gru": (lambda: nn.GRU(8, 6, batch_first=True), X),
    "vector": (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(32, 2)), X),
    "normalised": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 3)), X),
}


@pytest.mark.parametrize("name", COUNTABLE)
def test_a_real_forward_counts_the_same_integers(name: str) -> None:
    build, example = COUNTABLE[name]
    model = build()
    on_meta, real = count(model, example), count(Reads(model), example)
    assert {f"inner.{n}": w.uses for n, w in on_meta.weights.items()} == {n: w.uses for n, w in real.weights.items()}
    assert {f"inner.{n}": flops for n, flops in on_meta.uneven.items()} == real.uneven
    assert on_meta.weight_free_flops == real.weight_free_flops
    assert on_meta.total == real.total > 0


def test_the_fused_encoder_layer_hides_nothing() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    assert count(layer, X).total == 2 * 4 * (4 * 8 * 8 + 2 * 8 * 16) + 2 * 2 * 4 * 4 * 8
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_packed_projection_is_even_in_self_attention_and_uneven_in_cross_attention() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    alone = count(layer, (X, X, X))
    assert {n: w.uses for n, w in alone.weights.items()} == {"in_proj_weight": 4, "out_proj.weight": 4}
    # 4 + 2 · 7 = 18 is a multiple of 3, and yet the three parts are not used equally often.
    cross = count(layer, (X, CONTEXT, CONTEXT))
    assert cross.uneven == {"in_proj_weight": 2 * 8 * 8 * (4 + 2 * 7)}
    assert {n: w.uses for n, w in cross.weights.items()} == {"out_proj.weight": 4}
    attention = 2 * 2 * 4 * 7 * 8
    assert cross.total == 2 * 8 * 8 * (4 + 2 * 7) + 2 * 8 * 8 * 4 + attention
    assert nonzero_flops(cross, {}) == cross.total
    network = Network(tuple(cross.weights.values()), cross.weight_free_flops, 0, sum(cross.uneven.values()))
    assert network.flops("model") == cross.total
    assert network.flops("linear_layers") == cross.total - attention
    assert network.flops("masked_layers") == 0


def test_a_slice_of_a_weight_is_uneven_and_equal_parts_are_not() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 6))

        def forward(self, x: torch.Tensor, parts: int) -> torch.Tensor:
            return sum(F.linear(x, part).sum() for part in self.weight.chunk(2)[:parts])  # type: ignore[return-value]

    x = torch.zeros(1, 5, 6)
    assert count(Half(), (x, 1)).uneven == {"weight": 2 * 2 * 6 * 5}
    assert count(Half(), (x, 2)).weights["weight"].uses == 5


@pytest.mark.parametrize(
    ("parts", "uses"),
    [
        (lambda w: (w[:4], w[2:6]), None),  # half of the entries, as many as a half and another half, but overlapping
        (lambda w: (w[:, :3], w[:, 3:]), 5),
        (lambda w: (w[:, :3], w[:, 1:4]), None),
        (lambda w: (w[::2], w[1::2]), 5),
        (lambda w: (w[:4], w[4:]), 5),
        (lambda w: (w[:4], w[4:], w), 10),
        (lambda w: (w.t()[:, :4].t(), w[4:]), 5),
    ],
)
def test_slices_are_even_where_they_tile_the_weight(parts: Callable[[Any], Any], uses: int | None) -> None:
    class Sliced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(8, 6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sums = [F.linear(x[..., : part.shape[1]], part).sum() for part in parts(self.weight)]
            return torch.stack(sums).sum()

    counted = count(Sliced(), torch.zeros(1, 5, 6))
    assert (counted.weights["weight"].uses if "weight" in counted.weights else None) == uses


def test_a_weight_that_is_cast_or_masked_first_is_still_the_weight() -> None:
    class Masked(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.linear(x.double(), (self.weight * self.mask).double())

    layer = Masked(3, 4)
    layer.register_buffer("mask", torch.ones(4, 3))
    assert count(layer, torch.zeros(1, 5, 3)).weights["weight"].uses == 5


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_a_weight_in_a_sparse_layout_costs_what_it_stores() -> None:
    layer = nn.Linear(4, 3)
    layer.weight = nn.Parameter(torch.eye(3, 4).to_sparse_csr(), requires_grad=False)
    counted = count(layer, torch.zeros(1, 4))
    assert counted.uneven == {"weight": 2 * 3}
    assert counted.total == 2 * 3


def test_counting_leaves_nothing_behind() -> None:
    """Lists of weights, caches and counters are as they were, whichever way the forward ran."""

    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 4, batch_first=True)
            self.register_buffer("calls", torch.zeros(()))
            self.cache: dict[str, torch.Tensor] = {}

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            self.cache["x"] = self.last = x + torch.randn(())
            self.register_buffer("new", x, persistent=False)
            return self.lstm(x)[0]

    for model in (Remembers(), Reads(Remembers())):
        before = {n: v.clone() for n, v in model.state_dict().items()}
        random = torch.random.get_rng_state()
        count(model, torch.zeros(1, 3, 4))
        inner = next(m for m in model.modules() if isinstance(m, Remembers))
        assert inner.cache == {}
        assert "last" not in vars(inner)
        assert set(model.state_dict()) == set(before)
        assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
        assert [w.device.type for w in inner.lstm._flat_weights] == ["cpu"] * 4
        assert all(w is p for w, p in zip(inner.lstm._flat_weights, inner.lstm.parameters(), strict=True))
        assert torch.equal(torch.random.get_rng_state(), random)
        assert model.training
        assert inner.lstm.training


def test_a_forward_that_runs_nowhere_says_why() -> None:
    with pytest.raises(InvalidValue, match=r"Linear does not run on the meta device: .*; nor on the model's own"):
        count(nn.Linear(3, 3), torch.zeros(1, 4))
    on_meta = Reads(nn.Linear(3, 3)).to("meta")
    with pytest.raises(InvalidValue, match="have no values"):
        count(on_meta, torch.zeros(1, 3))

    class Writes(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.weight.data.mul_(2)
            return super().forward(x)

    layer = Writes(3, 3)
    before = layer.weight.detach().clone()
    with pytest.raises(InvalidValue, match="writes to its parameter 'weight'"):
        count(layer, torch.zeros(1, 3))
    assert torch.equal(layer.weight, before)


def test_counting_within_inference_mode() -> None:
    with torch.inference_mode():
        assert count(nn.Linear(3, 7), torch.zeros(1, 5, 3)).weights["weight"].uses == 5


def test_hugging_face_gpt2() -> None:
    """Weights stored (in, out), a head tied to the embedding: 12 d² weights per layer, as in our own GPT."""
    transformers = pytest.importorskip("transformers")
    t, d, layers, vocabulary = 6, 8, 2, 11
    config = transformers.GPT2Config(n_embd=d, n_layer=layers, n_head=2, n_positions=t, vocab_size=vocabulary)
    counted = count(transformers.GPT2LMHeadModel(config), {"input_ids": torch.zeros(1, t, dtype=torch.int64)})
    assert counted.weights["transformer.h.0.attn.c_attn.weight"].uses == t
    assert counted.weights["transformer.wte.weight"].shape == (vocabulary, d)
    assert counted.weight_free_flops == layers * 2 * 2 * t * t * d
    assert counted.total == 2 * t * (12 * d * d * layers + d * vocabulary) + counted.weight_free_flops


def test_hugging_face_llama_with_grouped_queries() -> None:
    transformers = pytest.importorskip("transformers")
    t, d, inner, vocabulary, heads, shared = 6, 16, 24, 11, 4, 2
    config = transformers.LlamaConfig(
        hidden_size=d, intermediate_size=inner, num_hidden_layers=2, num_attention_heads=heads,
        num_key_value_heads=shared, vocab_size=vocabulary, max_position_embeddings=t,
    )  # fmt: skip
    counted = count(transformers.LlamaForCausalLM(config), {"input_ids": torch.zeros(1, t, dtype=torch.int64)})
    block = 2 * d * d + 2 * d * (d * shared // heads) + 3 * d * inner  # q and o, k and v, gate and up and down
    attention = 2 * 2 * 2 * t * t * d  # two layers; keys and values are shared, their products are not
    assert sum(w.flops(w.numel) for w in counted.weights.values()) == 2 * t * (2 * block + d * vocabulary)
    assert counted.weight_free_flops == attention


def test_routed_experts_are_uneven() -> None:
    transformers = pytest.importorskip("transformers")
    t, d, inner, experts, chosen = 6, 16, 32, 4, 2
    config = transformers.MixtralConfig(
        hidden_size=d, intermediate_size=inner, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        vocab_size=50, num_local_experts=experts, num_experts_per_tok=chosen,
    )  # fmt: skip
    counted = count(transformers.MixtralForCausalLM(config), {"input_ids": torch.zeros(1, t, dtype=torch.int64)})
    assert sum(counted.uneven.values()) == 2 * t * chosen * 3 * d * inner
    assert counted.total == 2 * t * (4 * d * d + d * experts + chosen * 3 * d * inner + d * 50) + 2 * 2 * t * t * d

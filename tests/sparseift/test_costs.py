"""Three ledgers, layer by layer: by hand, and their sums against the counters."""

import sys
from io import StringIO

import pytest
import torch
from torch import nn

from sparseift.costs import REST, cost_table
from sparseift.errors import InvalidValue
from sparseift.flops import count, nonzero_flops
from sparseift.masks.state import masks_of
from sparseift.models.gpt import GPT

X = torch.zeros(1, 5, 8)
TOKENS = torch.zeros(1, 8, dtype=torch.int64)


def masked_mlp() -> nn.Module:
    """8 -> 6 -> 2 with a norm between; a quarter of the first layer's weights is active."""
    model = nn.Sequential(nn.Linear(8, 6), nn.LayerNorm(6), nn.Linear(6, 2, bias=False))
    mask = torch.zeros(6, 8, dtype=torch.uint8)
    mask.view(-1)[:12] = 1
    model[0].register_buffer("weight_mask", mask)
    return model


def test_a_masked_mlp_by_hand() -> None:
    table = cost_table(masked_mlp(), X)
    first, second, rest = table.layers
    assert (first.layer, first.kind, first.shape, first.density) == ("0", "Linear", (6, 8), 0.25)
    assert (first.parameters, first.nonzeros) == (48 + 6, 12 + 6)
    assert (first.forward_flops, first.executed_flops) == (2 * 5 * 12, 2 * 5 * 48)
    assert (second.layer, second.density, second.forward_flops, second.executed_flops) == ("2", 1.0, 120, 120)
    assert (rest.layer, rest.parameters, rest.forward_flops, rest.milliseconds) == (REST, 12, 0, None)
    total = table.total
    assert (total.parameters, total.nonzeros) == (54 + 12 + 12, 18 + 12 + 12)
    assert (total.forward_flops, total.executed_flops) == (240, 600)
    assert total.density == (12 + 12) / (48 + 12)
    assert table.step_flops(4) == (3 * 4 * 240, 3 * 4 * 600)
    with pytest.raises(InvalidValue, match="batch_size is 0"):
        table.step_flops(0)


def test_rows_add_up_to_the_counts_of_a_gpt_with_a_tied_head() -> None:
    model = GPT(11, 8, 16, 2, 2, 0.1)
    table = cost_table(model, TOKENS)
    counted = count(model, TOKENS)
    assert table.total.executed_flops == counted.total
    assert table.total.forward_flops == nonzero_flops(counted, masks_of(model))
    assert table.total.parameters == sum(p.numel() for p in model.parameters())
    assert table.layers[-1].executed_flops == counted.weight_free_flops > 0
    head = next(r for r in table.layers if r.layer == "token_embedding")
    assert (head.kind, head.executed_flops) == ("Embedding", 2 * 8 * 11 * 16)


def test_a_cross_attention_pays_for_its_packed_projection() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    example = (torch.zeros(1, 4, 8), torch.zeros(1, 7, 8), torch.zeros(1, 7, 8))
    table = cost_table(layer, example, measure=True, repeats=1)
    assert [r.layer for r in table.layers] == ["out_proj", "", REST]
    assert table.total.executed_flops == count(layer, example).total


def test_times_are_measured_and_add_up() -> None:
    model = masked_mlp()
    before = {n: v.clone() for n, v in model.state_dict().items()}
    table = cost_table(model, X, measure=True, repeats=3)
    times = [r.milliseconds for r in table.layers]
    assert all(t is not None and t > 0 for t in times)
    assert table.total.milliseconds is not None
    assert sum(t for t in times if t is not None) == pytest.approx(table.total.milliseconds)
    assert model.training
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    with pytest.raises(InvalidValue, match="repeats is 0"):
        cost_table(model, X, measure=True, repeats=0)
    with pytest.raises(InvalidValue, match="meta device"):
        cost_table(nn.Linear(8, 2, device="meta"), X, measure=True)


def test_plain_text_is_aligned() -> None:
    lines = str(cost_table(masked_mlp(), X)).splitlines()
    assert lines[0].split() == [
        "layer", "kind", "shape", "density", "parameters", "non-zeros",
        "algorithmic", "FLOPs", "executed", "FLOPs", "measured", "ms",
    ]  # fmt: skip
    assert lines[2].split() == ["0", "Linear", "6×8", "0.250", "54", "18", "120", "480", "-"]
    assert lines[-1].startswith("total")
    assert len({len(line) for line in lines}) == 1
    assert "executed MFLOPs" in str(cost_table(nn.Linear(1000, 1000), torch.zeros(1, 1000)))


def test_a_dataframe_has_one_row_per_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    table = cost_table(masked_mlp(), X)
    frame = table.to_dataframe()
    assert list(frame["layer"]) == ["0", "2", REST]
    assert frame["executed_flops"].sum() == table.total.executed_flops
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InvalidValue, match="pip install pandas"):
        table.to_dataframe()


def test_rich_prints_the_same_cells() -> None:
    console = pytest.importorskip("rich.console").Console(width=160, record=True, file=StringIO())
    console.print(cost_table(masked_mlp(), X))
    text = console.export_text()
    assert "6×8" in text
    assert "executed FLOPs" in text
    assert "total" in text

"""Ramps and momentum in the trainer: what is refused, and what is made up for."""

import pytest
import torch
from torch import nn

from sparseift.errors import InvalidValue
from sparseift.masks.factors import factor_of
from sparseift.masks.schedules import MaskSchedule, Ramp
from sparseift.masks.state import attach_masks, masks_of, targets_of
from sparseift.masks.trainer import MaskTrainer, SkippedUpdate

GRANET = MaskSchedule("granet", delta_t_steps=2, t_end_fraction=1.0, ramp=Ramp(1.0, 0.0, 0.6))


def model_of(start: int, final: int) -> nn.Linear:
    torch.manual_seed(0)
    model = nn.Linear(8, 8)
    attach_masks(model, {"weight": start}, seed=0, targets={"weight": final})
    return model


def step(model: nn.Linear, optimizer: torch.optim.Optimizer, gradient: float = 1.0) -> int:
    """One step with a made-up gradient; the active weights after it."""
    model.weight.grad = torch.arange(64.0).view(8, 8) * gradient
    optimizer.step()
    return int(masks_of(model)["weight"].sum())


def test_targets_live_in_the_state_dict_only_where_something_changes() -> None:
    model = model_of(64, 16)
    assert targets_of(model) == {"weight": (64, 16)}
    assert model.state_dict()["weight_target"].dtype == torch.int64
    assert list(model_of(16, 16).state_dict()) == ["weight", "bias", "weight_mask"]
    with pytest.raises(InvalidValue, match="cannot have 65"):
        model_of(16, 65)


def test_a_ramp_by_hand() -> None:
    model = model_of(64, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    MaskTrainer(model, optimizer, GRANET, total_steps=10, seed=0)
    # Updates after 2, 4, 6, 8; the ramp ends at 6: 16 + 48 (2/3)³ = 30.2 and 16 + 48 (1/3)³ = 17.8
    assert [step(model, optimizer) for _ in range(10)] == [64, 30, 30, 18, 18, 16, 16, 16, 16, 16]


def test_gradual_pruning_only_ever_prunes() -> None:
    model = model_of(64, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    MaskTrainer(model, optimizer, MaskSchedule("gmp", 2, ramp=Ramp(1.0, 0.0, 0.5)), total_steps=12, seed=0)
    before = masks_of(model)["weight"].clone()
    for _ in range(12):
        magnitudes, mask = model.weight.detach().abs().clone(), masks_of(model)["weight"]
        active = step(model, optimizer)
        assert not (mask > before).any()
        before = mask.clone()
    assert active == 16
    assert magnitudes[mask == 1].all()


def test_an_update_of_a_ramp_that_was_skipped_is_made_up_for() -> None:
    schedule = MaskSchedule("gmp", delta_t_steps=4, t_end_fraction=1.0, ramp=Ramp(1.0, 0.0, 0.4))
    model = model_of(64, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    trainer = MaskTrainer(model, optimizer, schedule, total_steps=8, seed=0)  # one update, after step 4
    for _ in range(3):
        step(model, optimizer)
    with pytest.warns(SkippedUpdate, match="after step 4"):
        step(model, optimizer, float("inf"))
    resumed_model = model_of(64, 16)
    resumed_optimizer = torch.optim.SGD(resumed_model.parameters(), lr=0.0)
    resumed = MaskTrainer(resumed_model, resumed_optimizer, schedule, total_steps=8, seed=0)
    resumed_model.load_state_dict(model_of(64, 16).state_dict())
    resumed.load_state_dict(trainer.state_dict())
    assert step(resumed_model, resumed_optimizer) == 16


@pytest.mark.parametrize(("start", "final"), [(64, 16), (16, 48)])
@pytest.mark.parametrize("others_train", [True, False])
def test_a_layer_without_gradients_goes_the_ramps_way_too(start: int, final: int, others_train: bool) -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    counts, targets = {f"{i}.weight": start for i in range(2)}, {f"{i}.weight": final for i in range(2)}
    attach_masks(model, counts, seed=0, targets=targets)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    schedule = MaskSchedule("rigl", 2, t_end_fraction=1.0, ramp=Ramp(start / 64, 0.0, 0.6))
    MaskTrainer(model, optimizer, schedule, total_steps=10, seed=0)
    before = model[0].weight.detach().clone()
    for _ in range(10):
        if others_train:
            model[1].weight.grad = torch.arange(64.0).view(8, 8)
        optimizer.step()
    assert {n: int(m.sum()) for n, m in masks_of(model).items()} == targets
    kept = model[0].weight_mask == 1
    assert torch.equal(model[0].weight[kept], before[kept])
    if start > final:
        assert before[kept].abs().min() >= before[~kept].abs().max()


def test_what_is_left_of_a_ramp_after_its_last_update_is_reported() -> None:
    model = model_of(64, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    MaskTrainer(model, optimizer, MaskSchedule("gmp", 4, t_end_fraction=1.0, ramp=Ramp(1.0)), total_steps=8, seed=0)
    for _ in range(3):
        step(model, optimizer)
    with pytest.warns(SkippedUpdate, match=r"weight \(64 active, not 16\)"):
        step(model, optimizer, float("nan"))


@pytest.mark.parametrize(
    ("start", "final", "schedule", "total", "reason"),
    [
        (16, 16, GRANET, 10, "attached without a start density"),
        (64, 16, MaskSchedule("rigl", 2), 10, "must have a ramp"),
        (32, 16, GRANET, 10, r"starts at a density of 1.0, but the masks of 'weight' were attached at 0.5"),
        (16, 16, MaskSchedule("rigl", 2, ramp=Ramp(0.25)), 10, "leaves every weight at its final count"),
        (64, 16, GRANET, 2, "delta_t_steps must be smaller"),
        (8, 16, MaskSchedule("gmp", 2, ramp=Ramp(0.125)), 10, "must start above"),
    ],
)
def test_ramps_and_masks_that_do_not_fit_are_refused(
    start: int, final: int, schedule: MaskSchedule, total: int, reason: str
) -> None:
    model = model_of(start, final)
    with pytest.raises(InvalidValue, match=reason):
        MaskTrainer(model, torch.optim.SGD(model.parameters(), lr=0.1), schedule, total, seed=0)


def test_momentum_that_says_nothing_of_masked_weights_is_refused() -> None:
    snfs = MaskSchedule("snfs", delta_t_steps=2)
    model = model_of(16, 16)
    for optimizer in (
        torch.optim.SGD(model.parameters(), lr=0.1),
        torch.optim.Adagrad(model.parameters()),
        torch.optim.Rprop(model.parameters()),
        torch.optim.RMSprop(model.parameters()),
    ):
        with pytest.raises(InvalidValue, match="keeps none in its state"):
            MaskTrainer(model, optimizer, snfs, 10, seed=0)
    adam = torch.optim.Adam(model.parameters())
    with pytest.raises(InvalidValue, match="knows nothing of masked weights"):
        MaskTrainer(model, adam, snfs, 10, seed=0, mask_gradients=True)
    unnamed = torch.optim.Adadelta(model.parameters())
    unnamed.__class__ = type("Adadelta2", (torch.optim.Adadelta,), {})  # a user's own: known once it has stepped
    MaskTrainer(model, unnamed, snfs, 10, seed=0)
    step(model, unnamed)
    with pytest.raises(InvalidValue, match="'momentum_buffer' or 'exp_avg'"):
        step(model, unnamed)


def test_snfs_grows_where_momentum_is_largest() -> None:
    model = nn.Linear(4, 1, bias=False)
    attach_masks(model, {"weight": 2}, seed=0, scores={"weight": torch.tensor([[2.0, 1.0, 0.0, 0.0]])})
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, 1.0, 0.0, 0.0]]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    schedule = MaskSchedule("snfs", 2, drop_fraction=0.5, anneal="constant", t_end_fraction=1.0)
    MaskTrainer(model, optimizer, schedule, 10, seed=0)
    for gradient in ([[0.0, 0.0, 9.0, 0.0]], [[0.0, 0.0, 0.0, 5.0]]):  # momentum 8.1 and 5
        model.weight.grad = torch.tensor(gradient)
        optimizer.step()
    assert model.weight_mask.tolist() == [[1, 0, 1, 0]]


def test_rigl_grows_where_summed_gradients_are_largest() -> None:
    model = nn.Linear(4, 1, bias=False)
    attach_masks(model, {"weight": 2}, seed=0, scores={"weight": torch.tensor([[2.0, 1.0, 0.0, 0.0]])})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    schedule = MaskSchedule("rigl", 3, 0.5, "constant", 1.0, gradient_steps=2)
    MaskTrainer(model, optimizer, schedule, 10, seed=0)
    for gradient in ([[0.0, 0.0, 99.0, 0.0]], [[0.0, 0.0, 4.0, 3.0]], [[0.0, 0.0, -4.0, 3.0]]):
        model.weight.grad = torch.tensor(gradient)
        optimizer.step()
    active = model.weight_mask.tolist()[0]  # the first step does not count: sums 0 and 6
    assert active[3] == 1
    assert sum(active) == 2


def test_a_run_resumes_without_what_wraps_the_model() -> None:
    wrapped = nn.Sequential()
    wrapped.add_module("module", model_of(16, 16))  # DDP's prefix
    plain = model_of(16, 16)
    trainers = [
        MaskTrainer(m, torch.optim.SGD(m.parameters(), lr=0.1), MaskSchedule("set", 2), 10, seed=0)
        for m in (wrapped, plain)
    ]
    trainers[1].load_state_dict(trainers[0].state_dict())


def test_factors_keep_their_storage_until_weights_are_cast() -> None:
    mask = torch.ones(2, 2, dtype=torch.uint8)
    weight = torch.ones(2, 2)
    assert factor_of(mask, weight, None) is mask  # on the CPU updates reach it by themselves
    elsewhere = torch.ones(2, 2, device="meta")
    factor = factor_of(mask.to("meta"), elsewhere, None)
    assert factor.dtype == torch.float32
    assert factor_of(mask.to("meta"), elsewhere, factor) is factor
    assert factor_of(mask.to("meta"), elsewhere.bfloat16(), factor).dtype == torch.bfloat16

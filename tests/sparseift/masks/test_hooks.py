"""A trainer beside what happens to its model: copies, pickles, loads, other trainers, masks that come and go."""

import copy
import io
import warnings

import pytest
import torch
from torch import nn

from sparseift.errors import CheckpointError, InvalidValue
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.state import attach_masks, masks_of, project_masks, targets_of
from sparseift.masks.trainer import MaskTrainer, NoUpdate
from sparseift.plain import remove_masks

RIGL = MaskSchedule("rigl", delta_t_steps=2)


def model_of(active: int = 16) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    attach_masks(model, {"0.weight": active, "2.weight": active}, seed=0)
    return model


def trained(model: nn.Module, schedule: MaskSchedule = RIGL, total: int = 20) -> tuple[torch.optim.SGD, MaskTrainer]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return optimizer, MaskTrainer(model, optimizer, schedule, total, seed=0)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.arange(16.0).view(2, 8) / 16).square().sum().backward()
    optimizer.step()


def test_copies_and_pickles_hold_no_trainer() -> None:
    model = model_of()
    optimizer, trainer = trained(model)
    step(model, optimizer)
    memo: dict[int, object] = {}
    duplicate = copy.deepcopy(model, memo)
    assert not {id(trainer), id(optimizer)} & memo.keys()
    file = io.BytesIO()
    torch.save(model, file)
    assert b"MaskTrainer" not in file.getvalue()
    file.seek(0)
    for other in (duplicate, torch.load(file, weights_only=False)):
        other.load_state_dict(model.state_dict())
        step(other, trained(other)[0])  # a copy may have a trainer of its own


def test_a_second_trainer_is_refused_until_the_first_is_removed() -> None:
    model = model_of()
    optimizer, first = trained(model)
    with pytest.raises(InvalidValue, match=r"call remove\(\)"):
        trained(model)
    step(model, optimizer)
    assert first.step == 1
    first.remove()
    assert not any(module._load_state_dict_post_hooks for module in model.modules())
    trained(model)
    trained(model)  # nobody holds the one before


def test_masks_that_come_and_go_behind_its_back_are_named() -> None:
    model = model_of()
    optimizer, _ = trained(model)
    attach_masks(model, {"0.weight": 16}, seed=1)  # others, not more
    step(model, optimizer)
    remove_masks(model)
    with pytest.raises(InvalidValue, match=r"removed 0\.weight, 2\.weight"):
        step(model, optimizer)
    dense = nn.Linear(8, 8)
    optimizer, _ = trained(dense)
    attach_masks(dense, {"weight": 8}, seed=1)
    step(dense, optimizer)
    with pytest.raises(InvalidValue, match="added weight"):
        step(dense, optimizer)


def test_masks_attached_anew_forget_old_targets() -> None:
    model = nn.Linear(8, 8)
    attach_masks(model, {"weight": 32}, seed=0, targets={"weight": 16})
    attach_masks(model, {"weight": 16}, seed=0)
    assert targets_of(model) == {}
    assert "weight_target" not in model.state_dict()


def test_loaded_masks_count_as_explored() -> None:
    model = model_of()
    _, trainer = trained(model, MaskSchedule("static"))
    before = {n: m.bool().clone() for n, m in masks_of(model).items()}
    other = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    attach_masks(other, {"0.weight": 16, "2.weight": 16}, seed=7)
    model.load_state_dict(other.state_dict())
    seen = sum(int((before[n] | m.bool()).sum()) for n, m in masks_of(other).items())
    assert seen > 32
    assert trainer.itop() == seen / 128


def test_a_model_that_is_cast_trains_on() -> None:
    model = model_of()
    optimizer, trainer = trained(model, MaskSchedule("rigl", delta_t_steps=4, gradient_steps=4))
    step(model, optimizer)
    model.double()
    optimizer.state.clear()
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.arange(16.0, dtype=torch.float64).view(2, 8)).square().sum().backward()
        optimizer.step()
    assert trainer.step == 6
    assert trainer.sparsity() == 0.75


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("generator", None),
        ("generator", torch.zeros(3, dtype=torch.uint8)),
        ("skipped_updates", None),
        ("ever_active.0.weight", torch.zeros(2, 2, dtype=torch.uint8)),
        ("gradient_sum.0.weight", torch.zeros(2, 2)),
    ],
)
def test_a_broken_state_is_refused_as_a_whole(key: str, value: torch.Tensor | None) -> None:
    model = model_of()
    _, trainer = trained(model)
    state = {**trainer.state_dict(), "step": torch.tensor(9)}
    if value is None:
        del state[key]
    else:
        state[key] = value
    with pytest.raises(CheckpointError, match="The mask state in the checkpoint"):
        trainer.load_state_dict(state)
    assert trainer.step == 0


def test_runs_that_are_too_short() -> None:
    with pytest.raises(InvalidValue, match="total_steps is 0"):
        trained(model_of(), total=0)
    with pytest.warns(NoUpdate, match="A run of 2 steps makes no mask update"):
        trained(model_of(), total=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(nn.Linear(8, 8), total=1)
        trained(model_of(), MaskSchedule("static"), total=1)


def test_only_groups_with_masked_weights_must_have_momentum_and_dense_models_may_have_any_optimizer() -> None:
    model = model_of()
    weights, biases = ([p for p in model.parameters() if p.ndim == n] for n in (2, 1))
    groups = [{"params": weights, "momentum": 0.9}, {"params": biases}]
    MaskTrainer(model, torch.optim.SGD(groups, lr=0.1), MaskSchedule("snfs", 2), 10, seed=0)
    dense = nn.Linear(8, 8)
    MaskTrainer(dense, torch.optim.LBFGS(dense.parameters()), RIGL, 10, seed=0)


def test_projection_zeroes_what_masks_cover_and_nothing_else() -> None:
    model = model_of()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3.0)
    project_masks(model)
    for name, mask in masks_of(model).items():
        assert torch.equal(model.get_parameter(name), 3.0 * mask)
    assert (model[0].bias == 3.0).all()

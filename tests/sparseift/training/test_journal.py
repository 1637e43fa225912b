"""The journal: a resumed optimizer's state lies in memory as its parameters do; churn is told once per update."""

from pathlib import Path

import pytest
import torch
from torch import nn

from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.trainer import MaskTrainer
from sparseift.records import Progress
from sparseift.training.journal import Journal, Outlets, Stopped
from sparseift.training.recipes import VisionRecipe

STEPS, STOP_AFTER = 8, 3
CPU = torch.device("cpu")


def train(
    folder: Path, layout: torch.memory_format, *, stop: bool = False, resume_from: Path | None = None
) -> nn.Conv2d:
    """A convolution with the optimizer and the layout that image runs have on CUDA."""
    torch.manual_seed(0)
    model: nn.Conv2d = nn.Conv2d(3, 4, 3).to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, fused=True)
    masks = MaskTrainer(model, optimizer, MaskSchedule("static"), STEPS, seed=0)
    asked = iter(range(1, STEPS + 1))
    outlets = Outlets(
        report=lambda _progress: None,
        saved=lambda _step, _path: None,
        should_stop=lambda: stop and next(asked) == STOP_AFTER,
        folder=folder,
        resume_from=resume_from,
    )
    journal = Journal(VisionRecipe(checkpoints=0), STEPS, float, outlets, {}, is_sparse=False)
    first = journal.begin(model, optimizer, masks, CPU)
    images = torch.linspace(-1, 1, 2 * 3 * 6 * 6).view(2, 3, 6, 6).contiguous(memory_format=layout)
    for step in range(first, STEPS):
        optimizer.zero_grad(set_to_none=True)
        loss = model(images).square().mean()
        loss.backward()
        optimizer.step()
        journal.after_step(step + 1, loss, None)
    return model


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_fused_optimizer_goes_on_bit_for_bit_in_any_layout(tmp_path: Path, layout: torch.memory_format) -> None:
    whole = train(tmp_path / "whole", layout)
    with pytest.raises(Stopped) as stopped:
        train(tmp_path / "broken", layout, stop=True)
    resumed = train(tmp_path / "broken", layout, resume_from=stopped.value.path)
    assert torch.equal(resumed.weight, whole.weight)


def reported_churn(
    folder: Path, reports: int, *, stop_after: int = 0, resume_from: Path | None = None
) -> dict[int, float | None]:
    """Churn by the report's step, of a RigL run of 16 steps whose masks are updated after steps 3, 6 and 9."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4, bias=False))
    model[0].register_buffer("weight_mask", torch.tensor([[1, 1, 0, 1, 1, 0]] * 4, dtype=torch.uint8))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = MaskSchedule("rigl", delta_t_steps=3, drop_fraction=0.5, anneal="constant", t_end_fraction=0.625)
    masks = MaskTrainer(model, optimizer, schedule, 16, seed=0)
    heard: list[Progress] = []
    outlets = Outlets(heard.append, lambda _step, _path: None, lambda: masks.step == stop_after, folder, resume_from)
    journal = Journal(VisionRecipe(checkpoints=0, reports=reports), 16, float, outlets, {}, is_sparse=True)
    first = journal.begin(model, optimizer, masks, CPU)
    inputs = torch.linspace(-1, 1, 48).view(8, 6)
    try:
        for step in range(first, 16):
            optimizer.zero_grad(set_to_none=True)
            loss = model(inputs).square().mean()
            loss.backward()
            optimizer.step()
            journal.after_step(step + 1, loss, None)
    except Stopped as stopped:
        assert stopped.path is not None
        rest = reported_churn(folder, reports, resume_from=stopped.path)
        return {**{p.step: p.churn for p in heard}, **rest}
    return {p.step: p.churn for p in heard}


@pytest.mark.parametrize("stop_after", [0, 6, 7, 13])
def test_churn_is_told_once_for_every_update(tmp_path: Path, stop_after: int) -> None:
    every = reported_churn(tmp_path, 16, stop_after=stop_after)
    assert {step: churn for step, churn in every.items() if churn is not None} == {3: 0.25, 6: 0.0, 9: 0.0}
    # Reports after 4, 8, 12 and 16: the last has seen no update, though the one before it was the run's last.
    fourth = reported_churn(tmp_path / "b", 4, stop_after=stop_after)
    assert fourth == {4: 0.25, 8: 0.0, 12: 0.0, 16: None}

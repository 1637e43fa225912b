"""The journal: a resumed optimizer's state lies in memory as its parameters do."""

from pathlib import Path

import pytest
import torch
from torch import nn

from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.trainer import MaskTrainer
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

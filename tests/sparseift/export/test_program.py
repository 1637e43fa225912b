"""What leaves for torch.export computes what the sparse model computes."""

import pytest
import torch
from torch import nn

from sparseift.errors import InvalidValue
from sparseift.export.program import to_program
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.trainer import MaskTrainer
from tests.sparseift.export.samples import masked, small_net


def test_a_program_takes_any_batch_and_keywords() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = masked(nn.Linear(4, 4))

        def forward(self, x: torch.Tensor, scale: torch.Tensor, double: bool = False) -> torch.Tensor:
            y = self.layer(x) * scale
            return 2 * y if double else y

    model = Two().eval()
    example = {"x": torch.randn(1, 4), "scale": torch.randn(1, 1), "double": True}
    program = to_program(model, example, dynamic_batch=True).module()
    x, scale = torch.randn(7, 4), torch.randn(7, 1)
    torch.testing.assert_close(program(x=x, scale=scale, double=True), model(x, scale, double=True))


def test_a_model_in_training_is_copied_without_its_trainer() -> None:
    model = small_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    MaskTrainer(model, optimizer, MaskSchedule("static"), total_steps=10, seed=0)
    x = torch.randn(3, 3, 8, 8)
    program = to_program(model, x)
    model.eval()
    torch.testing.assert_close(program.module()(x), model(x))


def test_a_model_that_cannot_be_traced_says_why() -> None:
    class Branches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(InvalidValue, match="Branches cannot be exported"):
        to_program(nn.Sequential(Branches())[0], torch.randn(2, 2))

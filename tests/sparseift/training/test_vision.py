"""The image recipe, setting by setting, on models small enough to compute by hand."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.datasets.splits import Images, Splits
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DataShape, Progress
from sparseift.training import vision
from sparseift.training.journal import Journal, Outlets
from sparseift.training.recipes import VisionRecipe

SAMPLES, CLASSES, SIDE = 32, 3, 4
RISING = 10 * np.arange(SIDE)[None, :] + 50 * np.arange(SIDE)[:, None]  # to the right, and downwards


def images(label: int) -> Images:
    """Equal images of one class."""
    pixels = np.broadcast_to(RISING, (SAMPLES, 1, SIDE, SIDE)).astype(np.uint8)
    return Images(pixels, np.full(SAMPLES, label, dtype=np.int64))


def splits(train: int, validation: int, test: int, *, mirrored: bool = False) -> Splits[Images]:
    shape = DataShape("images", (1, SIDE, SIDE), CLASSES, SAMPLES)
    return Splits(images(train), images(validation), images(test), shape, mirrored)


class Constant(nn.Module):
    """Answers with its bias, and remembers what it was shown."""

    def __init__(self, *bias: float) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(bias))
        self.seen: list[Tensor] = []

    def forward(self, shown: Tensor) -> Tensor:
        if self.training:
            self.seen.append(shown)
        return self.bias.expand(len(shown), -1)


@dataclass
class Heard:
    value: float = 0.0
    test_value: float | None = None
    reports: list[Progress] = field(default_factory=list)
    saves: list[Path] = field(default_factory=list)


def train(
    model: nn.Module,
    data: Splits[Images],
    folder: Path | None = None,
    resume_from: Path | None = None,
    evaluate_test: bool = False,
    **settings: float | str,
) -> Heard:
    recipe = VisionRecipe(**{"epochs": 1, "batch_size": SAMPLES, **settings})  # type: ignore[arg-type]
    heard = Heard()
    outlets = Outlets(
        heard.reports.append, lambda _step, path: heard.saves.append(path), lambda: False, folder, resume_from
    )
    journal = Journal(recipe, recipe.total_steps(SAMPLES), float, outlets, {}, is_sparse=False)
    heard.value, heard.test_value = vision.train(
        model,
        data,
        recipe,
        journal,
        schedule=MaskSchedule("static"),
        seed=1,
        device=torch.device("cpu"),
        evaluate_test=evaluate_test,
    )
    return heard


def test_validation_decides_and_the_test_split_is_reported_apart(tmp_path: Path) -> None:
    data = splits(train=0, validation=0, test=1)
    heard = train(Constant(0.0, 0.0, 0.0), data, tmp_path, epochs=2, evaluations=2, evaluate_test=True)
    assert [report.value for report in heard.reports] == [100.0, 100.0]
    assert (heard.value, heard.test_value) == (100.0, 0.0)
    last = train(Constant(0.0, 0.0, 0.0), data, None, heard.saves[-1], epochs=2, evaluations=2, evaluate_test=True)
    assert last.reports == []
    assert (last.value, last.test_value) == (100.0, 0.0)


@pytest.mark.parametrize(("flip", "mirrored"), [(True, True), (True, False), (False, True)])
def test_images_are_mirrored_left_to_right_and_only_where_that_keeps_their_class(flip: bool, mirrored: bool) -> None:
    model = Constant(0.0, 0.0, 0.0)
    train(model, splits(0, 0, 0, mirrored=mirrored), flip=flip, crop_padding_fraction=0.0)
    (shown,) = model.seen  # (B, 1, SIDE, SIDE)
    assert (shown.diff(dim=2) > 0).all()  # nothing stands on its head
    to_the_right = shown.diff(dim=3)
    rising = int((to_the_right > 0).flatten(1).all(1).sum())
    falling = int((to_the_right < 0).flatten(1).all(1).sum())
    assert rising + falling == SAMPLES
    assert rising > SAMPLES // 4
    assert falling > SAMPLES // 4 if flip and mirrored else falling == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_labels_are_smoothed(smoothing: float) -> None:
    bias = (0.0, 1.0, 3.0)
    heard = train(Constant(*bias), splits(0, 0, 0), label_smoothing=smoothing)
    expected = F.cross_entropy(torch.tensor([bias]), torch.tensor([0]), label_smoothing=smoothing)
    assert heard.reports[0].train_loss == pytest.approx(expected.item(), rel=1e-5)


def test_norms_and_biases_decay_only_where_asked_for() -> None:
    def trained(**settings: float) -> Tensor:
        model = Constant(0.0, 1.0, 3.0)
        train(model, splits(0, 0, 0), learning_rate=0.1, **settings)
        return model.bias.detach()

    without = trained(weight_decay=0.0)
    assert torch.equal(trained(weight_decay=0.5, decay_norms_and_biases=False), without)
    decayed = trained(weight_decay=0.5, decay_norms_and_biases=True)
    one_step = 0.1 * 0.5 * (1.0 + 0.9) * torch.tensor([0.0, 1.0, 3.0])  # the rate, the decay, Nesterov's momentum
    torch.testing.assert_close(without - decayed, one_step)

"""The language recipe, setting by setting, on a model small enough to compute by hand."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sparseift.datasets.splits import Splits, Text
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DataShape, Progress
from sparseift.training import language
from sparseift.training.journal import Journal, Outlets
from sparseift.training.recipes import LanguageRecipe

VOCABULARY, CONTEXT, TOKENS = 8, 4, 64
UNSEEN = 5  # a token that no text has


def text(token: int) -> Text:
    """One token again and again; two bytes each."""
    return Text(np.full(TOKENS, token, dtype=np.uint16), 2 * TOKENS)


class Bigram(nn.Module):
    """The next token's logits from the last token alone; all ones at first, so uniform."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.ones(VOCABULARY, VOCABULARY))
        self.idle = nn.Parameter(torch.ones(3))  # has a gradient, of 0

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table[tokens] + 0.0 * self.idle.sum()


@dataclass
class Heard:
    value: float = 0.0
    test_value: float | None = None
    reports: list[Progress] = field(default_factory=list)
    saves: list[Path] = field(default_factory=list)


def train(
    model: nn.Module,
    folder: Path | None = None,
    resume_from: Path | None = None,
    evaluate_test: bool = False,
    **settings: float,
) -> Heard:
    """Training and validation texts are all 1s, the test text all 2s."""
    recipe = LanguageRecipe(**{"steps": 1, "batch_size": 8, "warmup_fraction": 0.0, "learning_rate": 0.1, **settings})  # type: ignore[arg-type]
    heard = Heard()
    outlets = Outlets(
        heard.reports.append, lambda _step, path: heard.saves.append(path), lambda: False, folder, resume_from
    )
    journal = Journal(recipe, recipe.steps, float, outlets, {}, is_sparse=False)
    heard.value, heard.test_value = language.train(
        model,
        Splits(text(1), text(1), text(2), DataShape("text", (CONTEXT,), VOCABULARY, TOKENS // CONTEXT - 1)),
        recipe,
        journal,
        schedule=MaskSchedule("static"),
        seed=1,
        device=torch.device("cpu"),
        evaluate_test=evaluate_test,
    )
    return heard


def test_validation_decides_and_the_test_split_is_reported_apart(tmp_path: Path) -> None:
    uniform = math.log2(VOCABULARY) / 2  # bits per byte: what the model says of 2s, which it never read
    heard = train(Bigram(), tmp_path, steps=20, evaluations=2, evaluate_test=True)
    values = [report.value for report in heard.reports if report.value is not None]
    assert len(values) == 2
    assert uniform > values[0] > values[1] == heard.value
    assert heard.test_value == pytest.approx(uniform)
    last = train(Bigram(), None, heard.saves[-1], steps=20, evaluations=2, evaluate_test=True)
    assert last.reports == []
    assert (last.value, last.test_value) == (heard.value, heard.test_value)


def test_matrices_decay_and_norms_and_biases_do_not() -> None:
    model = Bigram()
    train(model, weight_decay=0.5)
    torch.testing.assert_close(model.table[UNSEEN], torch.full((VOCABULARY,), 1.0 - 0.1 * 0.5))
    assert torch.equal(model.idle, torch.ones(3))


def test_gradients_are_clipped_by_norm() -> None:
    def move(clip_norm: float) -> float:
        model = Bigram()
        train(model, weight_decay=0.0, clip_norm=clip_norm)
        return model.table[1, 1].item() - 1.0

    assert move(0.0) == pytest.approx(0.1, rel=1e-3)  # Adam's first step is the rate …
    assert 0.0 < move(1e-9) < 0.02  # … unless the gradient is small beside its epsilon

"""Whole trials on images that stay in their file: an image folder, packed, trained on, interrupted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sparseift.datasets.imagenet import fetch
from sparseift.errors import DataError
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Named, Progress, TrialSpec
from sparseift.training import checkpoint
from sparseift.training.run import Stopped, run
from tests.sparseift.datasets.folders import write_folder

DATA: dict[str, Any] = {"size": 14, "classes": 3, "limit": 17, "validation": 6}
TRIAL = TrialSpec(
    model=Named("resnet", {"width": 4, "stages": 2}),
    dataset=Named("imagenet", DATA),
    training={
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 0.05,
        "schedule": "cosine",
        "label_smoothing": 0.1,
        "decay_norms_and_biases": False,
        "nesterov": False,
        "resized_crop_area": 0.08,
        "reports": 4,
        "evaluations": 2,
        "checkpoints": 2,
    },
    configuration=Configuration("sparse_wide", 0.5, MaskSchedule("rigl", delta_t_steps=1, t_end_fraction=0.9)),
    scope="model",
    nonlinearity="default",
    seed=3,
    evaluate_test=True,
)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    fetch(folder, lambda *_: None, write_folder(tmp_path_factory.mktemp("copy")), **DATA)
    return folder


def test_an_interrupted_run_ends_bit_for_bit_like_an_undisturbed_one(tmp_path: Path, data_folder: Path) -> None:
    def trained(name: str, stop_after: int | None = None, resume_from: Path | None = None) -> Any:
        asked = iter(range(1, 100))
        result = run(
            TRIAL,
            data_folder=data_folder,
            checkpoint_folder=tmp_path / name,
            report=reports.append,
            resume_from=resume_from,
            should_stop=lambda: next(asked) == stop_after,
            threads=1,
        )
        return replace(result, seconds=0.0)

    reports: list[Progress] = []
    expected = trained("whole")
    undisturbed = [replace(report, seconds=0.0) for report in reports]
    assert [report.step for report in undisturbed] == [1, 2, 3, 4]
    assert expected.test_value is not None
    reports.clear()
    with pytest.raises(Stopped) as stopped:
        trained("broken", stop_after=3)  # in the second epoch
    torch.manual_seed(12345)
    assert trained("broken", resume_from=stopped.value.path) == expected
    assert [replace(report, seconds=0.0) for report in reports] == undisturbed
    states = [checkpoint.load(tmp_path / name / "step-00000004")[1] for name in ("whole", "broken")]
    for name, weight in states[0]["model"].items():
        assert torch.equal(weight, states[1]["model"][name]), name


def test_data_that_is_not_packed_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data fetch imagenet --from FOLDER"):
        run(TRIAL, data_folder=tmp_path, checkpoint_folder=None, report=lambda _: None)

"""Whole trials: reproducible, interruptible, honest about what they cost."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sparseift.errors import CheckpointError, DataError, Diverged, InvalidValue, UnknownName
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Named, Progress, TrialResult, TrialSpec
from sparseift.training import checkpoint
from sparseift.training.run import Stopped, run

RESNET = Named("resnet", {"width": 8, "stages": 2})
GPT = Named("gpt", {"width": 16, "layers": 1, "dropout": 0.1})
VISION: dict[str, Any] = {"epochs": 2, "batch_size": 100, "learning_rate": 0.05, "evaluations": 3, "reports": 6}
LANGUAGE: dict[str, Any] = {"steps": 24, "batch_size": 8, "learning_rate": 3e-3, "evaluations": 3, "reports": 6}
DYNAMIC = {"delta_t_steps": 4, "t_end_fraction": 0.9}


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up tokens where the real ones would be cached: each token is the one before plus 1, 2 or 3."""
    folder = tmp_path_factory.mktemp("data")
    steps = np.random.RandomState(0).randint(1, 4, 40_000)
    tokens = (np.cumsum(steps) % 320).astype(np.uint16)
    arrays: dict[str, Any] = {"tokenizer": np.zeros(0, dtype=np.uint8)}
    for name, part in (("train", tokens[:20_000]), ("validation", tokens[20_000:30_000]), ("test", tokens[30_000:])):
        arrays |= {name: part, f"{name}_bytes": np.array(3 * len(part))}
    (folder / "sotu").mkdir()
    np.savez(folder / "sotu" / "bpe-320.npz", **arrays)
    return folder


def trial(task: str, family: str, sparsity: float, method: str | None, **changes: Any) -> TrialSpec:
    schedule = MaskSchedule(method=method, **(DYNAMIC if method != "static" else {})) if method else None
    images = task == "images"
    spec = TrialSpec(
        model=RESNET if images else GPT,
        dataset=Named("digits") if images else Named("sotu", {"vocabulary": 320, "context": 16}),
        training=VISION if images else LANGUAGE,
        configuration=Configuration(family, sparsity, schedule),
        scope="model",
        nonlinearity="default",
        seed=3,
        evaluate_test=True,
    )
    return replace(spec, **changes)


class Recorder:
    """Hears a run; asks it to stop after `stop_after` steps, as the worker does between two reports."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.reports: list[Progress] = []
        self.saves: list[tuple[int, Path]] = []
        self.asked = 0
        self.stop_after = stop_after

    def should_stop(self) -> bool:
        self.asked += 1
        return self.asked == self.stop_after

    def run(self, spec: TrialSpec, data_folder: Path, folder: Path | None, **options: Any) -> TrialResult:
        return run(
            spec,
            data_folder=data_folder,
            checkpoint_folder=folder,
            report=self.reports.append,
            saved=lambda step, path: self.saves.append((step, path)),
            should_stop=self.should_stop,
            threads=1,
            **options,
        )


def timeless(items: list[Progress]) -> list[Progress]:
    return [replace(item, seconds=0.0) for item in items]


def same_state(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) or bool(torch.isnan(a).all() and torch.isnan(b).all())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_state(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_state, a, b))
    return bool(a == b)


CASES = [
    ("images", "dense", 0.0, None),
    ("images", "sparse_wide", 0.5, "static"),
    ("images", "sparse_parallel", 0.5, "set"),
    ("images", "sparse_wide", 0.75, "rigl"),
    ("text", "dense", 0.0, None),
    ("text", "sparse_factorized", 0.75, "set"),
    ("text", "sparse_wide", 0.5, "rigl"),
]


@pytest.mark.parametrize(("task", "family", "sparsity", "method"), CASES)
def test_an_interrupted_run_ends_bit_for_bit_like_an_undisturbed_one(
    tmp_path: Path, data_folder: Path, task: str, family: str, sparsity: float, method: str | None
) -> None:
    spec = trial(task, family, sparsity, method)
    whole = Recorder()
    expected = whole.run(spec, data_folder, tmp_path / "whole")

    # Stopped after step 7: between two reports, two evaluations, two mask updates and two regular checkpoints.
    first, second = Recorder(stop_after=7), Recorder()
    with pytest.raises(Stopped) as stopped:
        first.run(spec, data_folder, tmp_path / "broken")
    assert (stopped.value.step, stopped.value.path) == first.saves[-1]
    torch.manual_seed(12345)  # whatever else the process did meanwhile
    result = second.run(spec, data_folder, tmp_path / "broken", resume_from=stopped.value.path)

    assert replace(result, seconds=0.0) == replace(expected, seconds=0.0)
    assert timeless(first.reports + second.reports) == timeless(whole.reports)
    ends = [checkpoint.newest(tmp_path / name) for name in ("whole", "broken")]
    assert ends[0] is not None
    assert ends[1] is not None
    step, state, _ = checkpoint.load(ends[0])
    other_step, other, _ = checkpoint.load(ends[1])
    assert step == other_step == whole.reports[-1].total_steps
    assert same_state(state, other)  # weights, masks, optimizer, random states


@pytest.mark.parametrize("task", ["images", "text"])
def test_reports_tell_the_course_of_a_sparse_run(data_folder: Path, task: str) -> None:
    heard = Recorder()
    result = heard.run(trial(task, "sparse_wide", 0.5, "rigl"), data_folder, None)
    assert [report.step for report in heard.reports] == [4, 8, 12, 16, 20, 24]
    assert [report.value is not None for report in heard.reports] == [False, True, False, True, False, True]
    last = heard.reports[-1]
    assert last.value == result.value
    assert last.training_flops == result.training_flops
    assert last.sparsity == result.sparsity
    assert [r.training_flops for r in heard.reports] == sorted(r.training_flops for r in heard.reports)
    itops = [report.itop for report in heard.reports]
    assert None not in itops
    assert itops == sorted(itops)  # type: ignore[type-var]
    assert itops[-1] > 1 - result.sparsity  # type: ignore[operator]
    churns = [report.churn for report in heard.reports if report.churn is not None]  # none where masks rest
    assert churns
    assert churns[-1] > 0
    assert heard.saves == []
    assert heard.asked == 23


@pytest.mark.parametrize("task", ["images", "text"])
def test_equal_flops_at_the_end_and_equal_data(data_folder: Path, task: str) -> None:
    dense_heard, heard = Recorder(), Recorder()
    batch_size = trial(task, "dense", 0.0, None).training["batch_size"]
    dense = dense_heard.run(trial(task, "dense", 0.0, None), data_folder, None)
    sparse = heard.run(trial(task, "sparse_parallel", 0.75, "set"), data_folder, None)
    assert abs(sparse.forward_flops / dense.forward_flops - 1.0) < 1e-3
    assert dense.training_flops == 3.0 * dense.forward_flops * 24 * batch_size
    assert sparse.executed_flops > dense.executed_flops
    assert (dense.sparsity, dense.parameters) == (0.0, dense.nonzero_parameters)
    assert sparse.nonzero_parameters < sparse.parameters
    assert dense_heard.reports[0].sparsity is dense_heard.reports[0].churn is dense_heard.reports[0].itop is None


@pytest.mark.parametrize("task", ["images", "text"])
def test_training_learns(data_folder: Path, task: str) -> None:
    changes = (
        {"epochs": 8, "batch_size": 32, "learning_rate": 0.1}
        if task == "images"
        else {"steps": 200, "learning_rate": 0.02}
    )
    longer = {**(VISION if task == "images" else LANGUAGE), **changes}
    result = Recorder().run(trial(task, "dense", 0.0, None, training=longer), data_folder, None)
    assert result.test_value is not None
    if task == "images":
        assert result.value > 85.0
        assert result.test_value > 85.0
    else:  # a uniform guess is log2(320) / 3 = 2.77 bits per made-up byte, a perfect one log2(3) / 3 = 0.53
        assert 0.53 < result.value < 1.5


def test_the_test_split_is_left_alone_unless_asked_for(data_folder: Path) -> None:
    result = Recorder().run(trial("images", "dense", 0.0, None, evaluate_test=False), data_folder, None)
    assert result.test_value is None


def test_seeds_differ_and_repeat(data_folder: Path) -> None:
    values = [
        Recorder().run(trial("text", "sparse_doped", 0.5, "set", seed=seed), data_folder, None).value
        for seed in (1, 1, 2)
    ]
    assert values[0] == values[1] != values[2]


def test_a_rung_of_the_ladder_trains_the_wider_dense_model(data_folder: Path) -> None:
    spec = trial("text", "dense", 0.0, None)
    base = Recorder().run(spec, data_folder, None)
    rung = Recorder().run(replace(spec, configuration=Configuration("dense", flop_multiple=2.0)), data_folder, None)
    assert rung.flop_ratio == rung.forward_flops / base.forward_flops
    assert 1.7 < rung.flop_ratio < 2.3
    assert rung.parameters == rung.nonzero_parameters > base.parameters


def test_a_run_leaves_the_process_as_it_was(data_folder: Path) -> None:
    torch.manual_seed(7)
    threads, before = torch.get_num_threads(), torch.get_rng_state()
    Recorder().run(trial("text", "dense", 0.0, None), data_folder, None)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)


def test_checkpoints_are_kept_evenly(tmp_path: Path, data_folder: Path) -> None:
    heard = Recorder()
    spec = trial("text", "dense", 0.0, None, training={**LANGUAGE, "checkpoints": 4})
    result = heard.run(spec, data_folder, tmp_path)
    assert [step for step, _ in heard.saves] == [6, 12, 18, 24]
    assert len(list(tmp_path.glob("step-*"))) == checkpoint.KEPT
    layers = json.loads((tmp_path / "layers.json").read_text())
    assert sum(row["flops"] for row in layers["layers"]) > 0
    # From the very last one there is nothing to train, and the same answer.
    again = Recorder()
    repeated = again.run(spec, data_folder, tmp_path, resume_from=heard.saves[-1][1])
    assert (repeated.value, repeated.test_value) == (result.value, result.test_value)
    assert again.reports == []


def test_another_trials_checkpoint_is_refused(tmp_path: Path, data_folder: Path) -> None:
    heard = Recorder()
    heard.run(trial("text", "dense", 0.0, None), data_folder, tmp_path)
    with pytest.raises(CheckpointError, match="belongs to another trial"):
        heard.run(trial("text", "dense", 0.0, None, seed=9), data_folder, tmp_path, resume_from=heard.saves[-1][1])


def test_a_run_that_diverges_says_so(data_folder: Path) -> None:
    spec = trial("images", "dense", 0.0, None, model=Named("mlp"), training={**VISION, "learning_rate": 100.0})
    heard = Recorder()
    with pytest.raises(Diverged, match=r"training loss is nan and the validation metric .* after step"):
        heard.run(spec, data_folder, None)
    assert all(math.isfinite(report.train_loss or 0.0) for report in heard.reports)


def test_bad_trials_are_refused_before_training(tmp_path: Path, data_folder: Path) -> None:
    def refused(error: type[Exception], message: str, **changes: Any) -> None:
        with pytest.raises(error, match=message):
            Recorder().run(trial("text", "dense", 0.0, None, **changes), data_folder, None)

    refused(UnknownName, "no model 'gtp'", model=Named("gtp"))
    refused(UnknownName, "no data set 'soto'", dataset=Named("soto"))
    refused(InvalidValue, "takes images", model=Named("resnet"))
    refused(InvalidValue, "batch_size is 9999", training={"batch_size": 9999})
    refused(UnknownName, "no training setting", training={"epochs": 1})
    ramp = MaskSchedule("granet", 2, t_end_fraction=0.75)
    refused(InvalidValue, "has a density ramp", configuration=Configuration("sparse_wide", 0.5, ramp))
    with pytest.raises(DataError, match="data fetch cifar10"):
        Recorder().run(trial("images", "dense", 0.0, None, dataset=Named("cifar10")), tmp_path, None)

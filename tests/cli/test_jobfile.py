"""Job files: every complaint has its line."""

from pathlib import Path

import pytest

from service.jobs.job_body import JobBody
from sparseift.cli.demo import JOB
from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobfile import read
from sparseift.client import ApiError, Unreachable

ROOT = Path(__file__).resolve().parents[2]
GOOD = "model: mlp\ndataset:\n  name: digits\nspace:\n  sparsities:\n    - 0.5\n    - 0.75\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    return path


def test_fields_know_their_lines(tmp_path: Path) -> None:
    file = read(write(tmp_path, GOOD))
    assert file.where(("space", "sparsities", "1")).endswith("job.yaml:7:7")
    assert file.where(("space", "methods")).endswith("job.yaml:4:1")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("model: mlp\ndataset: [", r"job\.yaml:2:11: "),
        ("model: mlp\nmodel: gpt\ndataset: digits", r"job\.yaml:2:1: 'model' stands on line 1 already"),
        (
            "model: mlp\ndataset: digits\nspeed: 3",
            r"job\.yaml:3:1: there is no field 'speed'; the known ones are name,",
        ),
        (
            "model: mlp\ndataset: digits\nbudget:\n  trials: 3",
            r"job\.yaml:4:3: there is no field 'budget.trials'.* Did you mean 'search_trials'\?",
        ),
        ("model: mlp\ndataset: digits\nbudget: 3", r"job\.yaml:3:1: 'budget' must be a mapping"),
        ("model: mlp\ndataset: digits\ntraining: {learning_rate: 2e-3}", r"job\.yaml:3:27: 2e-3 is a text .* 0\.002"),
        ("model: mlp", "no field 'dataset'"),
        ("- mlp", "no mapping"),
        ("model: !!python/name:os.system\ndataset: digits", r"job\.yaml:1:8: "),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageProblem, match=complaint):
        read(write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="cannot be read"):
        read(tmp_path / "none.yaml")


def test_settings_lie_over_the_file(tmp_path: Path) -> None:
    file = read(write(tmp_path, GOOD), ("budget.search_trials=8", "space.sparsities=[0.9]"))
    assert file.document["budget"] == {"search_trials": 8}
    assert file.document["space"]["sparsities"] == [0.9]


def test_no_line_is_made_up(tmp_path: Path) -> None:
    file = read(write(tmp_path, GOOD), ("budget.search_trials=0", "space.sparsities=[0.1]"))
    assert file.where(("budget", "search_trials")) == "--set budget.search_trials"
    assert file.where(("space", "sparsities", "0")) == "--set space.sparsities", "the file's line 6 is not what counts"
    assert file.where(("space", "methods")).endswith("job.yaml:4:1")
    assert file.where(("training", "epochs")) == file.where(("body",)) == str(file.path)
    with pytest.raises(UsageProblem, match=r"^--set nonsense\.field: there is no field 'nonsense'"):
        read(write(tmp_path, GOOD), ("nonsense.field=1",))


def test_the_services_complaints_are_placed(tmp_path: Path) -> None:
    file = read(write(tmp_path, GOOD), ("training.epochs=0",))
    errors = ({"field": "training.epochs", "message": "No."}, {"field": "dataset.name", "message": "Never."})
    complaint = file.placed(ApiError("No.", 422, "invalid-request", errors))
    assert str(complaint) == f"--set training.epochs: No.\n{file.path}:3:3: Never."
    assert str(file.placed(ApiError("It is taken.", 409))) == f"{file.path}: It is taken."
    away = Unreachable("No service answers.")
    assert file.placed(away) is away, "which no file is to blame for"


@pytest.mark.parametrize("setting", ["budget", "=3", "model.name.first=3", "nonsense.field=1", "name=[1"])
def test_bad_settings_are_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(UsageProblem):
        read(write(tmp_path, GOOD), (setting,))


@pytest.mark.parametrize("path", [JOB, *sorted(ROOT.glob("docs/**/*.yaml"))], ids=lambda p: p.name)
def test_our_own_job_files_are_what_the_service_takes(path: Path) -> None:
    JobBody.model_validate(read(path).document)

"""Job files before they are submitted: starters, presets, and what is wrong with a file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.jobs.job_body import JobBody
from service.jobs.specification import accept
from sparseift.cli import check as module
from sparseift.cli import jobfile
from sparseift.cli.app import app
from sparseift.cli.check import STARTER, head, preset, presets
from sparseift.cli.failures import UsageProblem
from sparseift.cli.submit import put_labels
from sparseift.client import ApiError
from sparseift.planning import make_plan
from tests.client.script import Script


def run(*line: str) -> str:
    result = CliRunner().invoke(app, [*line], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("path", [STARTER, *presets().values()], ids=lambda p: p.stem)
def test_what_we_ship_passes_its_own_check_and_the_services(path: Path) -> None:
    document = jobfile.parse(path)
    assert document.complaints() == module.unknown_here(document) == []
    accept(JobBody.model_validate(document.document))


@pytest.mark.slow
@pytest.mark.parametrize("name", presets())
def test_a_preset_is_solved_by_the_planner(name: str) -> None:
    plan = make_plan(accept(JobBody.model_validate(jobfile.read(preset(name)).document)))
    assert all(point.feasible and abs(point.flop_ratio - 1.0) < 1e-3 for point in plan.points)


@pytest.mark.parametrize("name", presets())
def test_a_preset_says_source_data_cost_and_differences(name: str) -> None:
    lines = head(preset(name))
    for word in ("Source: ", "Data: ", "Cost: ", "Differences: "):
        assert any(line.startswith(word) for line in lines)
    assert any(line.strip().startswith("sparseift data fetch") for line in lines)
    shown = run("presets")
    assert name in shown
    assert [entry["name"] for entry in json.loads(run("presets", "--json"))] == list(presets())


def test_a_file_to_start_from_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    assert f"sparseift submit {path} --dry-run" in run("init", str(path))
    assert path.read_text() == STARTER.read_text()
    assert json.loads(run("init", str(path), "--force", "--json")) == {"files": [str(path)]}
    with pytest.raises(UsageProblem, match="is there already"):
        run("init", str(path))
    run("init", str(path), "--preset", "cifar100-resnet18", "--force")
    assert path.read_text() == preset("cifar100-resnet18").read_text()
    with pytest.raises(UsageProblem, match=r"There is no preset 'cifar-resnet18'.* Did you mean 'cifar100-resnet18'"):
        run("init", str(path), "--preset", "cifar-resnet18", "--force")


def test_every_wrong_field_is_told_at_once(tmp_path: Path) -> None:
    text = "model: {name: mlp, arguments: {width: x}}\ndataset: digits\nbudget:\n  search_trials: 0\nspede: 1\n"
    with pytest.raises(UsageProblem) as caught:
        run("check", "--offline", write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(str(tmp_path)).split(": ")[:2] for line in lines] == [
        ["/job.yaml:1:32", "model.arguments.width"],
        ["/job.yaml:4:3", "budget.search_trials"],
        ["/job.yaml:5:1", "spede"],
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: mlq\ndataset: digits", r"job\.yaml:1:1: There is no model 'mlq'.* Did you mean 'mlp'"),
        ("model: {name: mlp, arguments: {width: 0}}\ndataset: digits", r"job\.yaml:1:32: mlp's width is 0"),
        (
            "model: mlp\ndataset: digits\ntraining: {steps: 3}",
            r"job\.yaml:3:12: There is no training setting for",
        ),
        ("model: mlp\ndataset: digits\nfamilies: [sparse_wid]", r"job\.yaml:3:12: .* Did you mean 'sparse_wide'"),
    ],
)
def test_names_and_ranges_of_this_installation_are_known(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageProblem, match=sentence):
        run("check", "--offline", write(tmp_path, text))


def test_settings_that_are_right_together_are_right(tmp_path: Path) -> None:
    text = "model: mlp\ndataset: digits\ntraining: {momentum: 0.0, nesterov: false}\n"
    assert "has the form of a job" in run("check", "--offline", write(tmp_path, text))
    with pytest.raises(UsageProblem, match=r"job\.yaml:3:12: momentum is 0"):
        run("check", "--offline", write(tmp_path, text.replace(", nesterov: false", "")))


def test_the_service_has_the_last_word(tmp_path: Path, script: Script, say: Callable[..., str]) -> None:
    problem = {"detail": "No.", "errors": [{"field": "space", "message": "No sizes."}], "code": "infeasible"}
    script.answers = [(422, problem), (200, {"planned_trials": {"total": 9}})]
    path = write(tmp_path, "model: mlp\ndataset: digits\nspace: {}\n")
    with pytest.raises(ApiError, match=r"job\.yaml:3:1: No sizes\."):
        say("check", path)
    assert "takes: 9 trials." in say("check", path)
    assert script.asked[0][:2] == ("POST", "/v1/jobs?dry_run=true")


def test_labels_lie_over_those_of_the_file() -> None:
    document = {"labels": {"team": "vision", "stage": "draft"}}
    put_labels(document, ["team=text", "note=a=b"])
    assert document["labels"] == {"team": "text", "stage": "draft", "note": "a=b"}
    with pytest.raises(UsageProblem, match="--label team is not of the form key=value"):
        put_labels(document, ["team"])


def test_a_submission_names_a_file_or_a_preset() -> None:
    for line in (["submit"], ["submit", "job.yaml", "--preset", "cifar100-resnet18"]):
        with pytest.raises(UsageProblem, match="Name a job file, or a preset"):
            run(*line)

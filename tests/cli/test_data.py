"""`sparseift data`: arguments of a data set that is prepared by them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.cli.failures import UsageProblem
from sparseift.errors import DataError, InvalidValue, UnknownName
from tests.sparseift.datasets.folders import write_folder

SET = ("--set", "size=14", "--set", "classes=3", "--set", "limit=15", "--set", "validation=6")


def fetch(*line: str) -> str:
    result = CliRunner().invoke(app, ["data", "fetch", *line], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_an_image_folder_is_packed_by_the_arguments_that_jobs_will_give(tmp_path: Path) -> None:
    copy, data = write_folder(tmp_path / "copy"), str(tmp_path / "data")
    with pytest.raises(DataError, match="classes=3, validation=6, limit=18 at most"):
        fetch("imagenet", "--from", str(copy), "--data", data, "--set", "validation=6")
    assert "imagenet is ready" in fetch("imagenet", "--from", str(copy), "--data", data, *SET)
    index = json.loads((tmp_path / "data" / "datasets" / "imagenet" / "packed-16" / "index.json").read_text())
    assert index["train"] == [8, 8, 8]


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ("classes", UsageProblem, r"--set classes is not of the form NAME=NUMBER"),
        ("classes=all", UsageProblem, r"--set classes=all is not of the form NAME=NUMBER"),
        ("classes=1", InvalidValue, r"imagenet's classes is 1; it must lie in \[2, "),
        ("clases=3", UnknownName, r"argument of 'imagenet' 'clases'; the known ones are size, classes"),
    ],
)
def test_arguments_are_checked_before_anything_is_made(
    tmp_path: Path, setting: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fetch("imagenet", "--data", str(tmp_path / "data"), "--set", setting)
    assert not (tmp_path / "data").exists()

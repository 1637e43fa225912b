"""The worker's options, said to the command line."""

from dataclasses import fields, replace

import pytest

from sparseift.cli.placing import Placing
from sparseift.errors import InvalidValue
from worker.__main__ import parser

SAID = Placing("ray", "cpu", 3, 2, None, 0.5, "head:6379", 60.0, 30.0, 2.5)


def test_what_was_said_and_no_more_becomes_arguments() -> None:
    assert Placing().arguments() == ("--engine", "local", "--devices", "auto")
    assert Placing(slots=2, gpu_fraction=0.5).arguments()[4:] == ("--slots", "2", "--gpu-fraction", "0.5")


@pytest.mark.parametrize("placing", [SAID, replace(SAID, engine="local", gpu_fraction=0.25)])
def test_the_worker_understands_each_of_them(placing: Placing) -> None:
    line = ["--database", "x.db", "--artifacts", "a", "--data", "d", *placing.arguments()]
    understood = vars(parser().parse_args(line))
    assert {f.name: understood[f.name] for f in fields(placing)} == {
        f.name: getattr(placing, f.name) for f in fields(placing)
    }


def test_an_option_of_the_other_engine_is_refused() -> None:
    Placing(gpu_fraction=0.5).check()
    with pytest.raises(InvalidValue, match=r"write --gpus-per-slot 0\.5"):
        Placing(engine="ray", gpu_fraction=0.5).check()

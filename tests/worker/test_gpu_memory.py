"""What NVIDIA's tool says, and what is made of it."""

import os
from pathlib import Path

import pytest

from worker.gpu_memory import Memory, parse, read

ANSWER = """0, GPU-1a2b3c4d-0000, 40000, 81559
1, GPU-5e6f7a8b-0000, 81000, 81559
2, GPU-99999999-0000, [N/A], [N/A]
"""


def test_the_answer_is_a_table_and_what_has_no_numbers_is_left_out() -> None:
    assert parse(ANSWER) == (
        ("0", "GPU-1a2b3c4d-0000", Memory(40000, 81559)),
        ("1", "GPU-5e6f7a8b-0000", Memory(81000, 81559)),
    )
    assert parse("No devices were found\n") == ()


def test_room_is_a_share_of_the_whole_less_a_tenth() -> None:
    assert Memory(450, 1000).has_room(0.5)
    assert not Memory(449, 1000).has_room(0.5)
    assert not Memory(899, 1000).has_room(1.0)


def test_a_gpu_is_found_by_index_or_by_the_beginning_of_its_uuid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{ANSWER}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    assert read("1") == Memory(81000, 81559)
    assert read("GPU-1a2b") == Memory(40000, 81559)
    assert read("7") is None

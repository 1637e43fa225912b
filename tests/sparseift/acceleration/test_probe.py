"""What the probe calls, and how often; never how long it took."""

import torch

from sparseift.acceleration.probe import measure


def test_functions_take_turns() -> None:
    calls: list[str] = []
    seconds = measure([lambda: calls.append("a"), lambda: calls.append("b")], 3, torch.device("cpu"))
    assert len(seconds) == 2
    assert all(s > 0 for s in seconds)
    turns = [name for name, before in zip(calls, ["", *calls], strict=False) if name != before]
    assert turns == ["a", "b"] * 4  # one warm-up, three rounds

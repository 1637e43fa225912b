"""How slots share devices."""

import pytest

from sparseift.errors import InvalidValue
from worker.devices import Place, parse, share


def test_cpu_threads_are_divided() -> None:
    assert share(("cpu",), 2, 3) == (Place("cpu:0", "cpu", "", 3), Place("cpu:1", "cpu", "", 3))
    assert all(place.threads == 1 for place in share(("cpu",), 10_000, None))


def test_gpus_are_taken_in_turn_and_seen_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    places = share(("cuda:0", "cuda:1"), 3, 1)
    assert [place.name for place in places] == ["cuda:0/0", "cuda:1/0", "cuda:0/1"]
    assert [place.visible for place in places] == ["3", "5", "3"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert share(("cuda:1",), 1, 1) == (Place("cuda:1", "cuda", "1", 1),)


@pytest.mark.parametrize("text", ["gpu", "cuda", "cuda:x", "cpu,cuda:0", ""])
def test_unknown_devices_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="write auto, cpu"):
        parse(text)


def test_impossible_shares_are_refused() -> None:
    with pytest.raises(InvalidValue, match="0 slots"):
        share(("cpu",), 0, None)
    with pytest.raises(InvalidValue, match="0 threads"):
        share(("cpu",), 1, 0)


def test_a_declared_fraction_makes_the_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    places = share(("cuda:0", "cuda:1"), None, 1, 0.5)
    assert [(place.name, place.visible, place.fraction) for place in places] == [
        ("cuda:0/0", "0", 0.5),
        ("cuda:1/0", "1", 0.5),
        ("cuda:0/1", "0", 0.5),
        ("cuda:1/1", "1", 0.5),
    ]
    assert len(share(("cuda:0",), None, 1, 1 / 3)) == 3
    assert len(share(("cuda:0",), None, 1, 0.4)) == 2
    assert len(share(("cuda:0", "cuda:1"), None, None)) == 1  # undeclared: as before


@pytest.mark.parametrize(
    ("devices", "slots", "fraction", "sentence"),
    [
        (("cuda:0",), None, 0.0, "0 of a GPU"),
        (("cuda:0",), None, 1.5, "1.5 of a GPU"),
        (("cpu",), None, 0.5, "there is none"),
        (("cuda:0",), 3, 0.5, "at most 2"),
    ],
)
def test_impossible_fractions_are_refused(
    devices: tuple[str, ...], slots: int | None, fraction: float, sentence: str
) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        share(devices, slots, 1, fraction)

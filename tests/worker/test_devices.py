"""How slots share devices."""

import pytest

from sparseift.errors import InvalidValue
from worker.devices import Place, cores, gpus, parse, share


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


def test_what_the_environment_names_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1a2b, MIG-3c4d/1/0 ,5")
    places = share(("cuda:1", "cuda:0", "cuda:2"), None, 1)
    assert [(p.name, p.visible) for p in places] == [
        ("cuda:1", "MIG-3c4d/1/0"),
        ("cuda:0", "GPU-1a2b"),
        ("cuda:2", "5"),
    ]


@pytest.mark.parametrize(
    ("visible", "device", "sentence"),
    [
        ("2,3", "cuda:2", r"no device 'cuda:2'; CUDA_VISIBLE_DEVICES is '2,3', which leaves cuda:0, cuda:1"),
        ("", "cuda:0", "no device 'cuda:0'; CUDA_VISIBLE_DEVICES is '', which leaves no GPU"),
        ("-1", "cuda:0", "which leaves no GPU"),
        ("0,-1,1", "cuda:1", "which leaves cuda:0"),  # CUDA reads as far as the first that is none
        ("NoDevFiles", "cuda:0", "which leaves no GPU"),
        ("2,2", "cuda:0", "which leaves no GPU"),  # CUDA takes none where one is named twice
    ],
)
def test_a_gpu_that_the_environment_hides_is_refused(
    monkeypatch: pytest.MonkeyPatch, visible: str, device: str, sentence: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(InvalidValue, match=sentence):
        share((device,), 1, 1)


def test_devices_are_those_that_torch_finds() -> None:
    assert parse("cpu", found=lambda: ()) == ("cpu",)
    assert parse("cuda:0, cuda:01", found=lambda: ("cuda:0", "cuda:1")) == ("cuda:0", "cuda:1")
    with pytest.raises(InvalidValue, match=r"no device 'cuda:99'; torch finds cuda:0, cuda:1"):
        parse("cuda:1,cuda:99", found=lambda: ("cuda:0", "cuda:1"))
    with pytest.raises(InvalidValue, match=r"no device 'cuda:0'; torch finds no GPU"):
        parse("cuda:0", found=lambda: ())


@pytest.mark.parametrize("text", ["cuda:0,cuda:0", "cuda:0,cuda:1,cuda:00"])
def test_a_gpu_is_named_once(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"'cuda:0' is named twice; .*--slots"):
        parse(text, found=lambda: ("cuda:0", "cuda:1"))


def test_torch_here_is_asked_for_its_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus() == ()


@pytest.mark.parametrize("text", ["gpu", "cuda", "cuda:x", "cuda:²", "cpu,cuda:0", ""])
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
    assert [p.fraction for p in share(("cuda:0", "cuda:1"), None, None)] == [None, None]  # undeclared: one each
    assert len(share(("cpu",), None, None)) == cores()


def test_slots_that_share_a_gpu_undeclared_have_equal_parts_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [place.fraction for place in share(("cuda:0",), 4, 1)] == [0.25] * 4
    places = share(("cuda:0", "cuda:1"), 3, 1)
    assert {place.name: place.fraction for place in places} == {"cuda:0/0": 0.5, "cuda:1/0": None, "cuda:0/1": 0.5}


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

"""What is known of a device."""

import sys
from types import SimpleNamespace

import pytest

from worker import hardware


def test_a_cpu_has_a_model() -> None:
    assert hardware.describe("cpu") == {"device_model": hardware.cpu_model()}
    assert hardware.cpu_model()


def test_a_gpu_tells_its_memory_and_what_drives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(
        get_device_name=lambda device: f"GPU at {device}",
        get_device_properties=lambda _: SimpleNamespace(total_memory=8 << 30),
    )
    backends = SimpleNamespace(cudnn=SimpleNamespace(version=lambda: 91900))
    torch = SimpleNamespace(cuda=cuda, version=SimpleNamespace(cuda="13.0"), backends=backends)
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert hardware.describe("cuda:1") == {
        "device_model": "GPU at cuda:1",
        "device_memory_bytes": 8 << 30,
        "cuda": "13.0",
        "cudnn": 91900,
    }

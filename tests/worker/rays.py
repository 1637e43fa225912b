"""Ray of our own for tests, started once per session."""

import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from worker.processes import find


class OwnRay:
    """Ray of our own with 2 CPUs and a GPU that is only claimed, for the whole session."""

    def __init__(self, folder: Path) -> None:
        if find_spec("ray") is None:  # not `importorskip`: Ray is imported only after it was told to use a token
            pytest.skip("Ray is not installed")
        from worker import ray_cluster

        self.url = f"sqlite:///{folder / 'ray.db'}"
        started_at = time.monotonic()
        self.cluster = ray_cluster.embed(self.url, cpus=2, gpus=1)
        self.start_s = time.monotonic() - started_at
        self.folder = ray_cluster.folder_of(self.url)

    def end(self) -> None:
        """End Ray."""
        from worker import ray_cluster

        self.cluster.close()
        head = find(ray_cluster.running(self.folder)["process"])
        assert head is not None
        head.terminate()
        head.wait(20)
        assert not list((self.folder / "ray").glob("session_2*"))
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def own_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRay]:
    """Ray, started once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
        made = OwnRay(tmp_path_factory.mktemp("ray"))
        yield made
        made.end()

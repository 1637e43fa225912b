"""What is made of exit statuses."""

from importlib.util import find_spec

import pytest

from worker.deaths import KEPT, Deaths, OutOfMemory, of_status, oom_kills
from worker.engine import Death, EngineLost


def test_a_sigkill_is_out_of_memory_only_where_the_kernel_has_just_killed() -> None:
    assert of_status(-9, True).failure_class == "out_of_memory"
    assert of_status(-9, False) == Death("infrastructure", "Its process was ended by SIGKILL.")
    assert of_status(-11, True) == Death("infrastructure", "Its process was ended by SIGSEGV.")
    assert of_status(1, True) == Death("infrastructure", "Its process ended with status 1.")


def test_only_kills_since_the_start_count() -> None:
    count = [5]
    watch = OutOfMemory(lambda: count[0])
    assert not watch.recently()
    count[0] = 6
    assert watch.recently()
    assert watch.recently()  # the death may be seen a little later
    assert oom_kills() >= 0


def test_only_the_latest_deaths_are_kept() -> None:
    deaths = Deaths()
    for i in range(KEPT + 1):
        deaths.add(i, Death("infrastructure", str(i)))
    assert deaths.of(0) is None
    assert deaths.of(KEPT) == Death("infrastructure", str(KEPT))


def test_another_cluster_is_no_silence() -> None:
    if find_spec("ray") is None:  # Ray itself is not to be imported before `worker.ray_api` has set how it is asked
        pytest.skip("Ray is not installed")
    from worker.ray_engine import _cluster_is_ours, ray

    def fail(words: str) -> None:
        with _cluster_is_ours():
            raise ray.exceptions.RayError(words)

    with pytest.raises(ray.exceptions.RayError, match="Deadline"):
        fail("RPC error: Deadline Exceeded")
    with pytest.raises(EngineLost, match="another one now"):
        fail("RPC error: WrongClusterID: Perhaps the GCS has restarted.")

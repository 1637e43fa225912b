"""What of the command line an engine would ignore is refused."""

import pytest

from sparseift.errors import InvalidValue
from worker.engines import Wish, check


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish(engine="slurm"), "the known ones are local, ray"),
        (Wish(gpus_per_slot=0.5), "--gpus-per-slot is of --engine ray"),
        (Wish(ray_address="head:6379"), "--ray-address is of --engine ray"),
        (Wish(engine="ray", gpu_fraction=0.5), "write --gpus-per-slot 0.5"),
        (Wish(engine="ray", slots=0), "There cannot be 0 slots"),
        (Wish(engine="ray", threads_per_slot=0), "There cannot be 0 threads"),
        (Wish(engine="ray", gpus_per_slot=1.5), "cannot have 1.5 GPUs"),
        (Wish(engine="ray", gpus_per_slot=-1.0), "cannot have -1 GPUs"),
        (Wish(engine="ray", ray_address="head:6379", devices="cuda:0"), "nodes know their own"),
    ],
)
def test_a_wish_for_the_other_engine_is_refused(wish: Wish, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        check(wish)


def test_whole_gpus_and_fractions_are_taken() -> None:
    for gpus in (None, 0.0, 0.25, 1.0, 4.0):
        check(Wish(engine="ray", gpus_per_slot=gpus))
    check(Wish(gpu_fraction=0.5))

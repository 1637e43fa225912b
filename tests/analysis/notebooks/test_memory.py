"""What viewers share: made once, and found only by those whom the service has let in."""

import time
from concurrent.futures import ThreadPoolExecutor

from analysis.notebooks.memory import Memory, part


def test_many_who_want_the_same_get_what_one_made() -> None:
    made: list[int] = []
    source = object()

    def make() -> list[int]:
        time.sleep(0.02)
        made.append(1)
        return [1]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: part("chart", ("light", source), make), range(8)))
    assert made == [1]
    assert all(one is found[0] for one in found)
    part("chart", ("dark", source), make)
    part("other", ("light", source), make)
    assert len(made) == 3


def test_a_part_of_other_things_is_made_anew_though_they_are_equal() -> None:
    first, second = part("chart", ([1],), object), part("chart", ([1],), object)
    assert first is not second


def test_the_least_used_are_forgotten() -> None:
    memory = Memory(2)
    for key in "abc":
        memory.keep(key, "tag", key)
        memory.recall("a")
    assert memory.recall("b") is None
    assert memory.recall("a") == ("tag", "a")


def test_large_tables_are_forgotten_before_small_ones_fill_the_memory() -> None:
    memory = Memory(10, rows=100)
    for name in "abc":
        memory.keep(name, 1, [0] * 40)
    assert memory.recall("a") is None
    memory.keep("b", 2, [0] * 60)  # in place of 40
    assert memory.recall("b") == (2, [0] * 60)
    assert memory.recall("c") is not None
    memory.keep("large", 1, [0] * 1000)
    assert [memory.recall(name) is None for name in ("b", "c", "large")] == [True, True, False]

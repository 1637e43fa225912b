import builtins
from concurrent.futures import ThreadPoolExecutor

import pytest

from analysis.notebooks.compiling import races, take_turns


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 11, 0), True),
        ((3, 11, 7), True),
        ((3, 11, 8), False),
        ((3, 12, 1), True),
        ((3, 12, 2), False),
        ((3, 13, 0), False),
    ],
)
def test_the_versions_with_the_race(version: tuple[int, int, int], expected: bool) -> None:
    assert races(version) is expected


def test_nothing_is_touched_where_it_is_not_needed() -> None:
    before = builtins.compile
    assert not take_turns((3, 13, 0))
    assert builtins.compile is before


def test_compilation_still_works_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "compile", builtins.compile)  # puts the original back afterwards
    assert take_turns((3, 11, 0))
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda i: compile(f"x = {i}", "<test>", "exec"), range(50)))
    scope: dict[str, int] = {}
    exec(codes[49], scope)
    assert scope["x"] == 49

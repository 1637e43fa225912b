"""Places: bounded, and none of them all one viewer's."""

from service.access.viewer import LOCAL, Viewer
from service.places import Places

READ = frozenset({"read"})
ANN, BEN, CLEO = (Viewer(f"tok_{name}", name, READ, "ours") for name in ("ann", "ben", "cleo"))
OTHER, OPERATOR = Viewer("tok_x", "x", READ, "theirs"), Viewer("tok_o", "o", READ, None)


def test_a_token_has_at_most_a_quarter_and_a_project_half() -> None:
    places = Places(64)
    assert [places.acquire(ANN) for _ in range(17)] == [True] * 16 + [False]
    assert [places.acquire(BEN) for _ in range(17)] == [True] * 16 + [False]
    assert not places.acquire(CLEO), "the project has its half"
    assert places.acquire(OTHER)
    assert [places.acquire(OPERATOR) for _ in range(17)] == [True] * 16 + [False]
    places.release(ANN)
    assert places.acquire(CLEO)
    assert not places.acquire(ANN), "the project's, not its own, is used up"
    assert places.taken == 16 + 16 + 1 + 16


def test_together_they_have_no_more_than_there_are() -> None:
    places = Places(4)
    assert [places.acquire(ANN) for _ in range(3)] == [True, True, False], "two at least"
    assert [places.acquire(OTHER) for _ in range(3)] == [True, True, False]
    assert not places.acquire(OPERATOR)
    for viewer in (ANN, ANN, OTHER, OTHER):
        places.release(viewer)
    assert places.taken == 0
    assert places._held == {}, "nobody is remembered"


def test_where_nobody_needs_a_token_there_is_nobody_to_keep_places_for() -> None:
    places = Places(3)
    assert [places.of(LOCAL).acquire() for _ in range(4)] == [True, True, True, False]
    places.release()
    assert places.of(LOCAL).taken == places.taken == 2

"""Page tokens."""

import pytest

from service import pages
from service.problems import Refused


@pytest.mark.parametrize("key", ["job_0123abc", "3"])
def test_a_token_gives_its_key_back(key: str) -> None:
    assert pages.key("kind", pages.token("kind", key), r"\w+") == key


@pytest.mark.parametrize("token", ["", "!", "a", "é", pages.token("other", 3), pages.token("kind", "x y")])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(Refused, match="never gave this token"):
        pages.key("kind", token, r"\w+")


def test_cut() -> None:
    assert pages.cut([1, 2, 3], 2) == ([1, 2], 2)
    assert pages.cut([1, 2], 2) == ([1, 2], None)
    assert pages.cut([], 2) == ([], None)

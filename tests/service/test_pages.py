"""Page tokens."""

import pytest

from service import pages
from service.pages import Listing
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


def test_a_listing_reads_its_own_tokens_alone() -> None:
    listing, shape = Listing("jobs", {"sort": "updated"}), (float, r"job_[a-z]+")
    token = listing.token([1.5, "job_a"])
    assert listing.place(token, shape) == (1.5, "job_a")
    assert listing.place(None, shape) is None
    with pytest.raises(Refused, match="another sort or other filters"):
        Listing("jobs", {"sort": "newest"}).place(token, (r"job_[a-z]+",))
    for wrong in (
        Listing("trials", {"sort": "updated"}).token([1.5, "job_a"]),
        listing.token([1.5]),
        listing.token(["x", "job_a"]),
        listing.token([True, "job_a"]),
        listing.token([1.5, "job_A'"]),
        "x",
        "W10",
        "e30",
    ):
        with pytest.raises(Refused, match="never gave this token"):
            listing.place(wrong, shape)

"""A bounded number of those who wait or are being served for long: streams, long polls, exports, plans, drawings.

Nobody gets them all: of the places, one token has at most a quarter and the tokens of one project at most half, so that
another project's are answered whatever one of them asks. Where no token is asked for, there is nobody to keep them for.
"""

from collections import Counter
from threading import Lock

from service.access.viewer import LOCAL, Viewer

FEWEST = 2  # places that any one may have: who looks at two things at once asks nothing unusual


class Places:
    """So many at a time, who are never made to wait for a place.

    Args:
        most: places.
    """

    def __init__(self, most: int) -> None:
        self._most, self._taken, self._books = most, 0, Lock()
        self._held: Counter[tuple[str, str]] = Counter()  # by token, and by project
        self._of_token, self._of_project = max(FEWEST, most // 4), max(FEWEST, most // 2)

    @property
    def taken(self) -> int:
        """How many there are now, whoever has them."""
        return self._taken

    def acquire(self, viewer: Viewer = LOCAL) -> bool:
        """Take one; False: there is none left, or the viewer, or its project, has its share."""
        with self._books:
            shares = self._shares(viewer)
            if self._taken >= self._most or any(self._held[who] >= most for who, most in shares.items()):
                return False
            self._taken += 1
            self._held.update(shares.keys())
            return True

    def release(self, viewer: Viewer = LOCAL) -> None:
        """Give one back."""
        with self._books:
            self._taken -= 1
            self._held.subtract(self._shares(viewer).keys())
            self._held = +self._held  # those that have none are forgotten

    def of(self, viewer: Viewer) -> "Seats":
        """The same places, taken in a viewer's name."""
        return Seats(self, viewer)

    def _shares(self, viewer: Viewer) -> dict[tuple[str, str], int]:
        """The most that each whom a viewer's place counts for may have."""
        shares = {}
        if viewer.token_id is not None:
            shares["token", viewer.token_id] = self._of_token
            if viewer.project is not None:
                shares["project", viewer.project] = self._of_project
        return shares


class Seats:
    """Places in one viewer's name."""

    def __init__(self, places: Places, viewer: Viewer) -> None:
        self._places, self._viewer = places, viewer

    @property
    def taken(self) -> int:
        """How many there are now, whoever has them."""
        return self._places.taken

    def acquire(self) -> bool:
        """As `Places.acquire`."""
        return self._places.acquire(self._viewer)

    def release(self) -> None:
        """As `Places.release`."""
        self._places.release(self._viewer)

"""A bounded number of those who wait: streams, long polls, exports."""

from threading import Lock


class Places:
    """So many at a time, who are never made to wait for a place.

    Args:
        most: places.
    """

    def __init__(self, most: int) -> None:
        self._most, self._taken, self._books = most, 0, Lock()

    @property
    def taken(self) -> int:
        """How many there are now."""
        return self._taken

    def acquire(self) -> bool:
        """Take one; False: there is none left."""
        with self._books:
            if self._taken >= self._most:
                return False
            self._taken += 1
            return True

    def release(self) -> None:
        """Give one back."""
        with self._books:
            self._taken -= 1

"""Charts and reports as bytes. Drawing takes a second of one core: few at a time, few who wait, the last ones kept."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from anyio import CapacityLimiter, to_thread

from service.access.viewer import Viewer
from service.places import Places
from service.problems import Refused

KEPT = 48  # drawings, a few to a few hundred kB each


class Rendering:
    """What was drawn, by name, and the turns of what is drawn now. To be made where an event loop runs.

    Args:
        at_once: drawings that are made at once, in threads of their own: whoever waits holds none of the service's.
        waiting: requests that may wait at once.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._threads, self._places = CapacityLimiter(at_once), Places(waiting)
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._books = Lock()

    @property
    def waiting(self) -> int:
        """How many wait now, or are drawn for."""
        return self._places.taken

    async def draw(self, name: str, viewer: Viewer, make: Callable[[], bytes]) -> bytes:
        """The drawing of this name, made where it is not kept.

        Args:
            name: of the content: two drawings of one name are alike.

        Raises:
            Refused: as many wait as may, or the viewer has its share of them.
        """
        kept = self._recall(name)
        if kept is not None:
            return kept
        if not self._places.acquire(viewer):
            raise Refused("renderer-busy", "As many drawings as may be are waited for already, or your share of them.")
        try:
            return await to_thread.run_sync(self._made, name, make, limiter=self._threads)
        finally:
            self._places.release(viewer)

    def _made(self, name: str, make: Callable[[], bytes]) -> bytes:
        kept = self._recall(name)  # drawn for another request, while this one waited
        if kept is not None:
            return kept
        drawn = make()
        with self._books:
            self._kept[name] = drawn
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return drawn

    def _recall(self, name: str) -> bytes | None:
        with self._books:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        return None

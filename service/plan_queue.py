"""Those who wait for the planner: so many, in threads of their own, so that every other request finds one free."""

from anyio import CapacityLimiter, to_thread

from service.access.viewer import Viewer
from service.places import Places
from service.planner import Planner, PlannerUnavailable
from sparseift.records import JobSpec, Plan


class PlanQueue:
    """Asks a planner in others' names. To be made where an event loop runs.

    Args:
        threads: plans that are asked for at once; who waits for one of these threads holds none of the service's.
        waiting: requests that may wait at once, for equal plans too.
    """

    def __init__(self, planner: Planner, threads: int, waiting: int) -> None:
        self._planner, self._threads, self._places = planner, CapacityLimiter(threads), Places(waiting)

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._places.taken

    async def plan(self, spec: JobSpec, viewer: Viewer) -> Plan:
        """As `Planner.plan`, in the viewer's name; one that is known already is given without waiting."""
        known = self._planner.known(spec)
        if known is not None:
            return known
        if not self._places.acquire(viewer):
            raise PlannerUnavailable("As many plans as may be are waited for already, or your share of them; try soon.")
        try:
            return await to_thread.run_sync(self._planner.plan, spec, limiter=self._threads)
        finally:
            self._places.release(viewer)

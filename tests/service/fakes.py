"""A planner without torch: the same protocol, plans written by hand."""

from threading import Event

from sparseift.records import DENSE, JobSpec, Metric, Plan, Point

METRIC = Metric("accuracy", "%", "maximize")
DENSE_POINT = Point(DENSE, 0.0, True, "", 0.0, "width 256", 20_000, 20_000, 1.0, 10_000, 10_000)


def point(family: str, nominal: float, *, feasible: bool = True) -> Point:
    """A point with plausible sizes, or a refused one."""
    if not feasible:
        return Point(family, nominal, False, f"No sizes of {family} at {nominal} meet the budget.")
    return Point(family, nominal, True, "", nominal + 0.001, "k = 2", 19_999, 40_000, 0.99995, 20_000, 10_000)


class FakePlanner:
    """Plans every point of the space, feasible but for the families in `refused`.

    Attributes:
        error: raised by the next plannings, where set.
        planned: jobs that were planned.
        going: plannings wait while this is not set.
    """

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.error: Exception | None = None
        self.planned: list[JobSpec] = []
        self.going = Event()
        self.going.set()

    def plan(self, spec: JobSpec) -> Plan:
        """As `service.planner.Planner.plan`."""
        self.planned.append(spec)
        assert self.going.wait(60.0), "nobody let it go on"
        if self.error is not None:
            raise self.error
        points = tuple(
            point(f, s, feasible=f not in self.refused) for f in spec.families for s in spec.space.sparsities
        )
        return Plan(METRIC, 100, 32, DENSE_POINT, points, 1.92e8, 1_000_000)

    def known(self, _spec: JobSpec) -> Plan | None:
        """As `service.planner.Planner.known`: it remembers nothing."""
        return None

    def close(self) -> None:
        """Holds nothing but those who wait."""
        self.going.set()

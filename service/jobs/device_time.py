"""How long a job's trainings will keep a slot busy, from the speed of those that are stored."""

from statistics import mean, median

from service.jobs import progress
from service.jobs.schemas import DeviceTimeView
from sparseift.records import JobSpec, Plan, Point
from store.rates import Rates


def estimate(spec: JobSpec, plan: Plan, rates: Rates) -> DeviceTimeView:
    """The time of each point and of all planned trials; a family's trials are taken to cost its points' mean.

    FLOPs that masked-dense kernels execute are what takes time, so a wide network costs more than its FLOPs say.
    """
    if not rates.flops_per_s:
        return DeviceTimeView(
            basis=rates.basis,
            measured_trials=0,
            executed_flops_per_second=None,
            dense_s=None,
            points_s=[None] * len(plan.points),
            total_s=None,
        )
    speed = median(rates.flops_per_s)

    def seconds(point: Point) -> float:
        return 3.0 * point.executed_flops * plan.total_steps * plan.batch_size / speed

    families = [mean(map(seconds, grid)) for family in spec.families if (grid := plan.grid(family))]
    planned, seeds = progress.planned(spec, plan), spec.budget.confirm_seeds
    total = planned.baseline * seconds(plan.dense) + seeds * (sum(families) + sum(map(seconds, plan.ladder)))
    return DeviceTimeView(
        basis=rates.basis,
        measured_trials=len(rates.flops_per_s),
        executed_flops_per_second=speed,
        dense_s=seconds(plan.dense),
        points_s=[seconds(point) if point.feasible else None for point in plan.points],
        total_s=total + (planned.search * mean(families) if families else 0.0),
    )

"""The JSON of jobs: what is shown of one. What a submission may hold is `service.jobs.job_body`'s."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from store.rates import Basis

JobState = Literal["queued", "running", "paused", "stopping", "succeeded", "failed", "cancelled"]


class MetricView(BaseModel):
    """What is measured on the validation split."""

    name: str
    unit: str
    direction: Literal["maximize", "minimize"]


class PointView(BaseModel):
    """A family at a sparsity: exact sizes at equal FLOPs, or the reason why there are none."""

    family: str
    nominal_sparsity: float = Field(description="The s of the paper's formulas, which sets the sizes.")
    feasible: bool
    reason: str
    sparsity: float = Field(description="Share of masked weights that are zero, solved for the whole network.")
    scale: str
    forward_flops: int = Field(description="Per sample, non-zeros only, whole model.")
    executed_flops: int = Field(description="Per sample, as masked dense kernels execute them.")
    flop_ratio: float = Field(description="Over dense's in the job's scope.")
    parameters: int
    nonzero_parameters: int
    training_memory_bytes: int | None = Field(
        default=None, description="Estimate of one training; null where it was refused, or planned by an older version."
    )


class PlanView(BaseModel):
    """What a job trains, solved before a slot is used."""

    metric: MetricView
    total_steps: int = Field(description="Optimizer steps of one trial.")
    batch_size: int
    dense: PointView
    points: list[PointView]
    dense_training_flops: float = Field(description="Forward + backward FLOPs of one dense trial.")
    training_memory_bytes: int = Field(description="Estimate for the largest feasible point.")
    ladder: list[PointView] = Field(default=[], description="Larger dense models, where the job asks for them.")


class PlannedTrials(BaseModel):
    """How many trials a job trains, if none is lost or refused. Points without sizes are recorded, not trained."""

    baseline: int
    search: int
    confirm: int
    ladder: int
    total: int
    infeasible_points: int


class DeviceTimeView(BaseModel):
    """An estimate: executed training FLOPs over the median speed of earlier trials. Seconds of one slot like theirs."""

    basis: Basis = Field(description="What those trials share with this job; `none`: nothing comparable has run.")
    measured_trials: int
    executed_flops_per_second: float | None = Field(description="Their median speed on one slot; null without any.")
    dense_s: float | None = Field(description="One dense training.")
    points_s: list[float | None] = Field(description="One training of each of the plan's points; null: refused.")
    total_s: float | None = Field(description="Every planned trial, one after another.")


class DryRun(BaseModel):
    """What a submission would create."""

    dry_run: Literal[True] = True
    spec: dict[str, Any] = Field(description="The job with every default and argument filled in.")
    plan: PlanView
    planned_trials: PlannedTrials
    training_flops: float = Field(description="Of all planned trials: each costs about a dense one.")
    device_time: DeviceTimeView


class BestSoFar(BaseModel):
    """The best configuration yet, of any family."""

    family: str
    configuration_key: str
    sparsity: float
    schedule: str
    value: float = Field(description="Mean of the metric over seeds.")
    seeds: int
    gain: float | None = Field(description="Over dense, positive when better; null where they cannot be compared.")
    confirmed: bool = Field(description="Whether it comes from fresh seeds.")


class RunningTrial(BaseModel):
    """How far a running trial is, from its last report."""

    number: int
    step: int
    total_steps: int
    train_loss: float | None
    value: float | None = Field(description="The metric, where this report measured it.")


class SpentView(BaseModel):
    """What a job has used up of its budget's limits."""

    wall_time_s: float
    device_hours: float
    training_flops: float


class QuarantineView(BaseModel):
    """A slot, of any worker, that gets no attempt for a while because the infrastructure lost all of its last ones."""

    slot: str
    until: datetime
    message: str = Field(description="The last loss there.")


class JobSummary(BaseModel):
    """A job as lists show it."""

    id: str
    name: str
    owner: str = Field(description="The id of the token that it came with; empty where none was asked for.")
    state: JobState
    reason: str = Field(description="A stable word for why the job is in this state.")
    message: str = Field(description="The same as a sentence.")
    wanted: str | None = Field(description="What was asked for and not yet done.")
    priority: int
    search_closed: str = Field(description="What ended the search early: `stopped`, or the limit that was reached.")
    model: str
    dataset: str
    families: list[str]
    trials: dict[str, int] = Field(description="How many there are in each state.")
    planned_trials: PlannedTrials
    progress: float = Field(ge=0.0, le=1.0, description="Share of the planned trials that have ended.")
    project: str = Field(description="Whose tokens see it.")
    labels: dict[str, str]
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = Field(description="When a worker first took it; null: it waits.")
    ended_at: datetime | None
    archived_at: datetime | None = Field(description="Since when lists leave it out; null: they show it.")
    links: dict[str, str]


class ConditionView(BaseModel):
    """What became of a job."""

    type: Literal[
        "planned", "queued", "running", "paused", "stopping", "succeeded", "failed", "cancelled", "extended",
        "search_closed",
    ]  # fmt: skip
    at: datetime
    reason: str = Field(description="A stable word.")
    message: str = Field(description="The same as a sentence.")


class JobView(JobSummary):
    """A job."""

    conditions: list[ConditionView] = Field(
        description="The last of each type, oldest first: the newest that is a state is the job's."
    )

    eta_seconds: float | None = Field(description="From the median trial so far and its slots; null when unknown.")
    spent: SpentView
    quarantined: list[QuarantineView]
    waiting_for: str | None = Field(description="The quota that holds a job back which nobody drives, as a sentence.")
    running: list[RunningTrial]
    headline: str = Field(description="The answer so far in one sentence.")
    best: BestSoFar | None
    best_age_seconds: float = Field(
        description="How long ago `headline` and `best` were computed: while a job of many trials runs, results may "
        "have come since; 0 where none has."
    )
    metric: MetricView
    spec: dict[str, Any]
    plan: PlanView


class JobPage(BaseModel):
    """A page of jobs, in the order that was asked for."""

    items: list[JobSummary]
    next_page_token: str | None

"""The JSON of jobs: what a submission may hold, and what is shown of a job."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, Strict, StrictBool, StrictInt, StringConstraints
from pydantic.functional_validators import AfterValidator, BeforeValidator

from service.access.schemas import Project
from service.identifiers import JOB_ID
from service.jobs.bodies import Body, Title
from service.jobs.labels import Labels
from service.numbers import Whole
from sparseift import catalog
from sparseift.records import Budget, JobSpec, Scope, Space
from store.rates import Basis

Method = Literal["static", "set", "rigl", "snfs"]  # masks.schedules.SEARCHABLE_METHODS
Anneal = Literal["cosine", "constant", "linear"]
Distribution = Literal["uniform", "erk"]
JobState = Literal["queued", "running", "paused", "stopping", "succeeded", "failed", "cancelled"]

StrictFloat = Annotated[float, Strict()]  # integers pass, texts and booleans do not
Number = StrictInt | StrictFloat
Bounded = Annotated[Number, Field(ge=-1e12, le=1e12)]
Numbers = Annotated[tuple[Bounded, ...], Field(max_length=64)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

DEFAULT = Space()


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({str(v) for v in values if values.count(v) > 1})
    if repeated:
        raise ValueError(f"it holds {', '.join(repeated)} more than once")
    return values


def _rising(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    if pair[0] > pair[1]:
        raise ValueError("a range is [low, high] with low <= high")
    return pair


def _some(legal: Callable[[], str]) -> BeforeValidator:
    """Refuses an empty choice with what it may hold, where the field's own `min_length` would only count."""

    def check(values: Any) -> Any:
        if isinstance(values, list | tuple) and not values:
            raise ValueError(f"it must hold at least one {legal()}")
        return values

    return BeforeValidator(check)


def _of(names: Iterable[str]) -> str:
    return f"of {', '.join(names)}"


Distinct = AfterValidator(_distinct)
SomeSparsity = _some(lambda: "number in [0.3, 0.95]")
SomeMethod = _some(lambda: _of(get_args(Method)))
SomeAnneal = _some(lambda: _of(get_args(Anneal)))
SomeDistribution = _some(lambda: _of(get_args(Distribution)))
SomeFamily = _some(lambda: _of(catalog.table("family")))
Rising = AfterValidator(_rising)
Sparsity = Annotated[StrictFloat, Field(ge=0.3, le=0.95)]
Steps = Annotated[StrictInt, Field(ge=1, le=10_000_000), Whole]
OpenFraction = Annotated[StrictFloat, Field(gt=0.0, lt=1.0)]
Fraction = Annotated[StrictFloat, Field(gt=0.0, le=1.0)]
PositiveFloat = Annotated[StrictFloat, Field(gt=0.0, le=1e30)]
Multiple = Annotated[StrictFloat, Field(gt=1.0, le=64.0)]
GivenJobId = Annotated[str, StringConstraints(pattern=f"^{JOB_ID}$")]
Priority = Annotated[StrictInt, Field(ge=-100, le=100, description="Higher ones first, then older ones."), Whole]


class NamedBody(Body):
    """A catalog entry by name, with arguments over its defaults."""

    name: Word = Field(description="As the catalog lists it.")
    arguments: dict[FieldName, Bounded] = Field(
        default_factory=dict, max_length=32, description="Over the card's defaults, inside its ranges."
    )


class SpaceBody(Body):
    """What the search may propose: choices, and inclusive ranges `[low, high]`."""

    sparsities: Annotated[tuple[Sparsity, ...], Field(min_length=1, max_length=64), Distinct, SomeSparsity] = Field(
        default=DEFAULT.sparsities, description="Shares of masked weights that are zero, in [0.3, 0.95]."
    )
    methods: Annotated[tuple[Method, ...], Field(min_length=1), Distinct, SomeMethod] = Field(
        default=DEFAULT.methods,  # type: ignore[arg-type]
        description="How masks change while they are trained.",
    )
    delta_t_steps: Annotated[tuple[Steps, Steps], Rising] = Field(
        default=DEFAULT.delta_t_steps, description="Optimizer steps between two mask updates."
    )
    drop_fraction: Annotated[tuple[OpenFraction, OpenFraction], Rising] = Field(
        default=DEFAULT.drop_fraction, description="Share of the active weights that the first update replaces."
    )
    anneals: Annotated[tuple[Anneal, ...], Field(min_length=1), Distinct, SomeAnneal] = Field(
        default=DEFAULT.anneals,  # type: ignore[arg-type]
        description="How that share falls over the training.",
    )
    t_end_fraction: Annotated[tuple[Fraction, Fraction], Rising] = Field(
        default=DEFAULT.t_end_fraction, description="Share of the training after which masks stand still."
    )
    distributions: Annotated[tuple[Distribution, ...], Field(min_length=1), Distinct, SomeDistribution] = Field(
        default=("uniform",), description="How sparsity is spread over the layers."
    )


class Limits(BaseModel):
    """What a budget may bound beside its trials."""

    wall_time_s: PositiveFloat | None = Field(default=None, description="While the job runs; pauses do not count.")
    device_hours: PositiveFloat | None = Field(
        default=None, description="That its attempts held, by each slot's share of a device."
    )
    training_flops: PositiveFloat | None = Field(default=None, description="Of all trials together.")
    failures_allowed: Annotated[StrictInt, Field(ge=0, le=100_000), Whole] | None = Field(
        default=None, description="Search trials that may fail before the job does; by default half of them."
    )


class BudgetBody(Body, Limits):
    """How much a job may train: whichever limit is reached first ends the search, and the confirmations follow."""

    search_trials: Annotated[StrictInt, Field(ge=1, le=100_000), Whole] = Field(
        default=Budget().search_trials, description="Trials of the search, all families together."
    )
    confirm_seeds: Annotated[StrictInt, Field(ge=1, le=64), Whole] = Field(
        default=Budget().confirm_seeds, description="Fresh seeds on which dense and each family's best are run."
    )
    when_spent: Literal["finish", "stop"] = Field(default="finish", description="What running search trials do then.")
    early_stopping: Literal["none", "median"] = Field(
        default="none",
        description="`median` ends search trials that fall behind their family's median at equal training FLOPs.",
    )


class JobBody(Body):
    """A search: model × data set × families × space × budget."""

    name: Title = Field(default="", description='For people; by default "MODEL on DATASET".')
    model: NamedBody = Field(description="The dense model, from `/v1/models`.")
    dataset: NamedBody = Field(description="The data set, from `/v1/datasets`, of the model's task.")
    families: Annotated[tuple[Word, ...], Field(min_length=1, max_length=64), Distinct, SomeFamily] = Field(
        default_factory=lambda: tuple(catalog.table("family")), description="By default all of them."
    )
    space: SpaceBody = Field(default=SpaceBody(), description="What the search may propose.")
    budget: BudgetBody = Field(default=BudgetBody(), description="How much it may train.")
    training: dict[FieldName, StrictBool | Bounded | Word | Numbers] = Field(
        default_factory=dict, max_length=64, description="Overrides of the task's recipe, for dense and sparse alike."
    )
    scope: Scope = Field(default="model", description="Whose FLOPs are held equal to dense's.")
    nonlinearity: Word = Field(default="default", description="Inside the local families; the paper's by default.")
    seed: Annotated[StrictInt, Field(ge=0, lt=2**53), Whole] = Field(
        default=0, description="Of everything that is drawn; the same job with the same seed proposes the same."
    )
    in_flight: Annotated[StrictInt, Field(ge=1, le=64), Whole] = Field(
        default=2, description="Proposals that may be unanswered at once."
    )
    priority: Priority = 0
    ladder: Annotated[tuple[Multiple, ...], Field(max_length=8), Distinct] = Field(
        default=(), description="FLOP multiples of larger dense models that are trained in the end."
    )
    start_from: Annotated[tuple[GivenJobId, ...], Field(max_length=8), Distinct] = Field(
        default=(), description="Ended jobs on the same data set, whose best configurations are proposed first."
    )

    labels: Labels = Field(default_factory=dict, description="Words to find the job by; they can be changed later.")
    project: Project | None = Field(
        default=None, description="Whose tokens see the job: by default the token's own, else `default`."
    )

    def to_spec(self) -> JobSpec:
        """The record, not yet held against the catalogs; labels and project are no part of it."""
        values = self.model_dump(exclude={"labels", "project"})
        values["name"] = self.name or f"{self.model.name} on {self.dataset.name}"
        return JobSpec.from_json(values)


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
    ended_at: datetime | None
    archived_at: datetime | None = Field(description="Since when lists leave it out; null: they show it.")
    links: dict[str, str]


class JobView(JobSummary):
    """A job."""

    eta_seconds: float | None = Field(description="From the median trial so far and its slots; null when unknown.")
    spent: SpentView
    quarantined: list[QuarantineView]
    waiting_for: str | None = Field(description="The quota that holds a job back which nobody drives, as a sentence.")
    running: list[RunningTrial]
    headline: str = Field(description="The answer so far in one sentence.")
    best: BestSoFar | None
    metric: MetricView
    spec: dict[str, Any]
    plan: PlanView


class JobPage(BaseModel):
    """A page of jobs, in the order that was asked for."""

    items: list[JobSummary]
    next_page_token: str | None

"""A job as it is submitted: what a body may hold. Whether catalogs know its names is `service.jobs.specification`'s."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, Strict, StrictBool, StrictInt, StringConstraints, WithJsonSchema
from pydantic.functional_validators import AfterValidator, BeforeValidator

from service.access.schemas import Project
from service.identifiers import JOB_ID
from service.jobs.bodies import Body, Title
from service.jobs.labels import Labels
from service.numbers import Whole
from sparseift import catalog
from sparseift.records import Budget, JobSpec, Scope, Space

Method = Literal["static", "set", "rigl", "snfs"]  # masks.schedules.SEARCHABLE_METHODS
Anneal = Literal["cosine", "constant", "linear"]
Distribution = Literal["uniform", "erk"]

StrictFloat = Annotated[float, Strict()]  # integers pass, texts and booleans do not
Number = StrictInt | StrictFloat
RANGE = {"minimum": -1e12, "maximum": 1e12}  # pydantic writes no range of a union into the schema
Bounded = Annotated[Number, Field(ge=-1e12, le=1e12), WithJsonSchema({"type": "number", **RANGE})]
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

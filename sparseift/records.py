"""What a search asks and what a trial measured: frozen records with units on every field. No torch here.

Words (docs/explanation/words.md): a *job* searches; a *configuration* is family + sparsity + mask schedule; a *trial*
is one configuration with one seed. FLOPs are forward FLOPs per sample unless a name says otherwise; 1 MAC = 2 FLOPs.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from sparseift.masks.schedules import MaskSchedule

Scope = Literal["masked_layers", "linear_layers", "model"]
SCOPES: tuple[Scope, ...] = ("masked_layers", "linear_layers", "model")
DENSE = "dense"

Arguments = dict[str, int | float]


def digest(value: object, length: int = 16) -> str:
    """A stable hexadecimal name of a JSON-able value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def derive_seed(seed: int, *labels: object) -> int:
    """A seed of its own for each labelled use of `seed`, in [0, 2³¹): exact in every JSON reader and database."""
    return int(digest([seed, *map(str, labels)], length=8), 16) >> 1


@dataclass(frozen=True, slots=True)
class Metric:
    """What a data set measures: its name, its unit and which way is better."""

    name: str
    unit: str
    direction: Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class DataShape:
    """What a model must know of its data.

    Attributes:
        task: "images" or "text".
        input_shape: one sample without the batch: (C, H, W) for images, (T,) tokens for text.
        outputs: number of classes, or size of the vocabulary.
        train_samples: training samples (images, or windows of T tokens).
    """

    task: Literal["images", "text"]
    input_shape: tuple[int, ...]
    outputs: int
    train_samples: int


@dataclass(frozen=True, slots=True)
class Named:
    """A catalog entry with its arguments, as a job names its model and its data set."""

    name: str
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is compared: a family at a sparsity under a mask schedule. `dense` has neither.

    Attributes:
        family: a name of the families' catalog.
        nominal_sparsity: what sets the sizes, the s of the paper's formulas (fraction); 0 for dense.
        schedule: the masks' schedule; None for dense.
        flop_multiple: of a larger dense model, FLOPs over the baseline's as the job's ladder asks for them; else 1.
    """

    family: str
    nominal_sparsity: float = 0.0
    schedule: MaskSchedule | None = None
    flop_multiple: float = 1.0

    def canonical(self) -> dict[str, Any]:
        """The JSON that is hashed and stored; what the configuration does not use is left out."""
        fields: dict[str, Any] = {
            "family": self.family,
            "nominal_sparsity": round(self.nominal_sparsity, 6),
            "schedule": self.schedule.canonical() if self.schedule else None,
        }
        return fields if self.flop_multiple == 1.0 else fields | {"flop_multiple": round(self.flop_multiple, 6)}

    @property
    def key(self) -> str:
        """The configuration's hash: equal exactly when it trains alike."""
        return digest(self.canonical())

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `canonical`."""
        schedule = value.get("schedule")
        return cls(
            family=value["family"],
            nominal_sparsity=float(value["nominal_sparsity"]),
            schedule=MaskSchedule.from_canonical(schedule) if schedule else None,
            flop_multiple=float(value.get("flop_multiple", 1.0)),
        )


@dataclass(frozen=True, slots=True)
class Space:
    """What the search may propose. A tuple is a choice; a pair `(low, high)` is an inclusive range.

    Attributes:
        sparsities: nominal sparsities (fractions in [.3, .95]); Parallel takes the k whose 1 − 1/k lie in their range.
        methods: of static, set, rigl, snfs.
        delta_t_steps: range of ΔT in optimizer steps, searched on a log scale.
        drop_fraction: range of α₀.
        anneals: of cosine, constant, linear.
        t_end_fraction: range of T_end, a fraction of the run's steps.
        distributions: of uniform, erk.
    """

    sparsities: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    methods: tuple[str, ...] = ("static", "set", "rigl")
    delta_t_steps: tuple[int, int] = (50, 1000)
    drop_fraction: tuple[float, float] = (0.1, 0.5)
    anneals: tuple[str, ...] = ("cosine",)
    t_end_fraction: tuple[float, float] = (0.5, 0.9)
    distributions: tuple[str, ...] = ("uniform",)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a job may train. Of several limits, whichever is reached first ends the search; None is no limit.

    Attributes:
        search_trials: trials proposed by the search, over all families together; infeasible points and
            infrastructure losses cost none.
        confirm_seeds: fresh seeds on which dense and the best configuration of each family are trained in the end;
            only these are reported as the answer.
        wall_time_s: seconds that the job is running; waiting in the queue and pauses do not count.
        device_hours: hours that its attempts held, lost ones too, each by its slot's share of a device: four slots of
            one GPU use one in an hour. On a CPU a slot counts as a device.
        training_flops: of all trials, as far as they came; work that a lost attempt did twice counts once.
        when_spent: what becomes of search trials that run when a limit is reached: "finish" or "stop". The
            confirmations follow: their expected cost is kept back from each limit while the search goes on.
        failures_allowed: trials of the search that may fail by a mistake, for want of memory or by a time limit before
            the job is given up; None: half of `search_trials`. Divergence is a result, not a failure.
        early_stopping: "median" ends a search trial that is worse at an evaluation, from half of a dense training's
            FLOPs on, than the median of its family's earlier trials at equal training FLOPs; it counts as one of
            `search_trials`, and has no value. "none" trains every trial to its end.
    """

    search_trials: int = 24
    confirm_seeds: int = 3
    wall_time_s: float | None = None
    device_hours: float | None = None
    training_flops: float | None = None
    when_spent: Literal["finish", "stop"] = "finish"
    failures_allowed: int | None = None
    early_stopping: Literal["none", "median"] = "none"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A search: model × data set × families × space × budget.

    Attributes:
        training: overrides of the task's recipe (`sparseift.training.recipes`), the same for dense and sparse.
        scope: which FLOPs are held equal to dense's.
        nonlinearity: the σ of the local families (`sparseift.families`), "default" = the paper's figure.
        seed: every seed of the job is derived from it.
        in_flight: proposals that may be unanswered at once. Proposal n sees exactly the results of trials
            0 … n − in_flight, whatever finishes first, so a job's trials do not depend on timing.
        priority: of the job in the queue when it is submitted: higher first, then older first.
        ladder: FLOP multiples, e.g. (√2, 2, 4): in the end the dense model is trained so much wider too, on the
            confirmation seeds, to say which larger dense model a sparse one equals. No part of the comparison.
        start_from: ids of earlier jobs on the same data set whose best configurations are proposed first.
    """

    name: str
    model: Named
    dataset: Named
    families: tuple[str, ...]
    space: Space = field(default_factory=Space)
    budget: Budget = field(default_factory=Budget)
    training: dict[str, Any] = field(default_factory=dict)
    scope: Scope = "model"
    nonlinearity: str = "default"
    seed: int = 0
    in_flight: int = 2
    priority: int = 0
    ladder: tuple[float, ...] = ()
    start_from: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        space = {k: tuple(v) for k, v in value["space"].items()}
        return cls(
            **{
                **value,
                "model": Named(**value["model"]),
                "dataset": Named(**value["dataset"]),
                "families": tuple(value["families"]),
                "space": Space(**space),
                "budget": Budget(**value["budget"]),
                "ladder": tuple(value.get("ladder", ())),
                "start_from": tuple(value.get("start_from", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One (family, nominal sparsity) of a plan: exact sizes that meet the budget, or the reason why none do.

    Attributes:
        family, nominal_sparsity: what was asked.
        feasible: False for a refusal; then the numbers below are 0.
        reason: why it was refused; or, of a feasible point, which sparsities were moved to it (k is an integer).
        sparsity: share of masked weights that are zero after the whole network was solved (uniform distribution).
        scale: the family's size in words, e.g. "width 90 (k = 1.406)" or "k = 4 branches".
        forward_flops: per sample, counted on the transformed network (non-zeros only), whole model.
        executed_flops: per sample, what masked-dense kernels execute, whole model.
        flop_ratio: FLOPs over dense FLOPs in the job's scope; within .1 % of 1.
        parameters: stored; nonzero_parameters: of them not masked.
        training_memory_bytes: estimate of one training, its masks included; None of a refused point, and in plans that
            were stored before this was estimated for each.
    """

    family: str
    nominal_sparsity: float
    feasible: bool
    reason: str = ""
    sparsity: float = 0.0
    scale: str = ""
    forward_flops: int = 0
    executed_flops: int = 0
    flop_ratio: float = 0.0
    parameters: int = 0
    nonzero_parameters: int = 0
    training_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job will train, solved before a slot is used.

    Attributes:
        metric: the objective, measured on the validation split.
        total_steps: optimizer steps of one trial; batch_size: samples per step.
        dense: the baseline's point (family "dense").
        points: every (family, nominal sparsity) of the space, feasible or refused.
        dense_training_flops: forward + backward FLOPs of one dense trial, 3 · forward · samples.
        training_memory_bytes: the largest of its points'.
        ladder: the dense models that the job's ladder asks for, in its order; `flop_ratio` is what they really have.
    """

    metric: Metric
    total_steps: int
    batch_size: int
    dense: Point
    points: tuple[Point, ...]
    dense_training_flops: float
    training_memory_bytes: int
    ladder: tuple[Point, ...] = ()

    def grid(self, family: str) -> tuple[Point, ...]:
        """The feasible points of a family, by rising sparsity: what the search's sparsity index points into."""
        return tuple(
            sorted(
                (p for p in self.points if p.family == family and p.feasible),
                key=lambda p: p.nominal_sparsity,
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            **{
                **value,
                "metric": Metric(**value["metric"]),
                "dense": Point(**value["dense"]),
                "points": tuple(Point(**p) for p in value["points"]),
                "ladder": tuple(Point(**p) for p in value.get("ladder", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """Everything that one training needs; JSON, so that it crosses process borders.

    Attributes:
        seed: of initial weights, masks, batches and dropout alike.
        evaluate_test: only the final runs (dense baseline and confirmations) touch the test split, once, at the end.
    """

    model: Named
    dataset: Named
    training: dict[str, Any]
    configuration: Configuration
    scope: Scope
    nonlinearity: str
    seed: int
    evaluate_test: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return {**asdict(self), "configuration": self.configuration.canonical()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            **{
                **value,
                "model": Named(**value["model"]),
                "dataset": Named(**value["dataset"]),
                "configuration": Configuration.from_json(value["configuration"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """One intermediate measurement of an attempt.

    Attributes:
        step: optimizer steps done (1-based); total_steps: of the whole run.
        train_loss: mean since the last report (nats); None in the report that follows a resume at once.
        value: the metric on the validation split (the data set's unit); None where only the loss was measured.
        training_flops: spent so far by the formulas of `sparseift.training_flops`, mask updates included.
        sparsity: share of masked weights now zero; itop: share of maskable weights that were ever
            active; both None for dense.
        churn: share of active weights replaced by the last update; None where there was none since the last report.
        seconds: since the attempt began.
    """

    step: int
    total_steps: int
    train_loss: float | None
    value: float | None
    training_flops: float
    sparsity: float | None
    churn: float | None
    itop: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a finished trial measured.

    Attributes:
        value: the metric on the validation split after the last step (the data set's unit).
        test_value: on the test split, only where `evaluate_test` asked for it.
        forward_flops, executed_flops: per sample, counted on the trained model at its end.
        flop_ratio: in the job's scope, over dense.
        training_flops: of the whole run, mask updates included.
        sparsity: share of masked weights that are zero at the end; parameters, nonzero_parameters: of the model.
        seconds: of training, this attempt.
    """

    value: float
    test_value: float | None
    forward_flops: int
    executed_flops: int
    flop_ratio: float
    training_flops: float
    sparsity: float
    parameters: int
    nonzero_parameters: int
    seconds: float

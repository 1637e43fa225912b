"""The JSON of analyses, as the records of `analysis` write it. Tests hold real answers against these."""

from typing import Literal

from pydantic import Field

from service.curves.schemas import MultiplierView, Strict
from service.jobs.schemas import MetricView

CostName = Literal["forward_flops", "executed_flops", "training_flops", "parameters", "nonzero_parameters", "seconds"]


class RefusalView(Strict):
    """Why two points were not compared."""

    reason: Literal["unequal_flops"]
    flop_ratio: float = Field(description="Of the point: forward FLOPs over the dense baseline's.")
    reference_flop_ratio: float
    tolerance: float = Field(description="A fraction of the reference's FLOPs.")
    message: str


class ComparisonView(Strict):
    """One configuration against the reference; positive differences are better."""

    key: str
    family: str
    sparsity: float
    schedule: str
    flop_ratio: float
    confirmed: bool
    difference: float | None = Field(description="In the metric's unit; null where refused.")
    low: float | None = Field(description="Of the 95 % interval that holds for all comparisons together.")
    high: float | None
    seeds: int
    seeds_to_see: int | None = Field(
        description="Seeds that would show a true difference as large as this one (power .8); null where not known."
    )
    method: Literal["blocked", "welch", "none"] = Field(description="`blocked`: within the seeds both ran on.")
    verdict: Literal["better", "worse", "tie", "unknown"] = Field(description="A tie is no proof of equality.")
    refusal: RefusalView | None


class ComparisonsView(Strict):
    """Configurations against one reference at equal FLOPs."""

    metric: MetricView
    reference: str
    reference_flop_ratio: float
    comparisons: list[ComparisonView] = Field(description="Largest difference first, refused ones last.")
    multiplicity: Literal["none", "bonferroni"]
    intervals: int = Field(description="How many intervals hold together.")
    ties: list[str] = Field(description="Keys that the noise does not separate from the first, it included.")
    residual_sd: float | None = Field(description="Of one run, the metric's unit.")
    degrees: int


class DenseSizeView(Strict):
    """One dense model of the scaling fit."""

    flop_multiple: float = Field(description="Forward FLOPs over the baseline's, as counted.")
    mean: float
    low: float | None
    high: float | None
    runs: dict[str, float] = Field(description="Validation metric by seed.")


class EquivalenceView(Strict):
    """Dense scaling and what sparse points equal on it."""

    metric: MetricView
    sizes: list[DenseSizeView]
    coefficients: list[float] = Field(description="Of the metric in powers of log2 FLOPs, constant first.")
    gain_per_doubling: float | None
    is_monotone: bool
    lack_of_fit: float | None = Field(description="p-value: small where the curve misses the sizes.")
    multipliers: list[MultiplierView] = Field(
        description="Of every confirmed configuration, the families' bests first; then of provisional bests."
    )
    intervals: int = Field(description="How many multipliers' intervals hold together: the confirmed ones' where any.")
    residual_sd: float | None
    degrees: int


class ParetoPointView(Strict):
    """One configuration over its cost."""

    key: str
    family: str
    label: str
    sparsity: float
    flop_multiple: float
    cost: float
    mean: float
    low: float | None
    high: float | None
    seeds: int
    is_front: bool
    dominated_by: str
    status: Literal["front", "tied", "dominated", "unknown"] = Field(
        description="`tied`: dominated by the means alone, not beyond noise."
    )
    front_probability: float | None


class ParetoView(Strict):
    """The front over one cost."""

    metric: MetricView
    cost: CostName
    cost_unit: str
    cost_tolerance: float
    points: list[ParetoPointView] = Field(description="By rising cost.")
    without_cost: int
    residual_sd: float | None
    degrees: int


class SmoothCurveView(Strict):
    """One family's smooth curve; empty with a reason where too little is known."""

    family: str
    sparsities: list[float]
    mean: list[float]
    low: list[float] = Field(description="Of the pointwise 95 % band.")
    high: list[float]
    best_sparsity: float | None
    candidates: list[float] = Field(description="Levels that together hold 95 % of the probability of being best.")
    next_sparsity: float | None = Field(description="The feasible level with the largest expected improvement.")
    expected_improvement: float | None
    residual_sd: float | None
    runs: int
    levels: int
    reason: str


class SmoothView(Strict):
    """Smooth curves of every family of the plan."""

    metric: MetricView
    curves: list[SmoothCurveView]


class ParameterImportanceView(Strict):
    """One parameter's share of importance, and how stable it is."""

    parameter: str
    share: float
    low: float = Field(description="Of the middle 95 % over bootstrap samples: stability, not confidence.")
    high: float
    chance: float = Field(description="How often shuffled values give as large a share.")
    runs: int


class ScheduleEffectView(Strict):
    """A change of the schedule at fixed family, sparsity and seed; positive effects are better."""

    parameter: str
    change: str
    effect: float
    low: float | None = Field(description="Of the 95 % interval that holds for all effects together.")
    high: float | None
    cells: int
    runs: int


class AssociationView(Strict):
    """Rank correlation of a mask's history with the metric, within family and sparsity."""

    measure: Literal["itop", "churn"]
    correlation: float | None
    low: float | None
    high: float | None
    runs: int
    groups: int


class ImportanceView(Strict):
    """What about masks matters."""

    metric: MetricView
    importances: list[ParameterImportanceView]
    runs: int
    reason: str
    effects: list[ScheduleEffectView]
    associations: list[AssociationView]


class EntryView(Strict):
    """One line of a ledger."""

    name: str
    trials: int
    algorithmic_flops: float = Field(description="Of training, non-zeros only.")
    executed_flops: float = Field(description="Of training, what masked-dense kernels did.")
    device_seconds: float


class LedgerView(Strict):
    """Where a job's compute went; every split sums to the total."""

    total: EntryView
    by_outcome: list[EntryView] = Field(description="`repeated`: done twice because an attempt was lost.")
    by_kind: list[EntryView]
    by_family: list[EntryView]
    dense_runs: float = Field(description="The total in trainings of the dense baseline.")
    result_share: float | None


class EnvironmentView(Strict):
    """What some attempts ran in."""

    facts: dict[str, str] = Field(description="By name; what is not known is left out.")
    attempts: int


class EnvironmentsView(Strict):
    """What a job's attempts ran in, by how many."""

    items: list[EnvironmentView]

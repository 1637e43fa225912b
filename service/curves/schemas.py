"""The JSON of curves, as `analysis.curve.Curve` writes it. A test holds real curves against these."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.jobs.schemas import MetricView


class Strict(BaseModel):
    """Nothing is shown that is not documented."""

    model_config = ConfigDict(extra="forbid")


class DifferenceView(Strict):
    """A difference to dense with its 95 % interval; positive when better, a gain only where the interval is above 0."""

    mean: float
    low: float | None
    high: float | None
    n: int
    method: Literal["blocked", "welch", "none"] = Field(description="`blocked`: within the seeds both ran on.")


class DenseView(Strict):
    """The dense baseline; intervals are 95 % over seeds, null for one seed or equal values."""

    mean: float
    low: float | None
    high: float | None
    seeds: list[int]
    values: list[float]
    confirmed: bool
    test_mean: float | None
    test_low: float | None
    test_high: float | None
    training_flops: float


class CurvePointView(DenseView):
    """One configuration over its seeds."""

    family: str
    configuration_key: str
    schedule: str
    sparsity: float
    search_values: list[float]
    search_seeds: list[int]
    flop_ratio: float
    iso_flop: bool = Field(description="Within .1 % of dense's FLOPs; a point that is not is never compared.")
    trial_ids: list[int]
    gain: DifferenceView | None
    leads: bool
    is_best: bool
    within_noise: bool


class FamilyBestView(Strict):
    """A family's best sparsity."""

    family: str
    point: CurvePointView
    compared: int
    probability: float | None = Field(description="That it is truly the family's best.")
    tied_with: list[str]


class DenseRungView(Strict):
    """A larger dense model."""

    flop_multiple: float = Field(description="Forward FLOPs over the baseline's, as counted.")
    mean: float
    low: float | None
    high: float | None
    seeds: list[int]
    values: list[float]
    gain: DifferenceView | None = Field(
        description="Of the best family of all over this model, positive when better; null while it is provisional."
    )


class MultiplierView(Strict):
    """The dense-equivalent multiplier of one sparse configuration."""

    key: str
    family: str
    sparsity: float
    confirmed: bool
    value: float | None = Field(description="A dense model of so many times the FLOPs is as good; null with a reason.")
    low: float | None = Field(description="Null where this end lies beyond the dense models that were trained.")
    high: float | None
    reason: Literal[
        "", "too_few_dense_sizes", "not_monotone", "no_noise", "below_range", "level_with_largest", "above_range",
        "not_iso_flop",
    ]  # fmt: skip
    message: str


class Answer(Strict):
    """What is known so far, without the points."""

    job_id: str
    name: str
    metric: MetricView
    dense: DenseView | None
    best: list[FamilyBestView] = Field(description="One per family, best family first.")
    headline: str
    remarks: list[str]
    progress: str
    counts: dict[str, int]
    expected_runs: int | None
    planned_levels: list[float] = Field(description="Sparsities of the plan's feasible points, rising.")
    dense_training_flops: float
    provenance: dict[str, str]
    ladder: list[DenseRungView] = Field(description="The larger dense models, smallest first.")
    multiplier: MultiplierView | None = Field(
        description="What the best family of all equals; null while it is provisional, or without a ladder."
    )


class CurveView(Answer):
    """The iso-FLOP curve."""

    points: list[CurvePointView]

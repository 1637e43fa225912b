"""The JSON of trials."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

TrialState = Literal["waiting", "running", "complete", "pruned", "infeasible", "failed", "cancelled"]
TrialKind = Literal["baseline", "search", "confirm", "ladder"]


class TrialView(BaseModel):
    """One configuration with one seed. Sizes and FLOPs are the plan's until the trial is complete, then counted."""

    number: int
    kind: TrialKind
    family: str
    configuration: dict[str, Any]
    configuration_key: str = Field(description="Equal for trials that differ in their seeds alone.")
    sparsity: float
    scale: str
    seed: int
    state: TrialState
    reason: str
    message: str
    created_at: datetime
    ended_at: datetime | None
    value: float | None = Field(description="The metric on the validation split.")
    test_value: float | None = Field(description="On the test split: baseline and confirmations alone.")
    forward_flops_per_sample: int | None
    executed_flops_per_sample: int | None
    flop_ratio: float | None = Field(description="Over dense's in the job's scope.")
    training_flops: float | None
    parameters: int | None
    nonzero_parameters: int | None
    training_seconds: float | None
    links: dict[str, str]


class AttemptView(BaseModel):
    """One execution of a trial."""

    number: int
    state: Literal["running", "finished", "handed_back", "lost", "failed", "cancelled"]
    worker: str
    slot: str
    started_at: datetime
    ended_at: datetime | None
    failure_class: str
    message: str
    environment: dict[str, Any] = Field(description="Versions, device, commit, and the exact specification.")
    log_path: str = Field(description="On the worker's machine.")


class ReportView(BaseModel):
    """One intermediate measurement."""

    step: int
    total_steps: int
    train_loss: float | None
    value: float | None
    training_flops: float
    sparsity: float | None
    churn: float | None = Field(description="Share of active weights replaced by the last mask update.")
    itop: float | None = Field(description="Share of maskable weights that were ever active.")
    seconds: float


class CheckpointView(BaseModel):
    """The newest complete checkpoint."""

    step: int
    path: str = Field(description="Relative to the worker's artifact folder.")
    created_at: datetime


class TrialDetail(TrialView):
    """A trial with its attempts and its course."""

    attempts: list[AttemptView]
    checkpoint: CheckpointView | None
    reports: list[ReportView] = Field(description="By step; a long course is thinned out evenly.")


class TrialPage(BaseModel):
    """A page of trials, by number."""

    items: list[TrialView]
    next_page_token: str | None


class MetricSeries(BaseModel):
    """A trial's course, each measure by itself as pairs (optimizer steps, value)."""

    number: int
    total_steps: int | None = Field(description="Null before the first report.")
    reports: int = Field(description="How many there are; each series is thinned to at most `points` of them.")
    train_loss: list[tuple[int, float]]
    value: list[tuple[int, float]]
    churn: list[tuple[int, float]]
    itop: list[tuple[int, float]]
    training_flops: list[tuple[int, float]]


class LogPiece(BaseModel):
    """A part of an attempt's output."""

    attempt: int
    text: str
    next_offset: int = Field(description="Bytes: ask for `offset=` this next.")
    size: int = Field(description="Bytes that there are now.")
    ended: bool = Field(description="Whether the attempt has ended: nothing will be added.")


class TrialColumns(BaseModel):
    """Trials by number: one list per column, all as long; a unit stands in a column's name."""

    last_event: int = Field(description="Ask with `since=` this next.")
    is_whole: bool = Field(description="Whether these are all trials of the job, or those that have changed alone.")
    columns: dict[str, list[str | int | float | None]] = Field(
        description="As of `trials/export`, without the job's own; times are seconds since 1970."
    )


class TimelineView(BaseModel):
    """Attempts by age: one list per column, all as long; times are seconds since 1970, an end null while it runs."""

    columns: dict[str, list[str | int | float | None]]

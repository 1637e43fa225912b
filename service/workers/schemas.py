"""The JSON of workers and slots."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


class SlotUse(BaseModel):
    """What runs on a slot. Of another project's it is only told that it runs."""

    job: str | None
    trial: int | None
    attempt: int | None
    since: datetime


class WorkerSlot(BaseModel):
    """A slot of a worker."""

    slot: str
    running: SlotUse | None = Field(description="Null: it is free.")


class WorkerView(BaseModel):
    """A worker as it last told of itself."""

    name: str
    host: str
    engine: str = Field(description="`local` or `ray`.")
    alive: bool = Field(description="Whether it has told of itself within its lease time.")
    state: Literal["alive", "stopped", "lost"]
    job: str | None = Field(description="The job that it drives, where its viewer may see it.")
    slots: list[WorkerSlot] = Field(description="On Ray only those where something runs: the cluster makes them.")
    versions: dict[str, Any]
    lease_ttl_s: float
    started_at: datetime
    last_seen_at: datetime
    stopped_at: datetime | None


class WorkerPage(BaseModel):
    """A page of workers, by name; those that were not seen for a week are forgotten."""

    items: list[WorkerView]
    next_page_token: str | None


class QuarantineDetail(BaseModel):
    """Why a slot gets no attempt for a while."""

    reason: Literal["losses"] = Field(description="The infrastructure lost the last attempts there, all of them.")
    message: str = Field(description="The last loss there.")
    losses: int = Field(description="In a row.")
    since: datetime
    until: datetime


class SlotView(BaseModel):
    """A place where attempts run."""

    slot: str
    worker: str | None = Field(description="Who has it; null where its worker is gone.")
    state: Literal["free", "busy", "quarantined"]
    running: SlotUse | None
    quarantine: QuarantineDetail | None


class SlotPage(BaseModel):
    """A page of slots, by name."""

    items: list[SlotView]
    next_page_token: str | None

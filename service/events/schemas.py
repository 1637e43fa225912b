"""The JSON of events."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class EventView(BaseModel):
    """One thing that happened to a job. Events of a job become visible in the order of their ids."""

    id: int
    at: datetime
    kind: str = Field(description="The noun and what became of it.")
    payload: dict[str, Any]


class EventPage(BaseModel):
    """A page of events, oldest first."""

    items: list[EventView]
    last_id: int = Field(description="Ask for `after=` this next.")
    ended: bool = Field(description="Whether the job has ended and these are its last: nothing is to be waited for.")

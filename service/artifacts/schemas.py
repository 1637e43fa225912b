"""The JSON of artifacts."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class ArtifactView(BaseModel):
    """A file of a trial."""

    name: str = Field(description="Unique in its trial; part of its address.")
    kind: Literal["tensors", "state", "log", "layers"] = Field(
        description="`tensors` (safetensors) and `state` (JSON) of a checkpoint, an attempt's output, or what its "
        "layers are (JSON: name, shape, weights, active ones, FLOPs)."
    )
    bytes: int
    attempt: int
    step: int | None = Field(description="Optimizer steps done, of a checkpoint.")
    sha256: str | None = Field(description="Of tensors, as the run recorded it.")
    modified_at: datetime
    href: str


class ArtifactList(BaseModel):
    """The files of a trial that are there."""

    items: list[ArtifactView]

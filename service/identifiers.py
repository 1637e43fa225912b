"""Identifiers in addresses: only what we could have made reaches the database."""

from typing import Annotated

from fastapi import Path

JOB_ID = r"job_[A-Za-z0-9_-]{1,64}"

JobId = Annotated[str, Path(pattern=f"^{JOB_ID}$", description="A job's id.", examples=["job_0m2x"])]
TrialNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="A trial's number in its job.")]

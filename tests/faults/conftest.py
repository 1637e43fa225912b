"""Processes that are killed, and what a job must look like after it."""

from tests.worker.conftest import workers

__all__ = ["workers"]

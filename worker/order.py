"""What crosses the border between a worker and its children: JSON on one line each."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from sparseift.records import TrialSpec
from worker.pruning import Bar

RUNNER = "sparseift.training.run:run"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a child needs to know once.

    Attributes:
        database_url: of `store.sessions.Database`; it travels by pipe, so that no process list shows a password.
        artifacts, data: folders.
        device, threads: of `sparseift.training.run.run`.
        lease_ttl_s: of its attempts.
        time_limit_s: of one attempt; None for no limit.
        hang_limit_s: longest silence of a training thread; None for no limit.
        leak_limit_bytes: by which an idle child's resident memory may have grown since it was started.
        gpu_fraction: of a shared GPU's memory, more than which its process may not take; None for no limit.
        runner: "module:attribute" with the signature of `sparseift.training.run.run`; the operator's choice.
    """

    database_url: str
    artifacts: str
    data: str
    device: str
    threads: int
    lease_ttl_s: float
    time_limit_s: float | None = None
    runner: str = RUNNER
    hang_limit_s: float | None = None
    leak_limit_bytes: int | None = None
    gpu_fraction: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `Setting(**value)` inverts it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt to run.

    Attributes:
        attempt_id, token: of its row; the token is its right to write there.
        trial: what to train.
        folder: this attempt's own, relative to the artifact root, unique over all databases: a stale attempt can
            never write into its successor's.
        resume_from: the trial's newest checkpoint, relative to the artifact root; None for a fresh start.
        bar: what the trial must not fall behind; None where it is trained to its end.
    """

    attempt_id: int
    token: str
    trial: TrialSpec
    folder: str
    resume_from: str | None
    bar: Bar | None = None

    @property
    def log_path(self) -> str:
        """Where the attempt's output goes, relative to the artifact root."""
        return log_path(self.folder)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return {
            "attempt_id": self.attempt_id,
            "token": self.token,
            "trial": self.trial.to_json(),
            "folder": self.folder,
            "resume_from": self.resume_from,
            "bar": self.bar.to_json() if self.bar is not None else None,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        bar = value.get("bar")
        return cls(
            **{
                **value,
                "trial": TrialSpec.from_json(value["trial"]),
                "bar": Bar.from_json(bar) if bar is not None else None,
            }
        )


def log_path(folder: str) -> str:
    """The log of the attempt with this folder, both relative to the artifact root."""
    return str(Path(folder) / "attempt.log")

"""How a job's runs went, summed up by the database; filled by `store.runs`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Trials of one kind and family that share a state and a reason.

    Attributes:
        trials: how many; first: the number of the first one, message: of one of them.
    """

    kind: str
    family: str
    state: str
    reason: str
    trials: int
    first: int
    message: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Attempts that did not finish, by how they ended and the class of failure."""

    state: str
    failure_class: str
    attempts: int
    message: str


@dataclass(frozen=True, slots=True)
class Environment:
    """What some attempts ran in.

    Attributes:
        facts: versions, platform, device, git commit, by name; what is not known is left out.
        attempts: how many.
    """

    facts: Mapping[str, str]
    attempts: int

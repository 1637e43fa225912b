"""What the store refuses, below `sparseift.errors.SparseIFTError`.

StoreError
├── Unavailable           the database cannot be opened or reached
├── NotFound              no row with that id                          (also a LookupError)
├── StateConflict         a transition that the row's state forbids; `state` holds that state
├── Fenced                a write with a lease token that is no longer valid: stop, somebody else may own the row
├── IdempotencyConflict   the same key was used for another job
├── QuotaExceeded         a project or token has as much as it may have
└── WrongRevision         the database's tables are not those of this program
"""

from sparseift.errors import SparseIFTError


class StoreError(SparseIFTError):
    """Whatever the store refuses."""


class Unavailable(StoreError):
    """The database cannot be opened or reached."""


class NotFound(StoreError, LookupError):
    """No row with that id."""


class StateConflict(StoreError):
    """A transition that the row's state forbids.

    Attributes:
        state: the row's current state.
    """

    def __init__(self, message: str, state: str) -> None:
        self.state = state
        super().__init__(message)


class Fenced(StoreError):
    """A write with a lease token that is no longer valid. Nothing was changed; the writer must stop."""


class IdempotencyConflict(StoreError):
    """The same idempotency key was used for another job."""


class QuotaExceeded(StoreError):
    """A project or token has as much as it may have; nothing must be committed.

    Attributes:
        kind: project | token. subject: its name or id. quota: active_jobs | device_hours. used, limit: in its unit.
    """

    def __init__(self, message: str, kind: str, subject: str, quota: str, *, used: float, limit: float) -> None:
        self.kind, self.subject, self.quota, self.used, self.limit = kind, subject, quota, used, limit
        super().__init__(message)


class WrongRevision(StoreError):
    """The database's tables are not those of this program."""

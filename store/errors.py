"""What the store refuses, below `sparseift.errors.SparseIFTError`.

StoreError
├── Unavailable           the database cannot be opened or reached
├── NotFound              no row with that id                          (also a LookupError)
├── StateConflict         a transition that the row's state forbids; `state` holds that state
├── Fenced                a write with a lease token that is no longer valid: stop, somebody else may own the row
├── IdempotencyConflict   the same key was used for another job
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


class WrongRevision(StoreError):
    """The database's tables are not those of this program."""

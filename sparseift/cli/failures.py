"""What the commands' exit codes mean, the error behind exit code 2, and how to go on after a lost answer."""

import shlex

from sparseift.client import DEFAULT_URL, ApiError, Unreachable
from sparseift.errors import InvalidValue, SparseIFTError, UnknownName

OK = 0
FAILED = 1  # the service refused, or something ended that should run
USAGE = 2  # the command line, the job file or the machine's state (a taken port) must change first
UNREACHABLE = 3  # no service answers at the address
JOB_FAILED = 4  # what was followed or waited for ended so
JOB_CANCELLED = 5
DETACHED = 130  # Ctrl-C while following: the job goes on

MEANINGS = {
    OK: "done",
    FAILED: "the service refused, or a program broke",
    USAGE: "the command line, a job file or a taken port must be put right first",
    UNREACHABLE: "no service answers",
    JOB_FAILED: "the job that was followed failed",
    JOB_CANCELLED: "the job that was followed was cancelled",
    DETACHED: "left by Ctrl-C while a job goes on",
}


class UsageProblem(SparseIFTError):
    """Something that the user can put right before anything was started."""


def exit_code(error: SparseIFTError) -> int:
    """The code that a command ends with when it stops at this error."""
    if isinstance(error, UsageProblem | UnknownName | InvalidValue):
        return USAGE
    return UNREACHABLE if isinstance(error, Unreachable) else FAILED


def to_go_on(error: ApiError, api: str, *words: str) -> ApiError:
    """The error, with the command that finds a job which may have been made although its answer was lost.

    Args:
        api: the service's address. words: of the command that was said, without its key.
    """
    if not error.idempotency_key:
        return error
    where = [] if api == DEFAULT_URL else ["--url", api]
    line = shlex.join(["sparseift", *words, "--key", error.idempotency_key, *where])
    return error.saying(f"{error}\nGo on with: {line}")


def job_exit_code(state: str) -> int:
    """The code that following a job ends with."""
    return {"succeeded": OK, "cancelled": JOB_CANCELLED}.get(state, JOB_FAILED)

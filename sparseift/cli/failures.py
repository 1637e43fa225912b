"""What the commands' exit codes mean, and the error behind exit code 2."""

from sparseift.errors import InvalidValue, SparseIFTError, UnknownName

OK = 0
FAILED = 1  # the job failed, the service refused, or something ended that should run
USAGE = 2  # the command line, the job file or the machine's state (a taken port) must change first
DETACHED = 130  # Ctrl-C while following: the job goes on


class UsageProblem(SparseIFTError):
    """Something that the user can put right before anything was started."""


def exit_code(error: SparseIFTError) -> int:
    """The code that a command ends with when it stops at this error."""
    return USAGE if isinstance(error, UsageProblem | UnknownName | InvalidValue) else FAILED

"""What somebody may have meant by a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """ " Did you mean 'search_trials'?", or nothing where no known name is near."""
    near = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""

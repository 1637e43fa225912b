"""Which of the offered formats an `Accept` header asks for (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from service.problems import Refused


def quality(accept: str, offered: str) -> float:
    """How much a format is wanted, 0 to 1: the most specific range that matches decides."""
    best = (-1, 0.0)
    kind = offered.partition("/")[0]
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        specific = {offered: 2, f"{kind}/*": 1, "*/*": 0}.get(name)
        if specific is not None and specific > best[0]:
            best = (specific, _q(parameters))
    return best[1]


def _q(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return 0.0
    return 1.0


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The best of `offered`; the earlier one where several are wanted alike, the first where nothing was said.

    Raises:
        Refused: none of them is wanted.
    """
    if not accept:
        return offered[0]
    wanted = [quality(accept, name) for name in offered]
    if max(wanted) <= 0.0:
        raise Refused("not-acceptable", f"This is offered as {', '.join(offered)}.", known=list(offered))
    return offered[wanted.index(max(wanted))]

"""What follows the `?` of an address: a name that its route does not know is refused, as in a body.

A typing error (`?dryrun=true`) would else do something else than what was asked for, without a word.
"""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.access.rights import OPEN
from service.methods import allowed
from service.problems import Refused

LONGEST = 60  # characters of a name that are shown


async def refuse_unknown(request: Request) -> None:
    """The dependency of every route; probes of `/healthz` and `/readyz` may say what they like.

    Raises:
        Refused: a name that the route does not know, with those that it does.
    """
    route = request.scope["route"]
    if not request.query_params or route.path in OPEN:
        return
    known = names(route)
    unknown = [name for name in request.query_params if name not in known]
    # `PATCH /v1/jobs/x:pause` also looks like `/v1/jobs/{job}`: that is a wrong method, and told so elsewhere
    if unknown and request.method in allowed(request.app.routes, request.url.path):
        legal = f"its parameters are {', '.join(known)}" if known else "it has none"
        sentence = f"this address has no such parameter; {legal}."
        errors = [{"field": name[:LONGEST], "message": sentence} for name in unknown]
        raise Refused("invalid-request", f"{unknown[0][:LONGEST]!a}: {sentence}", errors=errors)


def names(route: APIRoute) -> tuple[str, ...]:
    """The parameters that a route takes in the query, its dependencies' included."""
    return tuple(dict.fromkeys(_names(route.dependant)))


def _names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for inner in dependant.dependencies:
        yield from _names(inner)

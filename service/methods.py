"""Which methods an address takes: the header `Allow` of a 405 (RFC 9110 section 15.5.6)."""

import re
from collections.abc import Iterable

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path


def allowed(routes: Iterable[BaseRoute], path: str) -> list[str]:
    """The methods of all routes at an address, sorted; empty: there is none.

    `/v1/jobs/x:cancel` is also what `/v1/jobs/{job}` matches: the routes with the longest fixed text are meant.
    """
    found: dict[int, set[str]] = {}
    for context in iter_route_contexts(list(routes)):
        template = context.path or ""
        if compile_path(template)[0].match(path):
            fixed = len(re.sub(r"{[^}]*}", "", template))
            found.setdefault(fixed, set()).update(context.methods or ())
    return sorted(found[max(found)]) if found else []

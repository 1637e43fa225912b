"""What the client raises: the service's own sentences, and its absence."""

from collections.abc import Mapping
from typing import Any

import httpx

from sparseift.errors import SparseIFTError

RETRIED_STATUS = frozenset({502, 503, 504})

Json = dict[str, Any]


class ApiError(SparseIFTError):
    """The service refused a request.

    Attributes:
        status: HTTP status; 0 where no answer came at all.
        code: the problem's stable word ("unknown_name").
        errors: one entry per wrong field, as the service names them.
        problem: everything that the service said, such as the `known` names.
    """

    def __init__(
        self,
        message: str,
        status: int = 0,
        code: str = "",
        errors: tuple[Json, ...] = (),
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.code, self.errors, self.problem = status, code, errors, dict(problem or {})
        super().__init__(message)


class Unreachable(ApiError):
    """No service answers at the address."""


def is_away(error: ApiError) -> bool:
    """Whether trying again may help: no answer at all, or one that says so."""
    return isinstance(error, Unreachable) or error.status in RETRIED_STATUS


def checked(response: httpx.Response) -> httpx.Response:
    """The response, or its problem as an ApiError with the service's own sentence."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict) or "detail" not in problem:
        raise ApiError(
            f"{response.request.url} answered {response.status_code} without a sentence; is it a sparseift service?",
            response.status_code,
        )
    raise ApiError(
        str(problem["detail"]),
        response.status_code,
        problem.get("code", ""),
        tuple(problem.get("errors") or ()),
        problem,
    )

"""What the client raises: the service's own sentences, and its absence."""

import copy
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx

from sparseift.errors import SparseIFTError

RETRIED_STATUS = frozenset({429, 502, 503, 504})
RATE_LIMITED = "rate-limited"  # the code of a refusal that was given before the request was looked at
QUOTA_EXCEEDED = "quota-exceeded"  # a 429 that no waiting of seconds ends
NOTHING_DONE = (RATE_LIMITED, QUOTA_EXCEEDED, "planner-unavailable", "wrong-revision")

Json = dict[str, Any]


class ApiError(SparseIFTError):
    """The service refused a request.

    Attributes:
        status: HTTP status; 0 where no answer came at all.
        code: the problem's stable word ("unknown-name").
        errors: one entry per wrong field, as the service names them.
        problem: everything that the service said, such as the `known` names.
        retry_after_s: how long the service asks to wait before the next try; 0 where it does not say.
        is_unsure: whether what was asked may have been done all the same: the answer was lost, not the request.
        idempotency_key: of a submission that may have been made all the same; with it, it is made once.
    """

    def __init__(
        self,
        message: str,
        status: int = 0,
        code: str = "",
        errors: tuple[Json, ...] = (),
        problem: Mapping[str, Any] | None = None,
        *,
        retry_after_s: float = 0.0,
        is_unsure: bool = False,
    ) -> None:
        self.status, self.code, self.errors, self.problem = status, code, errors, dict(problem or {})
        self.retry_after_s, self.is_unsure, self.idempotency_key = retry_after_s, is_unsure, ""
        super().__init__(message)

    def saying(self, message: str) -> Self:
        """The same error in other words."""
        found = copy.copy(self)
        found.args = (message,)
        return found


class Unreachable(ApiError):
    """No service answers at the address."""


def is_away(error: ApiError) -> bool:
    """Whether trying again may help: no answer at all, or one that says so."""
    if isinstance(error, Unreachable):
        return True
    return error.status in RETRIED_STATUS and error.code != QUOTA_EXCEEDED


def checked(response: httpx.Response) -> httpx.Response:
    """The response, or its problem as an ApiError with the service's own sentence."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    status, wait_s = response.status_code, _retry_after_s(response.headers.get("Retry-After", ""))
    if not isinstance(problem, dict) or "detail" not in problem:
        raise ApiError(
            f"{response.request.url} answered {status} without a sentence; is it a sparseift service?",
            status,
            retry_after_s=wait_s,
            is_unsure=status >= 500,
        )
    code = problem.get("code", "")
    raise ApiError(
        str(problem["detail"]),
        status,
        code,
        tuple(problem.get("errors") or ()),
        problem,
        retry_after_s=wait_s,
        is_unsure=status >= 500 and code not in NOTHING_DONE,
    )


def _retry_after_s(said: str) -> float:
    """Seconds of a `Retry-After`, which is a number or a date (RFC 9110, section 10.2.3); 0 of what is neither."""
    if said.isascii() and said.isdigit():
        return float(said)
    with suppress(ValueError):
        at = parsedate_to_datetime(said)
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return 0.0

"""How the client asks: one connection pool, reads tried again with backoff, lists followed page by page."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import httpx

from sparseift.client import sse
from sparseift.client.errors import RATE_LIMITED, ApiError, Json, Unreachable, checked, is_away
from sparseift.errors import InvalidValue

DEFAULT_URL = "http://127.0.0.1:8000"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
BACKOFF = (0.1, 0.3, 0.6)  # seconds before the second, third and fourth try
LONGEST_PAUSE_S = 10.0  # before the next try, whatever a `Retry-After` says: a command must end some time
RETRY_WITHIN_S = 120.0  # of the first try; a try that ends later than that is the last
# A submission waits for the plan before it and then for its own, 300 s each at most (the service's `plan_timeout_s`);
# who hung up sooner would be told of a failure and have a job all the same.
PLAN_TIMEOUT_S = 630.0
PAGE = 500  # rows asked for at once: the most that the service gives
PARTIAL, NOTHING_MORE = 206, 204  # HTTP statuses


class Connection:
    """A connection to the API at `url`; a context manager that closes it.

    Args:
        url: the service's address, without a path.
        timeout_s: for one answer; curves with pictures are drawn by the service and may take seconds. What needs a
            plan (a submission, a dry run) has `PLAN_TIMEOUT_S`, where that is longer.
        transport: an httpx transport in place of the network, for tests against an app in this process.
        token: sent with every request as `Authorization: Bearer …`; None: the service asks for none.

    Raises:
        InvalidValue: a token that would cross a network in the clear, or that no header can carry.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._plan_timeout = httpx.Timeout(timeout_s, read=max(timeout_s, PLAN_TIMEOUT_S))
        # trust_env=False: a proxy from the environment must never see what is meant for loopback.
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout_s,
            transport=transport,
            trust_env=False,
            headers=_authorization(self.url, token),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the service answers and its database is at the right revision; one try, never raises."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def _ask(self, job_id: str, verb: str, **request: Any) -> Json:
        """A verb, which may be said again."""
        return self._json("POST", f"/v1/jobs/{job_id}:{verb}", retry=True, **request)

    def _pages(self, path: str, params: dict[str, Any], limit: int | None = None) -> Iterator[Json]:
        """The rows of all pages, or the first `limit` of them; no more are asked for than are given."""
        token: str | None = None
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(PAGE, limit)
            page = self._json("GET", path, params={**params, "limit": size} | ({"page_token": token} if token else {}))
            yield from page["items"]
            token = page.get("next_page_token")
            if not token:
                return
            limit = None if limit is None else limit - len(page["items"])

    def _stream(self, path: str, *, whole: bool = True, **request: Any) -> Iterator[bytes]:
        """An answer's bytes as they come. `whole` False: only the rest of a file is an answer.

        Raises:
            ApiError: refused, or broken off; the caller may go on from where it was.
        """
        with closing(self._send("GET", path, stream=True, **request)) as response:
            if not whole and response.status_code != PARTIAL:
                raise ApiError(f"{path} was asked for its rest and came whole.", response.status_code)
            try:
                yield from response.iter_bytes()
            except httpx.TransportError as error:
                raise self._unreachable(error) from error

    def _event_stream(self, job_id: str, after: int) -> Iterator[Json | None]:
        """One connection's events, then None where the service says that they are all."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after else {})
        with closing(self._send("GET", f"/v1/jobs/{job_id}/events", stream=True, headers=headers)) as response:
            if response.status_code == NOTHING_MORE:
                yield None
                return
            try:
                for kind, data in sse.messages(sse.lines(response.iter_bytes())):
                    yield None if kind == "end" else json.loads(data)
            except httpx.TransportError as error:
                raise self._unreachable(error) from error

    def _json(self, method: str, path: str, *, retry: bool = True, **request: Any) -> Json:
        value: Json = self._send(method, path, retry=retry, **request).json()
        return value

    def _send(self, method: str, path: str, *, retry: bool = True, **request: Any) -> httpx.Response:
        """A successful answer, after pauses where the service was away or asked for them.

        Args:
            retry: whether the request may be said again when it may have been heard. One that came too often was not,
                and is always said again.
            request: as `_once`.
        """
        begun, is_unsure = time.monotonic(), False
        for pause in (*BACKOFF, None):
            try:
                return self._once(method, path, **request)
            except ApiError as error:
                error.is_unsure = is_unsure = is_unsure or error.is_unsure
                is_late = time.monotonic() - begun > RETRY_WITHIN_S
                if pause is None or is_late or not (is_away(error) and (retry or error.code == RATE_LIMITED)):
                    raise
                time.sleep(max(pause, min(error.retry_after_s, LONGEST_PAUSE_S)))
        raise AssertionError("the last try has no pause: it returns or raises")

    def _once(self, method: str, path: str, *, stream: bool = False, **request: Any) -> httpx.Response:
        try:
            response = self._http.send(self._http.build_request(method, path, **request), stream=stream)
            if stream and not response.is_success:
                response.read()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        return checked(response)

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, httpx.ConnectError):
            return Unreachable(f"No sparseift service answers at {self.url}; start one with `sparseift serve`.")
        sentence = f"The sparseift service at {self.url} did not answer ({type(error).__name__})."
        return Unreachable(sentence, is_unsure=not isinstance(error, httpx.ConnectTimeout))


def given(**wanted: Any) -> Json:
    """Parameters without those that are not wanted."""
    return {name: value for name, value in wanted.items() if value not in (None, "", [], ())}


def _authorization(url: str, token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidValue("The token holds spaces or characters that no token has.")
    address = httpx.URL(url)
    if address.scheme != "https" and address.host not in LOOPBACK_NAMES:
        raise InvalidValue(f"A token would cross the network to {address.host} in the clear; use https://.")
    return {"Authorization": f"Bearer {token}"}

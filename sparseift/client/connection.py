"""How the client asks: one connection pool, reads tried again with backoff, lists followed page by page."""

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from sparseift.client import sse
from sparseift.client.errors import RETRIED_STATUS, ApiError, Json, Unreachable, checked
from sparseift.errors import InvalidValue

DEFAULT_URL = "http://127.0.0.1:8000"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
BACKOFF = (0.1, 0.3, 0.6)  # seconds before the second, third and fourth try
PAGE = 100  # rows asked for at once
PARTIAL, NOTHING_MORE = 206, 204  # HTTP statuses


class Connection:
    """A connection to the API at `url`; a context manager that closes it.

    Args:
        url: the service's address, without a path.
        timeout_s: for one answer; curves with pictures are drawn by the service and may take seconds.
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

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[Json]:
        token: str | None = None
        while True:
            page = self._json("GET", path, params={**params, "limit": PAGE} | ({"page_token": token} if token else {}))
            yield from page["items"]
            token = page.get("next_page_token")
            if not token:
                return

    def _stream(self, path: str, *, whole: bool = True, **request: Any) -> Iterator[bytes]:
        """An answer's bytes as they come. `whole` False: only the rest of a file is an answer.

        Raises:
            ApiError: refused, or broken off; the caller may go on from where it was.
        """
        try:
            with self._http.stream("GET", path, **request) as response:
                if not response.is_success:
                    response.read()
                checked(response)
                if not whole and response.status_code != PARTIAL:
                    raise ApiError(f"{path} was asked for its rest and came whole.", response.status_code)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _event_stream(self, job_id: str, after: int) -> Iterator[Json | None]:
        """One connection's events, then None where the service says that they are all."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after else {})
        try:
            with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
                if not response.is_success:
                    response.read()
                if checked(response).status_code == NOTHING_MORE:
                    yield None
                    return
                for kind, data in sse.messages(response.iter_lines()):
                    yield None if kind == "end" else json.loads(data)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _json(self, method: str, path: str, *, retry: bool = True, **request: Any) -> Json:
        value: Json = self._send(method, path, retry=retry, **request).json()
        return value

    def _send(self, method: str, path: str, *, retry: bool = True, **request: Any) -> httpx.Response:
        for pause in (*BACKOFF, None) if retry else (None,):
            try:
                response = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if pause is None:
                    raise self._unreachable(error) from error
            else:
                if response.status_code not in RETRIED_STATUS or pause is None:
                    return checked(response)
            time.sleep(pause)
        raise AssertionError("the last try has no pause: it returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, httpx.ConnectError):
            return Unreachable(f"No sparseift service answers at {self.url}; start one with `sparseift serve`.")
        return Unreachable(f"The sparseift service at {self.url} did not answer ({type(error).__name__}).")


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

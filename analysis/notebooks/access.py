"""Whether viewers must sign in, and as whom the service takes them: asked of the service, never decided here."""

import hashlib
import time
from collections import OrderedDict, deque

import httpx

from analysis.notebooks.api import tls

KNOWN_FOR_S = 15.0  # an answer about tokens holds so long
REMEMBERED = 1024  # tokens that were live lately, by digest; clients that sent wrong ones
TIMEOUT_S = 5.0
WRONG_TOKENS, WRONG_WITHIN_S = 8, 60.0  # from one address, before it must wait


class Access:
    """The service's word on tokens.

    Args:
        url: of the service.
        always: viewers must sign in even where the service asks for no token (it is then asked which are right).
    """

    def __init__(self, url: str, *, always: bool = False) -> None:
        self._url, self._always = url.rstrip("/"), always
        self._asked_at, self._is_required = -KNOWN_FOR_S, False
        self.is_away = False  # whether the service did not answer when it was last asked
        self._live: OrderedDict[str, tuple[float, str]] = OrderedDict()  # digest -> (until, name)
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()  # address -> times

    async def is_required(self) -> bool:
        """Whether a viewer needs a token. While the service is away: as it was before, and at first no."""
        if self._always:
            return True
        if time.monotonic() - self._asked_at >= KNOWN_FOR_S:
            status, _ = await self._me("")
            if status:
                self._is_required = status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
                self._asked_at = time.monotonic()
        return self._is_required

    async def refusal(self, token: str) -> str | None:
        """Why the service does not take this token, in a sentence; None where it does."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        if self._live.get(digest, (0.0, ""))[0] > time.monotonic():
            return None
        status, body = await self._me(token)
        if status == 0:
            return f"The service at {self._url} does not answer; try again."
        if status != httpx.codes.OK:
            self._live.pop(digest, None)
            return str(body.get("detail") or f"The service answered {status}.")
        self._live[digest] = (time.monotonic() + KNOWN_FOR_S, str(body.get("name", "")))
        self._live.move_to_end(digest)
        while len(self._live) > REMEMBERED:
            self._live.popitem(last=False)
        return None

    async def is_dead(self, token: str) -> bool:
        """Whether the service says that this token is not right, or no more."""
        return await self.refusal(token) is not None and not self.is_away

    def name(self, token: str) -> str:
        """The token's name, of one that was live lately."""
        return self._live.get(hashlib.sha256(token.encode()).hexdigest(), (0.0, ""))[1]

    def must_wait(self, address: str) -> bool:
        """Whether this address has sent too many wrong tokens lately."""
        times = self._wrong.get(address, deque())
        while times and times[0] < time.monotonic() - WRONG_WITHIN_S:
            times.popleft()
        return len(times) >= WRONG_TOKENS

    def note_wrong(self, address: str) -> None:
        """Remembers a wrong token of this address."""
        self._wrong.setdefault(address, deque(maxlen=WRONG_TOKENS)).append(time.monotonic())
        self._wrong.move_to_end(address)
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)

    async def _me(self, token: str) -> tuple[int, dict[str, object]]:
        """Status and body of `GET /v1/me`; status 0 where no answer came."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, verify=tls()) as http:
                answer = await http.get(f"{self._url}/v1/me", headers=headers)
        except (httpx.TransportError, UnicodeError):
            self.is_away = True
            return 0, {}
        self.is_away = False
        try:
            body = answer.json()
        except ValueError:
            body = {}
        return answer.status_code, body if isinstance(body, dict) else {}

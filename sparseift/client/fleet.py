"""What is asked of workers, catalogs and tokens."""

from collections.abc import Iterator
from typing import Literal

from sparseift.client.connection import Connection
from sparseift.client.errors import Json


class Fleet(Connection):
    """Workers and slots, catalogs, tokens and the audit log."""

    def workers(self) -> list[Json]:
        """The workers that were seen lately."""
        return list(self._pages("/v1/workers", {}))

    def slots(self) -> list[Json]:
        """The places where attempts run, with what runs there and which are quarantined."""
        return list(self._pages("/v1/slots", {}))

    def release_slot(self, slot: str) -> Json:
        """Lets a slot out of quarantine."""
        return self._json("POST", f"/v1/slots/{slot}:release", retry=True)

    def me(self) -> Json:
        """Whom the service takes this client for: scopes, project, quotas."""
        return self._json("GET", "/v1/me")

    def create_token(
        self, name: str, scope: Literal["read", "submit", "admin"], project: str | None, days: float | None = 90.0
    ) -> Json:
        """Makes a token, whose secret is in this answer alone; `days` None: it never expires. Never sent twice."""
        body = {"name": name, "scope": scope, "project": project, "expires_in_days": days}
        return self._json("POST", "/v1/tokens", json=body, retry=False)

    def tokens(self) -> Iterator[Json]:
        """The tokens, newest first, page by page; expired and revoked ones too."""
        return self._pages("/v1/tokens", {})

    def revoke_token(self, token_id: str) -> None:
        """Refuses a token from now on."""
        self._send("DELETE", f"/v1/tokens/{token_id}", retry=True)

    def audit(self) -> Iterator[Json]:
        """Who asked to change what, newest first, page by page."""
        return self._pages("/v1/audit", {})

    def catalog(self, noun: Literal["families", "models", "datasets"]) -> list[Json]:
        """A catalog: names, summaries and arguments."""
        items: list[Json] = self._json("GET", f"/v1/{noun}")["items"]
        return items

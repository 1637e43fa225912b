"""What is asked of tokens, quotas and the audit log."""

from collections.abc import Iterator
from typing import Literal

from sparseift.client.connection import Connection
from sparseift.client.errors import Json

QuotaKind = Literal["project", "token"]


class Access(Connection):
    """Who may ask, how much, and who has asked."""

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

    def token(self, token_id: str) -> Json:
        """One token, without its secret."""
        return self._json("GET", f"/v1/tokens/{token_id}")

    def quotas(self) -> Iterator[Json]:
        """The quotas by kind and subject, page by page."""
        return self._pages("/v1/quotas", {})

    def quota(self, kind: QuotaKind, subject: str) -> Json:
        """What a project, or the token of that id, may use; every limit is None where none was set."""
        return self._json("GET", f"/v1/quotas/{kind}/{subject}")

    def set_quota(
        self,
        kind: QuotaKind,
        subject: str,
        *,
        active_jobs: int | None = None,
        device_hours: float | None = None,
        running_jobs: int | None = None,
    ) -> Json:
        """What a project, or the token of that id, may use, in place of the quota before; None limits nothing."""
        body = {"active_jobs": active_jobs, "device_hours": device_hours, "running_jobs": running_jobs}
        return self._json("PUT", f"/v1/quotas/{kind}/{subject}", json=body)

    def remove_quota(self, kind: QuotaKind, subject: str) -> None:
        """Takes a quota away: nothing is limited."""
        self._send("DELETE", f"/v1/quotas/{kind}/{subject}")

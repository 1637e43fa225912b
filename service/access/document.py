"""What the OpenAPI document says of access: the scheme, each operation's scope, and the refusals that all share."""

from typing import Any

from service import problems
from service.access.rights import scope_for

SCHEME = "bearer"
DESCRIPTION = (
    "A token `sift_<id>_<secret>`, made by `POST /v1/tokens` or `sparseift tokens create`. Scopes: read < submit < "
    "admin; `x-scope` names what an operation needs. A service on loopback asks for none by default."
)
_TOKEN: dict[str, Any] = {
    "id": "tok_1k5x0z3w8qs7h2m4d9rt6b",
    "name": "nightly searches",
    "project": "vision",
    "scope": "submit",
    "created_by": "",
    "created_at": "2026-05-04T09:30:00Z",
    "expires_at": "2026-08-02T09:30:00Z",
    "last_used_at": None,
    "revoked_at": None,
}
_LIMITS: dict[str, Any] = {"active_jobs": 4, "device_hours": 200.0, "running_jobs": 2}
_QUOTA: dict[str, Any] = {"kind": "project", "subject": "vision", **_LIMITS}
_USED: dict[str, Any] = {**_QUOTA, "used_active_jobs": 1, "used_device_hours": 12.5, "used_running_jobs": 1}
EXAMPLES: dict[str, dict[str, Any]] = {
    "TokenBody": {"name": "nightly searches", "scope": "submit", "project": "vision"},
    "TokenView": _TOKEN,
    "NewToken": {**_TOKEN, "token": f"sift_{_TOKEN['id']}_{'0' * 40}"},
    "QuotaBody": _LIMITS,
    "QuotaView": _QUOTA,
    "UsedQuota": _USED,
    "Me": {
        "token_id": _TOKEN["id"],
        "name": _TOKEN["name"],
        "project": "vision",
        "scopes": ["read", "submit"],
        "expires_at": _TOKEN["expires_at"],
        "quotas": [_USED],
    },
    "AuditView": {
        "id": 4711,
        "at": "2026-05-04T09:31:04.250000Z",
        "token_id": _TOKEN["id"],
        "project": "vision",
        "action": "cancel_job",
        "target": "/v1/jobs/job_1k5x0z3w8qs7h2m4d9rt6b:cancel",
        "status": 200,
        "client": "192.0.2.7",
        "request_id": "5f1f7c0ffee0aa17",
    },
}
UNKNOWN, FORBIDDEN, TOO_OFTEN = ("token-missing", "token-invalid"), ("scope-missing",), ("rate-limited",)
RETRY_AFTER = {"Retry-After": {"description": "Seconds, with `rate-limited`.", "schema": {"type": "integer"}}}
CHALLENGE = {"WWW-Authenticate": {"description": "Asks for a bearer token.", "schema": {"type": "string"}}}


def secure(made: dict[str, Any], *, required: bool) -> None:
    """Add it to a document.

    Args:
        required: whether the service asks for tokens; else they are optional in the document.
    """
    scheme = {"type": "http", "scheme": "bearer", "description": DESCRIPTION}
    made.setdefault("components", {}).setdefault("securitySchemes", {})[SCHEME] = scheme
    for path, item in made["paths"].items():
        for method, operation in item.items():
            wanted = scope_for(method.upper(), path)
            if wanted is None:
                operation["security"] = []
                continue
            operation["security"] = [{SCHEME: []}] if required else [{SCHEME: []}, {}]
            operation["x-scope"] = wanted
            for codes, headers in ((UNKNOWN, CHALLENGE), (FORBIDDEN, {}), (TOO_OFTEN, RETRY_AFTER)):
                _add(operation["responses"], codes, headers)


def _add(responses: dict[str, Any], codes: tuple[str, ...], headers: dict[str, Any]) -> None:
    """Add the refusals of one status, and the headers that come with them."""
    problems.tell(responses, *codes)
    if headers:
        responses[str(problems.CODES[codes[0]][0])].setdefault("headers", {}).update(headers)

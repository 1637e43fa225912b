"""/v1/tokens: make, list, show and revoke tokens. /v1/me: who asks."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Response

from service import pages, problems
from service.access.schemas import Me, NewToken, TokenBody, TokenPage, TokenView, UsedQuota
from service.access.viewer import Seen
from service.context import Here
from service.times import utc
from store import quotas, tokens
from store.tables import Token

router = APIRouter(prefix="/v1", tags=["access"])

TokenId = Annotated[
    str, Path(pattern=f"^{tokens.TOKEN_ID}$", description="A token's id.", examples=["tok_1k5x0z3w8qs7h2m4d9rt6b"])
]


def fields(row: Token) -> dict[str, Any]:
    """The fields of a `TokenView`."""
    return {
        "id": row.id,
        "name": row.name,
        "project": row.project,
        "scope": row.scope,
        "created_by": row.created_by,
        "created_at": utc(row.created_at_s),
        "expires_at": utc(row.expires_at_s),
        "last_used_at": utc(row.last_used_at_s),
        "revoked_at": utc(row.revoked_at_s),
    }


@router.post(
    "/tokens",
    status_code=201,
    response_model=NewToken,
    summary="Make a token",
    responses={
        **problems.documented("invalid-request", "malformed-body", "body-too-large", "other-project"),
        201: {"headers": {"Location": {"description": "The token's address.", "schema": {"type": "string"}}}},
    },
)
def create_token(here: Here, asks: Seen, response: Response, body: Annotated[TokenBody, Body()]) -> NewToken:
    """Its secret is in this answer alone. An admin of one project makes tokens for that project."""
    if asks.project is not None and body.project != asks.project:
        raise problems.Refused("other-project", f"This token makes others for project '{asks.project}' only.")
    with here.database.write() as session:
        row, given = tokens.create(
            session, body.name, body.scope, body.project, days=body.expires_in_days, created_by=asks.token_id or ""
        )
    response.headers["Location"] = f"/v1/tokens/{row.id}"
    return NewToken(**fields(row), token=given)


@router.get(
    "/tokens", response_model=TokenPage, summary="List tokens", responses=problems.documented("invalid-request")
)
def list_tokens(here: Here, asks: Seen, limit: pages.Limit = 50, page_token: pages.PageToken = None) -> TokenPage:
    """Newest first, expired and revoked ones too; an admin of one project sees that project's."""
    after = pages.key("tokens", page_token, tokens.TOKEN_ID)
    with here.database.read() as session:
        rows = tokens.page(session, after=after, limit=limit + 1, project=asks.project)
    found, last = pages.cut(rows, limit)
    items = [TokenView(**fields(row)) for row in found]
    return TokenPage(items=items, next_page_token=pages.token("tokens", last.id) if last else None)


@router.get(
    "/tokens/{token}", response_model=TokenView, summary="Show a token", responses=problems.documented("not-found")
)
def show_token(here: Here, asks: Seen, token: TokenId) -> TokenView:
    """Never its secret, which nobody has."""
    with here.database.read() as session:
        return TokenView(**fields(tokens.get(session, token, project=asks.project)))


@router.delete(
    "/tokens/{token}",
    status_code=204,
    response_class=Response,
    summary="Revoke a token",
    responses=problems.documented("not-found"),
)
def revoke_token(here: Here, asks: Seen, token: TokenId) -> Response:
    """It is refused from now on; revoking it again changes nothing. Its row stays, for the audit log."""
    with here.database.write() as session:
        tokens.revoke(session, token, project=asks.project)
    return Response(status_code=204)


@router.get("/me", response_model=Me, summary="Who asks")
def show_me(here: Here, asks: Seen) -> Me:
    """The token's name, project, scopes and expiry, and what is used of its quotas."""
    subjects = [("token", asks.token_id), ("project", asks.project)]
    used, expires_at_s = [], None
    with here.database.read() as session:
        for kind, subject in subjects:
            if subject is None:
                continue
            quota = quotas.get(session, kind, subject)
            if (quota.active_jobs, quota.device_hours, quota.running_jobs) == (None, None, None):
                continue
            now = quotas.usage(session, kind, subject)
            used.append(
                UsedQuota(
                    kind=kind,  # type: ignore[arg-type]
                    subject=subject,
                    active_jobs=quota.active_jobs,
                    device_hours=quota.device_hours,
                    running_jobs=quota.running_jobs,
                    used_active_jobs=now.active_jobs,
                    used_device_hours=now.device_hours,
                    used_running_jobs=now.running_jobs,
                )
            )
        if asks.token_id is not None:
            expires_at_s = tokens.get(session, asks.token_id).expires_at_s
    scopes = [scope for scope in tokens.SCOPES if scope in asks.scopes]
    return Me(
        token_id=asks.token_id,
        name=asks.name,
        project=asks.project,
        scopes=scopes,  # type: ignore[arg-type]
        expires_at=utc(expires_at_s),
        quotas=used,
    )

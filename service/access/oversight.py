"""/v1/audit: who changed what. /v1/quotas: what projects and tokens may use."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from sqlalchemy.orm import Session

from service import pages, preconditions, problems
from service.access.schemas import AuditPage, AuditView, Kind, QuotaBody, QuotaPage, QuotaView
from service.access.viewer import Seen, Viewer
from service.context import Here
from service.preconditions import ETAG, IfMatch
from service.times import utc
from sparseift.records import digest
from store import audit, quotas, tokens
from store.tables import Quota

router = APIRouter(prefix="/v1", tags=["access"])

SUBJECT = rf"(?:{tokens.PROJECT}|{tokens.TOKEN_ID})"
Subject = Annotated[
    str, Path(pattern=f"^{SUBJECT}$", description="The project's name or the token's id.", examples=["vision"])
]
OfKind = Annotated[Kind, Path(description="project | token")]


@router.get(
    "/audit", response_model=AuditPage, summary="The audit log", responses=problems.documented("invalid-request")
)
def list_audit(here: Here, asks: Seen, limit: pages.Limit = 100, page_token: pages.PageToken = None) -> AuditPage:
    """Every request that would change something and carried a token that is or was one, also refused ones, newest
    first; of those that came too often the first alone, until one passes again. An admin of one project
    sees that project's tokens.
    """
    after = pages.key("audit", page_token, r"\d{1,18}")
    with here.database.read() as session:
        rows = audit.page(session, after=int(after) if after else None, limit=limit + 1, project=asks.project)
    found, last = pages.cut(rows, limit)
    items = [
        AuditView(
            id=row.id,
            at=utc(row.at_s),
            token_id=row.token_id,
            project=row.project,
            action=row.action,
            target=row.target,
            status=row.status,
            client=row.client,
            request_id=row.request_id,
        )
        for row in found
    ]
    return AuditPage(items=items, next_page_token=pages.token("audit", last.id) if last else None)


@router.get(
    "/quotas",
    response_model=QuotaPage,
    summary="List quotas",
    responses=problems.documented("invalid-request", "other-project"),
)
def list_quotas(here: Here, asks: Seen, limit: pages.Limit = 100, page_token: pages.PageToken = None) -> QuotaPage:
    """By kind and subject; for admins of every project."""
    _operator(asks)
    given = pages.key("quotas", page_token, rf"(?:project|token)/{SUBJECT}")
    kind, _, subject = (given or "").partition("/")
    with here.database.read() as session:
        rows = quotas.page(session, after=(kind, subject) if given else None, limit=limit + 1)
    found, last = pages.cut(rows, limit)
    token = pages.token("quotas", f"{last.kind}/{last.subject}") if last else None
    return QuotaPage(items=[view(row) for row in found], next_page_token=token)


@router.get(
    "/quotas/{kind}/{subject}",
    response_model=QuotaView,
    summary="Show a quota",
    responses={**problems.documented("not-found", "other-project"), 200: {"headers": ETAG}},
)
def show_quota(here: Here, asks: Seen, kind: OfKind, subject: Subject, response: Response) -> QuotaView:
    """Where none was set, nothing is limited. Its `ETag` is what `If-Match` of a change takes."""
    _operator(asks)
    with here.database.read() as session:
        found = view(quotas.get(session, kind, subject))
    response.headers["ETag"] = etag(found)
    return found


@router.put(
    "/quotas/{kind}/{subject}",
    response_model=QuotaView,
    summary="Set a quota",
    responses={
        **problems.documented(
            "not-found", "invalid-request", "malformed-body", "body-too-large", "other-project", "stale-etag"
        ),
        200: {"headers": ETAG},
    },
)
def put_quota(
    here: Here,
    asks: Seen,
    kind: OfKind,
    subject: Subject,
    response: Response,
    body: Annotated[QuotaBody, Body()],
    if_match: IfMatch = None,
) -> QuotaView:
    """In place of the one before; null limits nothing. It holds from the next job on: what runs goes on."""
    _operator(asks)
    with here.database.write() as session:
        if kind == "token":
            tokens.get(session, subject)
        _require_match(session, kind, subject, if_match)
        quotas.put(session, kind, subject, body.active_jobs, body.device_hours, body.running_jobs)
    put = QuotaView(kind=kind, subject=subject, **body.model_dump())
    response.headers["ETag"] = etag(put)
    return put


@router.delete(
    "/quotas/{kind}/{subject}",
    status_code=204,
    response_class=Response,
    summary="Take a quota away",
    responses=problems.documented("not-found", "other-project", "stale-etag"),
)
def delete_quota(here: Here, asks: Seen, kind: OfKind, subject: Subject, if_match: IfMatch = None) -> Response:
    """Without one nothing is limited; where there was none, nothing changes."""
    _operator(asks)
    with here.database.write() as session:
        _require_match(session, kind, subject, if_match)
        quotas.put(session, kind, subject, None, None)
    return Response(status_code=204)


def view(row: Quota) -> QuotaView:
    """A quota as JSON."""
    kind: Kind = "token" if row.kind == "token" else "project"
    return QuotaView(
        kind=kind,
        subject=row.subject,
        active_jobs=row.active_jobs,
        device_hours=row.device_hours,
        running_jobs=row.running_jobs,
    )


def etag(quota: QuotaView) -> str:
    """Names a quota's limits."""
    return f'"{digest(quota.model_dump(), 24)}"'


def _require_match(session: Session, kind: str, subject: str, if_match: str | None) -> None:
    if if_match is not None:
        preconditions.require(if_match, etag(view(quotas.get(session, kind, subject, lock=True))), "quota")


def _operator(asks: Viewer) -> None:
    """An admin of one project could lift its own quota."""
    if asks.project is not None:
        raise problems.Refused("other-project", "Quotas are set by admins of every project.")

"""The audit log: who asked to change what, and how it was answered. Rows are written once and never changed."""

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.clock import now
from store.tables import Audit

PRUNED_AT_ONCE = 20  # old rows that one new row takes away: more than come, so the log's age stays bounded
LONGEST_TARGET = 8_000  # characters that are kept: a path and 200 jobs


def append(
    session: Session,
    *,
    token_id: str,
    project: str | None,
    action: str,
    target: str,
    status: int,
    client: str,
    request_id: str,
    days: float,
) -> None:
    """Add a row, and take the oldest of those away that are older than `days`.

    Args:
        token_id: '' where no token was asked for. project: the token's; None: every project.
        status: of the HTTP answer.
    """
    session.execute(
        insert(Audit).values(
            at_s=now(),
            token_id=token_id,
            project=project,
            action=action,
            target=printable(target)[:LONGEST_TARGET],
            status=status,
            client=client,
            request_id=request_id,
        )
    )
    old = select(Audit.id).where(Audit.at_s < now() - days * 86_400.0).order_by(Audit.at_s).limit(PRUNED_AT_ONCE)
    session.execute(delete(Audit).where(Audit.id.in_(old.scalar_subquery())))


def printable(text: str) -> str:
    """A path as every database and terminal can hold it: nobody stays out of the log by a NUL in it."""
    return "".join(c if c.isprintable() and not 0xD800 <= ord(c) < 0xE000 else ascii(c)[1:-1] for c in text)


def page(session: Session, *, after: int | None, limit: int, project: str | None = None) -> list[Audit]:
    """Rows before `after` (None: from the newest on), newest first; of one project's tokens where that is given."""
    query = select(Audit).order_by(Audit.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Audit.id < after)
    if project is not None:
        query = query.where(Audit.project == project)
    return list(session.scalars(query))

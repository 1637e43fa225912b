"""Bearer tokens `sift_<id>_<secret>`: the id is public, the secret is shown once, and only a hash is kept.

A fast hash is enough: the secret has 200 random bits, so there is nothing to guess that a slow one would protect.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from store.clock import now, now_s
from store.errors import NotFound
from store.ids import ALPHABET, new_id
from store.tables import Token

SCOPES = ("read", "submit", "admin")  # each includes those before it
SECRET_CHARACTERS = 40  # of 5 random bits each
TOKEN_ID = r"tok_[0-9a-z]{22}"
SHAPE = re.compile(rf"sift_({TOKEN_ID})_[0-9a-z]{{{SECRET_CHARACTERS}}}", re.ASCII)
PROJECT = r"[a-z0-9][a-z0-9_.-]{0,62}"
USED_EVERY_S = 60.0  # `last_used_at_s` is written at most so often
DEFAULT_DAYS = 90.0
LONGEST_DAYS = 3650.0

Standing = Literal["live", "expired", "invalid"]


@dataclass(frozen=True, slots=True)
class Presented:
    """What a presented token is worth.

    Attributes:
        standing: "expired" is told only to who has the secret; unknown, forged and revoked ones are all "invalid".
        token: its row, where the secret was right.
        is_touch_due: whether its last use was written so long ago that this one is to be recorded.
    """

    standing: Standing
    token: Token | None = None
    is_touch_due: bool = False


def digest(given: str) -> str:
    """The hash that is kept of a token."""
    return hashlib.sha256(given.encode()).hexdigest()


def create(
    session: Session,
    name: str,
    scope: str,
    project: str | None,
    *,
    days: float | None = DEFAULT_DAYS,
    created_by: str = "",
) -> tuple[Token, str]:
    """A new token's row, and the token itself, which nobody can read again.

    Args:
        scope: the highest of `SCOPES` that it has.
        project: whose jobs it sees; None: every project's, with the scope admin alone.
        days: until it expires; None: never.
        created_by: the id of the token that asked.

    Raises:
        InvalidValue: with the legal values.
    """
    if scope not in SCOPES:
        raise InvalidValue(f"A token's scope cannot be '{scope}'; it is one of {', '.join(SCOPES)}.")
    if project is None and scope != "admin":
        raise InvalidValue(f"A token of scope '{scope}' belongs to one project; only 'admin' may be for all of them.")
    if project is not None and re.fullmatch(PROJECT, project, re.ASCII) is None:
        raise InvalidValue(
            f"A project cannot be called {project[:80]!a}; use lower-case letters, digits, '_', '.' and '-', "
            "at most 63, beginning with a letter or digit."
        )
    if days is not None and not 0.0 < days <= LONGEST_DAYS:
        raise InvalidValue(f"A token cannot last {days:g} days; it must lie in (0, {LONGEST_DAYS:g}], or never expire.")
    token_id = new_id("tok")
    given = f"sift_{token_id}_{''.join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARACTERS))}"
    at_s = now_s(session)
    row = Token(
        id=token_id,
        name=name,
        project=project,
        scope=scope,
        secret_hash=digest(given),
        created_by=created_by,
        created_at_s=at_s,
        expires_at_s=None if days is None else at_s + days * 86_400.0,
    )
    session.add(row)
    session.flush()
    return row, given


def present(session: Session, given: str) -> Presented:
    """What a presented token is worth; takes as long for a wrong secret as for a right one."""
    found = SHAPE.fullmatch(given)
    rows = session.execute(select(Token, now()).where(Token.id == found[1])).one_or_none() if found else None
    is_right = hmac.compare_digest(digest(given), rows[0].secret_hash if rows else digest(""))
    if rows is None or not is_right:
        return Presented("invalid")
    row, at_s = rows
    if row.revoked_at_s is not None:
        return Presented("invalid", row)
    if row.expires_at_s is not None and row.expires_at_s <= at_s:
        return Presented("expired", row)
    return Presented("live", row, row.last_used_at_s is None or at_s - row.last_used_at_s > USED_EVERY_S)


def is_live(session: Session, token_id: str) -> bool:
    """Whether a token may still be used."""
    return session.scalars(select(Token.id).where(Token.id == token_id, _live())).one_or_none() is not None


def touch(session: Session, token_id: str) -> None:
    """Record a use."""
    session.execute(update(Token).where(Token.id == token_id).values(last_used_at_s=now()))


def get(session: Session, token_id: str, *, project: str | None = None) -> Token:
    """One token, of one project where that is given.

    Raises:
        NotFound: there is none of that id (in that project).
    """
    row = session.scalars(_of(project).where(Token.id == token_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no token '{token_id}'.")
    return row


def page(session: Session, *, after: str | None, limit: int, project: str | None = None) -> list[Token]:
    """Tokens older than `after` (None: from the newest on), newest first, revoked and expired ones too."""
    query = _of(project).order_by(Token.id.desc()).limit(limit)
    return list(session.scalars(query if after is None else query.where(Token.id < after)))


def revoke(session: Session, token_id: str, *, project: str | None = None) -> None:
    """End a token for good; one that is revoked already keeps its time.

    Raises:
        NotFound: there is none of that id (in that project).
    """
    get(session, token_id, project=project)
    session.execute(
        update(Token).where(Token.id == token_id, Token.revoked_at_s.is_(None)).values(revoked_at_s=now()),
    )


def has_admin(session: Session) -> bool:
    """Whether anybody could make tokens over HTTP: a live one of scope admin for every project."""
    query = select(Token.id).where(Token.scope == "admin", Token.project.is_(None), _live()).limit(1)
    return session.scalars(query).one_or_none() is not None


def _live() -> ColumnElement[bool]:
    return Token.revoked_at_s.is_(None) & or_(Token.expires_at_s.is_(None), Token.expires_at_s > now())


def _of(project: str | None) -> Select[Token]:
    return select(Token) if project is None else select(Token).where(Token.project == project)

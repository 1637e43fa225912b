"""A service that requires tokens, and one token of every kind."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from service.settings import Settings
from store import tokens
from store.sessions import Database
from store.tables import Token
from tests.service.conftest import ADDRESS, opened
from tests.service.fakes import FakePlanner

Tokens = dict[str, str]


@pytest.fixture
def guarded(settings: Settings, planner: FakePlanner) -> Iterator[TestClient]:
    """As served beyond loopback, but that no test is slowed down by the rate limit."""
    strict = replace(settings, require_tokens=True, requests_per_s=1e6, request_burst=1_000_000)
    with opened(strict, planner) as client:
        yield client


@pytest.fixture
def given(database: Database) -> Tokens:
    """Tokens by what they are: of project `ours`, but for `other` and for `admin`, which is of every project."""
    kinds = {
        "read": ("read", "ours"),
        "submit": ("submit", "ours"),
        "other": ("submit", "theirs"),
        "project_admin": ("admin", "ours"),
        "admin": ("admin", None),
        "expired": ("admin", None),
        "revoked": ("admin", None),
    }
    made = {}
    with database.write() as session:
        for name, (scope, project) in kinds.items():
            row, made[name] = tokens.create(session, name, scope, project)
            if name == "expired":
                session.execute(update(Token).where(Token.id == row.id).values(expires_at_s=1.0))
            if name == "revoked":
                tokens.revoke(session, row.id)
    return made | {"unknown": f"sift_tok_{'0' * 22}_{'0' * 40}"}


def bearer(token: str) -> dict[str, str]:
    """The header that carries it."""
    return {"Authorization": f"Bearer {token}"}


def from_address(client: TestClient, address: str) -> TestClient:
    """Another client of the same started application, connecting from another address."""
    return TestClient(client.app, base_url=ADDRESS, client=(address, 50_000), raise_server_exceptions=False)

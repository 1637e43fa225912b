"""Tokens: made once, kept as a hash, live until they expire or are revoked."""

import hmac
import re

import pytest
from sqlalchemy import text, update

from sparseift.errors import InvalidValue
from store import tokens
from store.errors import NotFound
from store.sessions import Database
from store.tables import Token


def test_a_token_is_shown_once_and_kept_as_a_hash(database: Database) -> None:
    with database.write() as session:
        row, given = tokens.create(session, "ci", "submit", "vision", created_by="tok_x")
        token_id = row.id
    assert re.fullmatch(r"sift_tok_[0-9a-z]{22}_[0-9a-z]{40}", given)
    secret = given.rsplit("_", 1)[1]
    assert len(secret) * 5 >= 192  # bits
    with database.engine.connect() as connection:
        (stored,) = connection.execute(text("SELECT * FROM token")).mappings().all()
    assert all(secret not in str(value) for value in stored.values())
    assert stored["secret_hash"] == tokens.digest(given)
    assert (stored["name"], stored["scope"], stored["project"], stored["created_by"]) == (
        "ci", "submit", "vision", "tok_x",
    )  # fmt: skip
    assert stored["expires_at_s"] - stored["created_at_s"] == pytest.approx(90 * 86_400, abs=1)
    with database.read() as session:
        presented = tokens.present(session, given)
        assert (presented.standing, presented.token and presented.token.id) == ("live", token_id)


def test_no_two_secrets_are_alike(database: Database) -> None:
    with database.write() as session:
        made = [tokens.create(session, "t", "read", "p")[1] for _ in range(50)]
    assert len({given.rsplit("_", 1)[1] for given in made}) == 50


def test_what_is_not_a_token_is_invalid(database: Database) -> None:
    with database.write() as session:
        row, given = tokens.create(session, "t", "read", "p")
        other = tokens.create(session, "t", "read", "p")[1]
        crossed = f"sift_{row.id}_{other.rsplit('_', 1)[1]}"
    wrong = ["", "x", given[:-1], given + "a", given.upper(), "sift_tok__", "sift_" + "\x00" * 30, crossed]
    wrong += [f"sift_tok_{'0' * 22}_{'0' * 40}", given.replace("sift_", "")]
    with database.read() as session:
        for case in wrong:
            assert tokens.present(session, case) == tokens.Presented("invalid")


def test_wrong_secrets_are_compared_in_constant_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every presented token, even of an unknown id, goes through the constant-time comparison of whole hashes."""
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def noting(a: str, b: str) -> bool:
        compared.append((len(a), len(b)))
        return bool(real(a, b))

    monkeypatch.setattr(hmac, "compare_digest", noting)  # the standard library's, observed
    with database.write() as session:
        given = tokens.create(session, "t", "read", "p")[1]
    with database.read() as session:
        for case in (given, given[:-1] + ("0" if given[-1] != "0" else "1"), f"sift_tok_{'0' * 22}_{'0' * 40}", "x"):
            tokens.present(session, case)
    assert compared == [(64, 64)] * 4


def test_expiry_and_revocation(database: Database) -> None:
    with database.write() as session:
        expired, given_expired = tokens.create(session, "a", "admin", None, days=1.0)
        session.execute(update(Token).where(Token.id == expired.id).values(expires_at_s=1.0))
        revoked, given_revoked = tokens.create(session, "b", "read", "p", days=None)
        tokens.revoke(session, revoked.id)
    with database.read() as session:
        assert tokens.present(session, given_expired).standing == "expired"
        assert tokens.present(session, given_expired[:-5] + "00000").standing == "invalid"  # told to nobody else
        assert tokens.present(session, given_revoked).standing == "invalid"
        assert not tokens.is_live(session, expired.id)
        assert not tokens.is_live(session, revoked.id)
        assert not tokens.has_admin(session)
        first = tokens.get(session, revoked.id).revoked_at_s
        assert tokens.get(session, revoked.id).expires_at_s is None
    with database.write() as session:
        tokens.revoke(session, revoked.id)  # again: nothing changes
        assert tokens.get(session, revoked.id).revoked_at_s == first
        live, _ = tokens.create(session, "c", "admin", None, days=None)
        assert tokens.is_live(session, live.id)
        assert tokens.has_admin(session)
        with pytest.raises(NotFound, match="There is no token 'tok_0'"):
            tokens.revoke(session, "tok_0")


def test_an_admin_of_one_project_is_not_the_operator(database: Database) -> None:
    with database.write() as session:
        tokens.create(session, "a", "admin", "vision")
        assert not tokens.has_admin(session)


@pytest.mark.parametrize(
    ("scope", "project", "days", "words"),
    [
        ("root", "p", 1.0, "one of read, submit, admin"),
        ("read", None, 1.0, "belongs to one project"),
        ("submit", None, 1.0, "belongs to one project"),
        ("read", "Vision Lab", 1.0, "lower-case letters"),
        ("read", "", 1.0, "lower-case letters"),
        ("read", "a" * 64, 1.0, "at most 63"),
        ("read", "p", 0.0, r"must lie in \(0, 3650\]"),
        ("read", "p", 3651.0, "cannot last 3651 days"),
        ("read", "p", float("nan"), "cannot last nan days"),
    ],
)
def test_refusals(database: Database, scope: str, project: str | None, days: float, words: str) -> None:
    with database.write() as session, pytest.raises(InvalidValue, match=words):
        tokens.create(session, "t", scope, project, days=days)


def test_pages_and_projects(database: Database) -> None:
    with database.write() as session:
        ids = [tokens.create(session, f"t{i}", "read", "ab"[i % 2])[0].id for i in range(6)]
    with database.read() as session:
        first = tokens.page(session, after=None, limit=4)
        second = tokens.page(session, after=first[-1].id, limit=4)
        assert [t.id for t in (*first, *second)] == sorted(ids, reverse=True)
        assert {t.id for t in tokens.page(session, after=None, limit=9, project="b")} == set(ids[1::2])
        with pytest.raises(NotFound):
            tokens.get(session, ids[0], project="b")
    with database.write() as session, pytest.raises(NotFound):
        tokens.revoke(session, ids[0], project="b")


def test_the_last_use_is_written_once_a_minute(database: Database) -> None:
    with database.write() as session:
        row, given = tokens.create(session, "t", "read", "p")
        assert tokens.present(session, given).is_touch_due
        tokens.touch(session, row.id)
        fresh = tokens.get(session, row.id)
        assert fresh.last_used_at_s == pytest.approx(fresh.created_at_s, abs=5)
        assert not tokens.present(session, given).is_touch_due
        session.execute(update(Token).values(last_used_at_s=Token.last_used_at_s - 61.0))
        assert tokens.present(session, given).is_touch_due

"""What of a database's URL goes through Ray."""

from pathlib import Path

import pytest

from sparseift.errors import InvalidValue
from worker.ray_password import VARIABLE, hide, is_hidden, missing, reveal

WHOLE = "postgresql+psycopg://me:s3cret@dbhost:5433/lab?sslmode=require"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        (WHOLE, "postgresql+psycopg://me:left-out@dbhost:5433/lab?sslmode=require"),
        (
            "postgresql://me@dbhost/lab?password=s3cret&sslmode=require",
            "postgresql://me:left-out@dbhost/lab?sslmode=require",
        ),
        ("postgresql://me@dbhost/lab?sslpassword=s3cret", "postgresql://me:left-out@dbhost/lab"),
        ("postgresql://me@dbhost/lab", "postgresql://me@dbhost/lab"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
    ],
)
def test_a_password_is_left_out(url: str, sent: str) -> None:
    assert hide(url) == sent
    assert is_hidden(sent) == (url != sent)
    assert hide(sent) == sent


def test_what_was_left_out_is_taken_from_the_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert reveal("sqlite:////tmp/a.db", None) == "sqlite:////tmp/a.db"
    with pytest.raises(InvalidValue, match="start it with SPARSEIFT_DATABASE set"):
        reveal(hide(WHOLE), None)
    assert "start it with SPARSEIFT_DATABASE" in missing(hide(WHOLE))
    seen_from_there = WHOLE.replace("dbhost", "10.0.0.7")
    monkeypatch.setenv(VARIABLE, seen_from_there)
    assert reveal(hide(WHOLE), None) == seen_from_there
    assert missing(hide(WHOLE)) == ""
    with pytest.raises(InvalidValue, match=r"names the database 'lab'; the worker's is 'shop'"):
        reveal("postgresql://me:left-out@dbhost/shop", None)
    file = tmp_path / "database"
    file.write_text(WHOLE)
    assert reveal(hide(WHOLE), str(file)) == WHOLE

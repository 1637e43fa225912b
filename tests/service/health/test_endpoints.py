"""Alive, and ready."""

from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from store.errors import WrongRevision
from store.sessions import Database
from tests.service.conftest import ADDRESS
from tests.service.fakes import FakePlanner


def test_alive_and_ready(client: TestClient, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    with database.write() as session:
        session.execute(text("UPDATE sparseift_version SET version_num = 'older'"))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["code"]) == (503, "wrong-revision")
    for secret in ("older", "0006", "sqlite", "postgresql", database.url):
        assert secret not in response.text, "this address asks for no token"
    assert "revision 'older'" in caplog.text, "the operator is told"
    assert client.get("/healthz").status_code == 200


def test_a_database_that_goes_away_is_503_and_tells_no_secret(edge_url: str, tmp_path: Path) -> None:
    file = tmp_path / "gone.db"
    file.write_bytes(Path(edge_url.removeprefix("sqlite:///")).read_bytes())
    app = create_app(Settings(f"sqlite:///{file}"), FakePlanner())
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        app.state.context.database.close()
        file.unlink()
        file.mkdir()  # cannot be opened any more
        for path in ("/readyz", "/v1/jobs", "/v1/jobs/job_0/curve"):
            response = client.get(path)
            assert (response.status_code, response.json()["code"]) == (503, "database-unavailable")
            assert str(file) not in response.text
            assert "retry-after" in response.headers


def test_it_does_not_start_on_another_revision(tmp_path: Path) -> None:
    app = create_app(Settings(f"sqlite:///{tmp_path / 'empty.db'}"), FakePlanner())
    with pytest.raises(WrongRevision, match="sparseift db upgrade"), TestClient(app, base_url=ADDRESS):
        pass

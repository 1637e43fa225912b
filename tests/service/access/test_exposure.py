"""Where the service may listen, by rule and by real process."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.__main__ import main
from service.access.exposure import check, check_tls, is_loopback
from service.settings import Settings
from sparseift.errors import InvalidValue
from store import tokens
from store.sessions import Database
from tests.service.access.conftest import bearer
from tests.service.test_main import run, served

NAMED = ("search.example",)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("No openssl: it makes the certificate.")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True, timeout=30)
    return made, key


@contextmanager
def admin(url: str) -> Iterator[str]:
    """A token at the database, as `sparseift tokens create --database` makes it."""
    database = Database(url)
    with database.write() as session:
        given = tokens.create(session, "first", "admin", None)[1]
    yield given
    database.close()


@pytest.mark.parametrize(
    ("host", "tokens_required", "tls", "proxy", "hosts", "words"),
    [
        ("127.0.0.1", False, False, False, (), None),
        ("::1", False, True, False, (), None),
        ("localhost", True, False, False, (), None),
        ("127.0.0.1", True, False, True, NAMED, None),
        ("0.0.0.0", True, True, False, NAMED, None),
        ("0.0.0.0", True, False, True, NAMED, None),
        ("0.0.0.0", False, False, False, (), "listens on loopback only: 0.0.0.0"),
        ("::", False, True, False, (), "listens on loopback only"),
        ("", False, False, False, (), "every address is refused"),
        ("10.1.2.3", True, False, False, NAMED, "may not cross a network in the clear"),
        ("10.1.2.3", True, True, False, (), "--trusted-host"),
        ("10.1.2.3", True, False, True, (), "--trusted-host"),
        ("127.0.0.1", False, False, True, (), "need --require-tokens"),
        ("127.0.0.1", False, False, False, NAMED, "need --require-tokens"),
        ("0.0.0.0", True, True, True, NAMED, "at the proxy or here"),
        ("127.0.0.1", True, False, False, ("a b",), "--trusted-host is 'a b'"),
        ("127.0.0.1", True, False, False, ("*",), "--trusted-host is '*'"),
        ("127.0.0.1", True, False, False, ("https://a",), "--trusted-host is"),
    ],
)
def test_the_rule(
    host: str, tokens_required: bool, tls: bool, proxy: bool, hosts: tuple[str, ...], words: str | None
) -> None:
    settings = Settings("sqlite:///x", require_tokens=tokens_required, behind_tls_proxy=proxy, trusted_hosts=hosts)
    if words is None:
        check(host, settings, has_tls=tls)
        return
    with pytest.raises(InvalidValue) as refusal:
        check(host, settings, has_tls=tls)
    assert words in str(refusal.value)


@pytest.mark.parametrize("origin", ["*", "null", "lab.example", "https://lab.example/", "https://a b"])
def test_origins_are_whole(origin: str) -> None:
    settings = Settings("sqlite:///x", require_tokens=True, cors_origins=(origin,))
    with pytest.raises(InvalidValue, match="must be an origin"):
        check("127.0.0.1", settings, has_tls=False)


def test_proxies_are_addresses() -> None:
    settings = Settings("sqlite:///x", require_tokens=True, behind_tls_proxy=True, trusted_hosts=NAMED)
    check("127.0.0.1", settings, has_tls=False, proxies=["10.0.0.0/8", "::1"])
    for proxy in ("*", "proxy.example"):
        with pytest.raises(InvalidValue, match="must be an address or a network"):
            check("127.0.0.1", settings, has_tls=False, proxies=[proxy])


def test_names_of_loopback() -> None:
    assert [is_loopback(h) for h in ("127.0.0.1", "127.8.8.8", "::1", "localhost")] == [True] * 4
    assert [is_loopback(h) for h in ("0.0.0.0", "::", "", "localhost.evil.example", "10.0.0.1")] == [False] * 5


def test_certificates_are_read_before_anything_is_served(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    made, key = certificate
    assert not check_tls(None, None)
    assert check_tls(made, key)
    for pair, words in (((made, None), "belong together"), ((None, key), "belong together")):
        with pytest.raises(InvalidValue, match=words):
            check_tls(*pair)
    with pytest.raises(InvalidValue, match="cannot be used: No such file"):
        check_tls(tmp_path / "none.pem", key)
    with pytest.raises(InvalidValue, match="cannot be used"):
        check_tls(key, made)


def test_every_refusal_is_one_sentence(edge_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    refusals = {
        ("--host", "0.0.0.0"): "listens on loopback only",
        ("--trusted-host", "search.example"): "need --require-tokens",
        ("--cors-origin", "https://lab.example"): "need --require-tokens",
        ("--tls-cert", "x.pem"): "belong together",
        ("--proxy-address", "10.0.0.1"): "--behind-tls-proxy, which is missing",
        ("--require-tokens", "--host", "0.0.0.0"): "in the clear",
        ("--require-tokens",): "sparseift tokens create NAME --scope admin --database sqlite:///",
        ("--requests-per-s", "0"): "--requests-per-s is 0",
        ("--request-burst", "0"): "--request-burst is 0",
        ("--audit-days", "nan"): "--audit-days is nan",
    }
    for given, words in refusals.items():
        assert main(["--database", edge_url, *given], {}) == 2
        out, err = capsys.readouterr()
        assert words in err
        assert (out, err.count("\n")) == ("", 1)


@pytest.mark.slow
def test_a_real_process_refuses_to_listen_for_everybody(database_url: str) -> None:
    for given in (("--host", "0.0.0.0"), ("--host", "0.0.0.0", "--require-tokens"), ("--host", "::")):
        ended = run("--database", database_url, "--port", "0", *given)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


@pytest.mark.slow
def test_a_real_server_over_tls(database_url: str, certificate: tuple[Path, Path]) -> None:
    made, key = certificate
    options = ("--require-tokens", "--tls-cert", str(made), "--tls-key", str(key), "--trusted-host", "search.example")
    context = ssl.create_default_context(cafile=str(made))
    with admin(database_url) as token, served(database_url, *options) as (_, address):
        assert address.startswith("https://127.0.0.1:")
        with httpx.Client(base_url=address, verify=context, timeout=30) as client:
            assert client.get("/v1/me").status_code == 401
            mine = client.get("/v1/me", headers=bearer(token))
            assert mine.json()["name"] == "first"
            assert mine.headers["Strict-Transport-Security"] == "max-age=31536000"
            named = client.get("/v1/me", headers={**bearer(token), "Host": "search.example"})
            foreign = client.get("/v1/me", headers={**bearer(token), "Host": "evil.example"})
            assert (named.status_code, foreign.status_code) == (200, 421)
            # Nobody's word for another address or scheme is believed without a proxy.
            client.post("/v1/jobs", json={}, headers={**bearer(token), "X-Forwarded-For": "9.9.9.9"})
            (row,) = client.get("/v1/audit", headers=bearer(token)).json()["items"]
            assert row["client"] == "127.0.0.1"
        with pytest.raises(httpx.TransportError):
            httpx.get(address.replace("https", "http") + "/healthz", timeout=5)


@pytest.mark.slow
def test_a_real_server_behind_a_proxy(database_url: str) -> None:
    options = ("--require-tokens", "--behind-tls-proxy", "--trusted-host", "search.example")
    with admin(database_url) as token, served(database_url, *options) as (_, address):
        proxied = {"Host": "search.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
        with httpx.Client(base_url=address, headers=bearer(token), timeout=30) as client:
            assert client.get("/v1/me").json()["code"] == "tls-required"
            assert client.get("/healthz").status_code == 200
            mine = client.get("/v1/me", headers=proxied)
            assert (mine.status_code, mine.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
            client.post("/v1/jobs", json={}, headers=proxied)
            (row,) = client.get("/v1/audit", headers=proxied).json()["items"]
            assert row["client"] == "192.0.2.7"

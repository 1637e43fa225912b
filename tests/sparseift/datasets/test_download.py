"""Downloads, from a real server on the loopback."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sparseift.datasets.download import download
from sparseift.errors import DataError

BODY = bytes(range(256)) * 10_000  # 2.56 MB
DIGEST = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves BODY; `sent_bytes` counts, `honest` False hangs up in the middle, `ranges` False knows no resuming."""

    sent_bytes = 0
    honest = True
    ranges = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/body.tgz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.ranges else 0
        if start >= len(BODY):
            self.send_error(416)
            return
        rest = BODY[start:]
        self.send_response(206 if asked and self.server.ranges else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        rest = rest if self.server.honest else rest[: len(rest) // 2]
        self.server.sent_bytes += len(rest)
        self.wfile.write(rest)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def quiet(_done: int, _total: int) -> None:
    pass


def test_a_whole_download(server: Server, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    download(server.address, tmp_path / "new" / "body", DIGEST, lambda *at: heard.append(at))
    assert (tmp_path / "new" / "body").read_bytes() == BODY
    assert heard[0] == (0, len(BODY))
    assert heard[-1] == (len(BODY), len(BODY))


def test_a_stopped_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.honest = False
    with pytest.raises(DataError, match=f"of {len(BODY)} bytes; run the command again"):
        download(server.address, tmp_path / "body", DIGEST, quiet)
    assert not (tmp_path / "body").exists()
    server.honest = True
    download(server.address, tmp_path / "body", DIGEST, quiet)
    assert (tmp_path / "body").read_bytes() == BODY
    assert server.sent_bytes == len(BODY)  # nothing came twice
    assert [path.name for path in tmp_path.iterdir()] == ["body"]


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "body.part").write_bytes(BODY[:1000])
    server.ranges = False
    download(server.address, tmp_path / "body", DIGEST, quiet)
    assert (tmp_path / "body").read_bytes() == BODY


def test_a_part_that_was_whole_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "body.part").write_bytes(BODY)
    download(server.address, tmp_path / "body", DIGEST, quiet)
    assert (tmp_path / "body").read_bytes() == BODY


def test_a_wrong_digest_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sha256"):
        download(server.address, tmp_path / "body", "0" * 64, quiet)
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_one_sentence(server: Server, tmp_path: Path) -> None:
    address = server.address
    server.server_close()
    with pytest.raises(DataError, match="body could not be fetched"):
        download(address, tmp_path / "body", DIGEST, quiet)


def test_only_web_addresses_are_followed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no web address"):
        download("file:///etc/hostname", tmp_path / "body", DIGEST, quiet)

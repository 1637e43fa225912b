"""Who looks at the servers while `benchmarks.viewers` measures: a client of the API, viewers without screens."""

import gzip
import re
import threading
import time
import uuid
from contextlib import suppress
from http.client import HTTPConnection

import psutil
from websockets.sync.client import connect

from benchmarks.asking import Server

PAUSE_S = 0.02  # between the API client's requests
PATIENCE_S = 60.0
CHART_MESSAGE = "marimo-vega"


class Asker(threading.Thread):
    """A client of the API that asks on and on.

    Attributes:
        walls: (when, seconds) of each answer.
    """

    def __init__(self, port: int, process: Server, paths: list[str]) -> None:
        super().__init__(daemon=True)
        self._server, self._paths, self._over = Server(process.process, port), paths, threading.Event()
        self.walls: list[tuple[float, float]] = []

    def run(self) -> None:
        """Until `end`."""
        turn = 0
        while not self._over.is_set():
            began = time.perf_counter()
            self._server.ask(self._paths[turn % len(self._paths)])
            self.walls.append((began, time.perf_counter() - began))
            turn += 1
            time.sleep(PAUSE_S)

    def end(self) -> None:
        """No more."""
        self._over.set()
        self.join(PATIENCE_S)

    def told(self, began: float, ended: float) -> list[float]:
        """Seconds of the answers to what was asked in between, rising; one at least."""
        found = sorted(wall for when, wall in self.walls if began <= when <= ended)
        return found or [float("nan")]


class Meter:
    """CPU seconds of the servers and of this process with its browsers, since the meter began.

    A browser ends a page's process with the page and takes its time with it: `look` before.
    """

    def __init__(self, service: Server, notebooks: Server) -> None:
        self._servers = (service, notebooks)
        self._first: dict[tuple[int, float], float] = {}
        self._last: dict[tuple[int, float], float] = {}
        self._began = tuple(server.cpu_s() for server in self._servers)
        self.look()
        self._first = dict(self._last)

    def look(self) -> None:
        """Note what every process that lives has used."""
        me = psutil.Process()
        servers = {
            p.pid for server in self._servers for p in (server.process, *server.process.children(recursive=True))
        }
        for process in [me, *me.children(recursive=True)]:
            with suppress(psutil.Error):
                times = process.cpu_times()
                if process.pid not in servers:
                    self._last[process.pid, process.create_time()] = times.user + times.system

    def words(self) -> str:
        """ "CPU: API .10 s, notebooks .45 s, browsers and this program 5.20 s"."""
        self.look()
        api, pages = (server.cpu_s() - then for server, then in zip(self._servers, self._began, strict=True))
        rest = sum(self._last.values()) - sum(self._first.values())
        return f"CPU: API {api:.2f} s, notebooks {pages:.2f} s, browsers and this program {rest:.2f} s"


def arrives(port: int, path: str) -> float:
    """Seconds until the message that holds the chart, of a viewer who asks what a browser asks and draws nothing."""
    began, packed = time.perf_counter(), {"Accept-Encoding": "gzip"}
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path, headers=packed)
    answer = connection.getresponse()
    cookie, html = answer.headers["Set-Cookie"].partition(";")[0], _text(answer.read(), answer.headers)
    for name in dict.fromkeys(re.findall(r"assets/([\w.-]+)", html)):
        connection.request("GET", f"/assets/{name}", headers={**packed, "Cookie": cookie})
        connection.getresponse().read()
    connection.close()
    page, _, query = path.partition("?")
    session = f"session_id=s_{uuid.uuid4().hex[:6]}"
    address = f"ws://127.0.0.1:{port}{page}ws?{session}&{query}"
    origin = f"http://127.0.0.1:{port}"
    headers = {"Cookie": cookie}
    options = {"origin": origin, "additional_headers": headers, "proxy": None, "max_size": None, "close_timeout": 1.0}
    with connect(address, **options) as socket:  # type: ignore[arg-type]
        while CHART_MESSAGE not in str(socket.recv(timeout=PATIENCE_S)):
            pass
        return time.perf_counter() - began  # before the farewell


def _text(body: bytes, headers: object) -> str:
    is_packed = "gzip" in str(headers)
    return (gzip.decompress(body) if is_packed and body[:2] == b"\x1f\x8b" else body).decode()

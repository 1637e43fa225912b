"""An HTTP server on loopback that answers by a script."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Script:
    """Answers in order; what was asked is kept."""

    def __init__(self) -> None:
        self.answers: list[tuple[Any, ...]] = []  # status, body, and headers where there are any
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[Any] = []

    def serve(self) -> ThreadingHTTPServer:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                script.asked.append((self.command, self.path, dict(self.headers)))
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.bodies.append(json.loads(sent) if sent else None)
                status, value, *more = script.answers.pop(0)
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, said in more[0].items() if more else ():
                    self.send_header(name, said)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  # the names that http.server calls

            def log_message(self, *_: Any) -> None:
                return

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of a running server."""
        server = self.serve()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

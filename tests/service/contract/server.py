"""A real server to be fuzzed: tokens required, plans without torch, nothing that is slow on purpose.

`python -m tests.service.contract.server DATABASE ARTIFACTS` prints its address and serves until it is ended.
"""

import sys
from pathlib import Path

import uvicorn

from service.__main__ import listening
from service.app import create_app
from service.settings import Settings
from tests.service.fakes import FakePlanner


def main(database_url: str, artifacts: str) -> None:
    """Serve until SIGTERM."""
    settings = Settings(
        database_url,
        Path(artifacts),
        require_tokens=True,
        requests_per_s=1e6,
        request_burst=1_000_000,
        event_poll_s=0.02,
        event_heartbeat_s=0.1,
    )
    server = listening("127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.getsockname()[1]}\n")
    sys.stdout.flush()
    app = create_app(settings, FakePlanner())
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)).run(sockets=[server])


if __name__ == "__main__":
    main(*sys.argv[1:])

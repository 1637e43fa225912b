"""A PostgreSQL server of our own, for a test session that finds none."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

START_LIMIT_S = 60


@contextmanager
def temporary_server() -> Iterator[str | None]:
    """Start a server in a temporary folder and remove both in the end; None where its programs are not installed.

    It listens on a free port of 127.0.0.1 and trusts user postgres. It refuses to run as root, so root starts it as
    the user postgres.
    """
    programs = _programs()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if programs is None or (as_user and shutil.which("runuser") is None):
        yield None
        return
    folder = Path(mkdtemp(prefix="sparseift-postgres-"))  # short: a socket's path has at most 107 bytes
    data = folder / "data"
    if as_user:
        shutil.chown(folder, "postgres")
    try:
        _run([*as_user, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"])
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", str(START_LIMIT_S)]
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    for found in (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), shutil.which("initdb")):
        folder = Path(found).resolve().parent if isinstance(found, str) else found
        if folder is not None and (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=2 * START_LIMIT_S, stdout=subprocess.DEVNULL, cwd="/")

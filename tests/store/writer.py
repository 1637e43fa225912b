"""A process of its own that writes for several attempts at once: `writer.py URL COUNT ATTEMPT_ID:TOKEN …`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from store import attempts
from store.sessions import Database
from tests.store.samples import RESULT, TTL_S, progress


def write(database: Database, count: int, attempt: str) -> None:
    """Renew and report `count` times, each in its own transaction, and finish."""
    attempt_id, token = int(attempt.partition(":")[0]), attempt.partition(":")[2]
    for step in range(1, count + 1):
        with database.write() as session:
            attempts.renew(session, attempt_id, token, TTL_S)
        with database.write() as session:
            attempts.write_reports(session, attempt_id, token, [progress(step)])
    with database.write() as session:
        attempts.finish(session, attempt_id, token, RESULT)


if __name__ == "__main__":
    opened = Database(sys.argv[1])
    with ThreadPoolExecutor(len(sys.argv) - 3) as pool:
        list(pool.map(partial(write, opened, int(sys.argv[2])), sys.argv[3:]))
    opened.close()

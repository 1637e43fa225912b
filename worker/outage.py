"""What it looks like when the database is away, and how to outlast it."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from store.sessions import Database

OUTAGES = (OperationalError, InterfaceError)  # refused, cut off, shut down, locked for longer than the busy timeout
FIRST_DELAY_S = 0.25  # before the second try; doubled for each further one
LONGEST_DELAY_S = 15.0
ORPHAN_AFTER_S = 30 * 60.0  # without a database for so long, an attempt gives up

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def delay_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - 1, 16))


def write(database: Database, work: Callable[[Session], Answer], patience_s: float) -> Answer:
    """What `work` returns in a transaction of its own, tried again while the database is away.

    `work` may run more than once; its writes are fenced by a token or harmless to repeat.

    Raises:
        OperationalError, InterfaceError: the database was still away after `patience_s` seconds.
    """
    give_up = time.monotonic() + patience_s
    failures = 0
    while True:
        try:
            with database.write() as session:
                return work(session)
        except OUTAGES as error:
            failures += 1
            if time.monotonic() > give_up:
                raise
            log.warning("The database is away (try %d): %s", failures, str(error).splitlines()[0])
            time.sleep(delay_s(failures))

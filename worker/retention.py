"""Deletes the checkpoints that nobody will read again: of a trial that has ended, all but the newest."""

import logging
import shutil
from pathlib import Path

from store import checkpoints
from store.sessions import Database

BATCH = 200  # checkpoints per transaction

log = logging.getLogger(__name__)


def tidy(database: Database, artifacts: Path, job_id: str) -> None:
    """Delete them for a job: first from disk, then their rows, so that whatever ends this in between is made up for.

    What cannot be deleted stays on disk and is named in the log.

    Args:
        artifacts: the folder that checkpoint paths are relative to.
    """
    while True:
        with database.read() as session:
            found = [(row.id, artifacts / row.path) for row in checkpoints.superseded(session, job_id, limit=BATCH)]
        if not found:
            return
        for _, path in found:
            _delete(path)
        with database.write() as session:
            checkpoints.forget(session, [checkpoint_id for checkpoint_id, _ in found])


def _delete(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("The checkpoint %s could not be deleted: %s", path, error)

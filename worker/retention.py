"""Keeps the artifact folder in order: losers' checkpoints go, the winners' newest stay, and so does nothing that a
killed process left half written.
"""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from store import archive, checkpoints, jobs
from store.sessions import Database

BATCH = 200  # checkpoints per transaction
JOBS = 20  # ended jobs put in order at once

log = logging.getLogger(__name__)


def tidy(database: Database, artifacts: Path, job_id: str) -> None:
    """Delete what nobody will read again of a job: first from disk, then the rows, so that whatever ends this in
    between is made up for. What cannot be deleted stays on disk and is named in the log.

    Args:
        artifacts: the folder that checkpoint paths are relative to.
    """
    while True:
        with database.read() as session:
            found = [(row.id, artifacts / row.path) for row in checkpoints.losers(session, job_id, limit=BATCH)]
        if not found:
            break
        for _, path in found:
            _delete(path)
        with database.write() as session:
            checkpoints.forget(session, [checkpoint_id for checkpoint_id, _ in found])
    for path in list(_remains(database, artifacts, job_id)):
        _delete(path)


def tidy_ended(database: Database, artifacts: Path) -> None:
    """The same for jobs that ended with no worker there to do it, and for those of a version that kept more."""
    with database.read() as session:
        found = jobs.untidied(session, JOBS)
    for job_id in found:
        tidy(database, artifacts, job_id)
        with database.write() as session:
            jobs.set_tidied(session, job_id)
    remove_deleted(database, artifacts)


def remove_deleted(database: Database, artifacts: Path) -> None:
    """Delete the folders of jobs that were deleted, where this artifact root has them.

    Each worker does so for its own root, and again for as long as the wish is remembered: a process that was cut off
    may still write a checkpoint into its folder.
    """
    with database.read() as session:
        found = archive.removed(session)
    for job_id in found:
        folder = artifacts / job_id
        if folder.is_dir() and not folder.is_symlink():
            _delete(folder)
    if found:
        with database.write() as session:
            archive.forget_removed(session)


def _remains(database: Database, artifacts: Path, job_id: str) -> Iterator[Path]:
    """What attempts that ended have left beside logs and recorded checkpoints: parts of files, unrecorded checkpoints.

    The folders are listed first: an attempt that is not running by then will write there no more.
    """
    folders = [path for path in (artifacts / job_id).glob("*") if path.is_dir()]
    with database.read() as session:
        kept, in_use = checkpoints.paths_of(session, job_id), checkpoints.folders_in_use(session, job_id)
    for folder in folders:
        if str(folder.relative_to(artifacts)) in in_use:
            continue
        for path in folder.iterdir():
            is_checkpoint = path.name.startswith("step-") and str(path.relative_to(artifacts)) not in kept
            if is_checkpoint or path.name.startswith("."):
                yield path


def _delete(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("The checkpoint %s could not be deleted: %s", path, error)

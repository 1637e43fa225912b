"""A database and files in which every operation finds something: jobs at every stage, workers, tokens, a checkpoint."""

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from store import attempts, tokens, workers
from store.sessions import Database
from tests.service import history


@dataclass(frozen=True)
class World:
    """What the requests' author knows.

    Attributes:
        token: what it sends, whose id is `token_id`.
        finished: an ended job, and `running` one that runs: neither is deleted.
        jobs: these and others, ended, queued and running. tokens: ids of others.
    """

    token: str
    token_id: str
    finished: str
    running: str
    jobs: tuple[str, ...]
    tokens: tuple[str, ...]


def make(database: Database, artifacts: Path) -> World:
    """Fill an empty database."""
    with database.write() as session:
        for name, slots in (("w", ["here/cpu:0", "here/cuda:1"]), ("x", ["there/cpu:0"])):
            told = {
                "host": "here",
                "process": f"here/{name}",
                "engine": "local",
                "slot_names": slots,
                "versions": {"torch": "2"},
            }
            workers.tell(session, name, lease_ttl_s=3600.0, **told)  # type: ignore[arg-type]
        workers.leave(session, "x")
        over = [history.over(session).id for _ in range(3)]  # to be archived, extended and deleted
        running = history.half_done(session)
        _saved(session, running, artifacts)
        driven = history.claimed(session).id
        queued = [history.submitted(session).id for _ in range(2)]
        others = [tokens.create(session, name, "submit", "vision")[0].id for name in ("a", "b")]
        row, token = tokens.create(session, "fuzz", "admin", None)
        found = (running.id, over[0], queued[0], over[1], driven, over[2], queued[1])
        return World(token, row.id, over[0], running.id, found, tuple(others))


def _saved(session: Session, job: history.Job, artifacts: Path) -> None:
    """A complete trial with a log and a checkpoint on disk, as the newest of its job."""
    trial = history.added(session, job, 7)
    attempt = attempts.start(
        session,
        trial.id,
        job_token=job.lease_token or "",
        worker="w",
        slot="here/cuda:1",
        ttl_s=3600.0,
        environment={},
        log_path=f"{job.id}/00007/attempt.log",
    )
    attempts.saved_checkpoint(session, attempt.id, attempt.token, 20, f"{job.id}/00007/step-20")
    attempts.finish(session, attempt.id, attempt.token, history.RESULT)
    folder = artifacts / job.id / "00007" / "step-20"
    folder.mkdir(parents=True)
    (folder / "tensors.safetensors").write_bytes(bytes(range(200)))
    (folder / "state.json").write_text(json.dumps({"sha256": "ab" * 32, "step": 20}))
    (folder.parent / "attempt.log").write_text("step 1\nstep 2\n")

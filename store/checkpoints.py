"""Which complete checkpoints of a trial lie in the artifact root."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from store.clock import now
from store.rows import lock_owned_attempt
from store.tables import Attempt, Checkpoint, Job, Trial


def saved_checkpoint(session: Session, attempt_id: int, token: str, step: int, path: str) -> None:
    """Record a checkpoint after its file was renamed into place; once, however often it is told.

    Args:
        step: optimizer steps done; path: relative to the artifact root.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    attempt = lock_owned_attempt(session, attempt_id, token)
    if session.scalar(select(Checkpoint.id).where(Checkpoint.attempt_id == attempt_id, Checkpoint.path == path)):
        return  # told again: the first time, the answer was lost on its way
    session.execute(
        insert(Checkpoint).values(
            trial_id=attempt.trial_id, attempt_id=attempt_id, step=step, path=path, created_at_s=now()
        )
    )


def newest_checkpoint(session: Session, trial_id: int) -> Checkpoint | None:
    """The trial's checkpoint with the most steps, from whichever attempt; None: it has none."""
    query = select(Checkpoint).where(Checkpoint.trial_id == trial_id)
    return session.scalars(query.order_by(Checkpoint.step.desc(), Checkpoint.id.desc()).limit(1)).one_or_none()


def of_trial(session: Session, trial_id: int) -> list[Checkpoint]:
    """The trial's recorded checkpoints, by id."""
    return list(session.scalars(select(Checkpoint).where(Checkpoint.trial_id == trial_id).order_by(Checkpoint.id)))


def losers(session: Session, job_id: str, *, limit: int) -> list[Checkpoint]:
    """Up to `limit` checkpoints of the job's ended trials that nobody will read again.

    What stays is the newest of each complete baseline and confirmation, of the best search trial of each family by
    its raw value, so far, and of each trial that was cancelled with the search: an extension wakes it. A cancelled job
    cannot be extended. Whatever trials that wait or run have saved stays too.
    """
    other = aliased(Checkpoint)
    newest = (
        select(other.id)
        .where(other.trial_id == Checkpoint.trial_id)
        .order_by(other.step.desc(), other.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(Checkpoint)
        .join(Trial, Trial.id == Checkpoint.trial_id)
        .where(
            Trial.job_id == job_id,
            Trial.state.not_in(("waiting", "running")),
            or_(Checkpoint.id != newest, Trial.id.not_in([*_winners(session, job_id), *_sleepers(session, job_id)])),
        )
    )
    return list(session.scalars(query.order_by(Checkpoint.id).limit(limit)))


def _winners(session: Session, job_id: str) -> list[int]:
    plan = session.scalars(select(Job.plan).where(Job.id == job_id)).one()
    complete = select(Trial.id).where(Trial.job_id == job_id, Trial.state == "complete")
    winners = list(session.scalars(complete.where(Trial.kind != "search")))
    better = Trial.value.desc() if plan["metric"]["direction"] == "maximize" else Trial.value
    ranked = (
        select(
            Trial.id, func.row_number().over(partition_by=Trial.family, order_by=(better, Trial.number)).label("rank")
        )
        .where(Trial.job_id == job_id, Trial.state == "complete", Trial.kind == "search")
        .subquery()
    )
    return winners + list(session.scalars(select(ranked.c.id).where(ranked.c.rank == 1)))


def _sleepers(session: Session, job_id: str) -> list[int]:
    """Trials that ended with the search, for as long as the job may be extended."""
    is_final = or_(Job.state == "cancelled", func.coalesce(Job.wanted, "") == "cancel")
    query = select(Trial.id).join(Job).where(Trial.job_id == job_id, Trial.state == "cancelled", ~is_final)
    return list(session.scalars(query))


def paths_of(session: Session, job_id: str) -> set[str]:
    """Every checkpoint of a job that has a row, relative to the artifact root."""
    return set(session.scalars(select(Checkpoint.path).join(Trial).where(Trial.job_id == job_id)))


def folders_in_use(session: Session, job_id: str) -> set[str]:
    """The folders of the job's running attempts, relative to the artifact root."""
    logs = session.scalars(
        select(Attempt.log_path).join(Trial).where(Trial.job_id == job_id, Attempt.state == "running")
    )
    return {str(PurePosixPath(path).parent) for path in logs}


def forget(session: Session, checkpoint_ids: Sequence[int]) -> None:
    """Delete the rows of checkpoints that are no longer on disk; those without a row are passed over."""
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_(checkpoint_ids)))

"""Which complete checkpoints of a trial lie in the artifact root."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, aliased

from store.clock import now
from store.rows import lock_owned_attempt
from store.tables import Checkpoint, Trial


def saved_checkpoint(session: Session, attempt_id: int, token: str, step: int, path: str) -> None:
    """Record a checkpoint after its file was renamed into place.

    Args:
        step: optimizer steps done; path: relative to the artifact root.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    attempt = lock_owned_attempt(session, attempt_id, token)
    session.execute(
        insert(Checkpoint).values(
            trial_id=attempt.trial_id, attempt_id=attempt_id, step=step, path=path, created_at_s=now()
        )
    )


def newest_checkpoint(session: Session, trial_id: int) -> Checkpoint | None:
    """The trial's checkpoint with the most steps, from whichever attempt; None: it has none."""
    query = select(Checkpoint).where(Checkpoint.trial_id == trial_id)
    return session.scalars(query.order_by(Checkpoint.step.desc(), Checkpoint.id.desc()).limit(1)).one_or_none()


def superseded(session: Session, job_id: str, *, limit: int) -> list[Checkpoint]:
    """Up to `limit` checkpoints of the job's ended trials, none of which is its trial's newest."""
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
        .where(Trial.job_id == job_id, Trial.state.not_in(("waiting", "running")), Checkpoint.id != newest)
    )
    return list(session.scalars(query.order_by(Checkpoint.id).limit(limit)))


def forget(session: Session, checkpoint_ids: Sequence[int]) -> None:
    """Delete the rows of checkpoints that are no longer on disk; those without a row are passed over."""
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_(checkpoint_ids)))

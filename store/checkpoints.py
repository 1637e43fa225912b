"""Which complete checkpoints of a trial lie in the artifact root."""

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store.clock import now
from store.rows import lock_owned_attempt
from store.tables import Checkpoint


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

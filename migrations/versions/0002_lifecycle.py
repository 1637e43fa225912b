"""What pausing, stopping, extending and ordering jobs needs; a state of their own for attempts handed back."""

import sqlalchemy as sa
from alembic import op

revision = "0002_lifecycle"
down_revision = "0001_jobs_trials_attempts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and indexes; a job that runs counts its wall time from now on."""
    for column in (
        sa.Column("request_digest", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("search_closed", sa.Text, nullable=False, server_default=""),
        sa.Column("active_s", sa.Float(53), nullable=False, server_default=sa.text("0")),
        sa.Column("active_since_s", sa.Float(53)),
        sa.Column("started_at_s", sa.Float(53)),
        sa.Column("tidied_at_s", sa.Float(53)),
    ):
        op.add_column("job", column)
    op.drop_index("ix_job_claimable", "job")
    op.create_index("ix_job_claimable", "job", ["state", "priority", "id"])
    op.create_index("ix_attempt_slot", "attempt", ["slot", "id"])
    op.execute("UPDATE job SET started_at_s = created_at_s WHERE state <> 'queued'")
    op.execute("UPDATE job SET active_since_s = updated_at_s WHERE state IN ('running', 'stopping')")
    op.execute("UPDATE attempt SET state = 'handed_back' WHERE state = 'lost' AND failure_class = ''")


def downgrade() -> None:
    """Take them away; what was handed back is lost again, which counted as nothing either."""
    op.execute("UPDATE attempt SET state = 'lost' WHERE state = 'handed_back'")
    op.drop_index("ix_attempt_slot", "attempt")
    op.drop_index("ix_job_claimable", "job")
    op.create_index("ix_job_claimable", "job", ["state", "id"])
    for name in ("tidied_at_s", "started_at_s", "active_since_s", "active_s", "search_closed", "priority"):
        op.drop_column("job", name)
    op.drop_column("job", "request_digest")

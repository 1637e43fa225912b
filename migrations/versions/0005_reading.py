"""What keeps reading quick, the lost attempts' own index; and what running attempts are asked to end for."""

import sqlalchemy as sa
from alembic import op

revision = "0005_reading"
down_revision = "0004_labels"
branch_labels = None
depends_on = None

IS_LOST = sa.text("state = 'lost'")
WISH = """
    UPDATE attempt SET wish = (
        SELECT CASE
            WHEN job.wanted = 'cancel' THEN 'cancel'
            WHEN job.search_closed <> '' AND trial.kind = 'search' THEN 'stop'
            ELSE 'hand_back'
        END
        FROM trial JOIN job ON job.id = trial.job_id WHERE trial.id = attempt.trial_id
    ) WHERE stop
"""


def upgrade() -> None:
    """Among a million attempts that ended well, SQLite looked through all of them for the few that were lost.

    `stop` was true for three wishes, so that a pause was taken for the search's end when that followed: it names them.
    """
    columns = ["slot", "ended_at_s"]
    op.create_index("ix_attempt_lost", "attempt", columns, sqlite_where=IS_LOST, postgresql_where=IS_LOST)
    op.add_column("attempt", sa.Column("wish", sa.Text, nullable=False, server_default=""))
    op.execute(WISH)
    op.drop_column("attempt", "stop")
    op.alter_column("attempt", "wish", new_column_name="stop")


def downgrade() -> None:
    """Take the index away; of a wish only whether there is one."""
    op.add_column("attempt", sa.Column("is_asked", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE attempt SET is_asked = true WHERE stop <> ''")
    op.drop_column("attempt", "stop")
    op.alter_column("attempt", "is_asked", new_column_name="stop")
    op.drop_index("ix_attempt_lost", "attempt")

"""A quota may also limit how many of a project's or a token's jobs are driven at once."""

import sqlalchemy as sa
from alembic import op

revision = "0006_running_jobs"
down_revision = "0005_reading"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Null, as in every old row, limits nothing."""
    op.add_column("quota", sa.Column("running_jobs", sa.Integer))


def downgrade() -> None:
    """Forget the limits; a quota without any other would be an empty row."""
    with op.batch_alter_table("quota") as quota:
        quota.drop_column("running_jobs")
    op.execute("DELETE FROM quota WHERE active_jobs IS NULL AND device_hours IS NULL")

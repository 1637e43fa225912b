"""Labels of jobs, the archive, jobs whose files are still to go, workers that say they live, slots let out again."""

import sqlalchemy as sa
from alembic import op

revision = "0004_labels"
down_revision = "0003_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is labelled or archived yet. By the index on checkpoints, deleting an attempt finds its own."""
    op.add_column("job", sa.Column("archived_at_s", sa.Float(53)))
    op.create_table(
        "label",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "key", name="pk_label"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_label_job_id_job", ondelete="CASCADE"),
    )
    op.create_index("ix_label_key", "label", ["key", "value", "job_id"])
    op.create_index("ix_checkpoint_attempt", "checkpoint", ["attempt_id"])
    op.create_table(
        "removal",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("asked_at_s", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_removal"),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False, server_default=""),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("slots", sa.JSON, nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("lease_ttl_s", sa.Float(53), nullable=False),
        sa.Column("started_at_s", sa.Float(53), nullable=False),
        sa.Column("seen_at_s", sa.Float(53), nullable=False),
        sa.Column("stopped_at_s", sa.Float(53)),
        sa.PrimaryKeyConstraint("name", name="pk_worker"),
    )
    op.create_table(
        "slot_release",
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("released_at_s", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_slot_release"),
    )


def downgrade() -> None:
    """Take them away: labels, the archive and what was known of workers are lost."""
    for table in ("slot_release", "worker", "removal", "label"):
        op.drop_table(table)
    op.drop_index("ix_checkpoint_attempt", "checkpoint")
    op.drop_column("job", "archived_at_s")

"""The first tables: job, trial, attempt, report, checkpoint, event.

Written out by hand and never changed again; `store/tables.py` says what the columns mean.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001_jobs_trials_attempts"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "job",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("wanted", sa.Text),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("updated_at_s", sa.Float(53), nullable=False),
        sa.Column("ended_at_s", sa.Float(53)),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_expires_at_s", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("idempotency_key", name="uq_job_idempotency_key"),
    )
    op.create_index("ix_job_claimable", "job", ["state", "id"])

    op.create_table(
        "trial",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("configuration", sa.JSON, nullable=False),
        sa.Column("configuration_key", sa.Text, nullable=False),
        sa.Column("sparsity", sa.Float(53), nullable=False),
        sa.Column("scale", sa.Text, nullable=False, server_default=""),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("ended_at_s", sa.Float(53)),
        sa.Column("value", sa.Float(53)),
        sa.Column("test_value", sa.Float(53)),
        sa.Column("forward_flops_per_sample", sa.BigInteger),
        sa.Column("executed_flops_per_sample", sa.BigInteger),
        sa.Column("flop_ratio", sa.Float(53)),
        sa.Column("training_flops", sa.Float(53)),
        sa.Column("parameters", sa.BigInteger),
        sa.Column("nonzero_parameters", sa.BigInteger),
        sa.Column("training_seconds", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_trial"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_trial_job_id_job", ondelete="CASCADE"),
        sa.UniqueConstraint("job_id", "number", name="uq_trial_job_id"),
    )
    op.create_index(
        "ix_trial_curve",
        "trial",
        [
            "job_id",
            "family",
            "configuration_key",
            "sparsity",
            "kind",
            "seed",
            "value",
            "test_value",
            "flop_ratio",
            "training_flops",
            "id",
            "state",
        ],
        sqlite_where=sa.text("state = 'complete'"),
        postgresql_where=sa.text("state = 'complete'"),
    )
    op.create_index("ix_trial_job_state", "trial", ["job_id", "state"])

    op.create_table(
        "attempt",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("trial_id", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="running"),
        sa.Column("stop", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("lease_expires_at_s", sa.Float(53), nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False, server_default=""),
        sa.Column("started_at_s", sa.Float(53), nullable=False),
        sa.Column("ended_at_s", sa.Float(53)),
        sa.Column("failure_class", sa.Text, nullable=False, server_default=""),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("environment", sa.JSON, nullable=False),
        sa.Column("log_path", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name="fk_attempt_trial_id_trial", ondelete="CASCADE"),
        sa.UniqueConstraint("trial_id", "number", name="uq_attempt_trial_id"),
    )
    op.create_index("ix_attempt_state", "attempt", ["state", "lease_expires_at_s"])

    op.create_table(
        "report",
        sa.Column("attempt_id", BIG_ID, nullable=False),
        sa.Column("step", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("total_steps", sa.Integer, nullable=False),
        sa.Column("train_loss", sa.Float(53)),
        sa.Column("value", sa.Float(53)),
        sa.Column("training_flops", sa.Float(53), nullable=False),
        sa.Column("sparsity", sa.Float(53)),
        sa.Column("churn", sa.Float(53)),
        sa.Column("itop", sa.Float(53)),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "step", name="pk_report"),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name="fk_report_attempt_id_attempt", ondelete="CASCADE"
        ),
    )

    op.create_table(
        "checkpoint",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("trial_id", BIG_ID, nullable=False),
        sa.Column("attempt_id", BIG_ID, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint"),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name="fk_checkpoint_trial_id_trial", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name="fk_checkpoint_attempt_id_attempt", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_checkpoint_trial", "checkpoint", ["trial_id", "step"])

    op.create_table(
        "event",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("at_s", sa.Float(53), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_event_job_id_job", ondelete="CASCADE"),
    )
    op.create_index("ix_event_job", "event", ["job_id", "id"])


def downgrade() -> None:
    """Drop them, children first."""
    for table in ("event", "checkpoint", "report", "attempt", "trial", "job"):
        op.drop_table(table)

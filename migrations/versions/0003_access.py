"""Bearer tokens, projects, quotas and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0003_access"
down_revision = "0002_lifecycle"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Every job so far belongs to project 'default' and nobody's token; a key is unique in its project alone."""
    _refuse_cascades()
    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("project", sa.Text, nullable=False, server_default="default"))
        job.add_column(sa.Column("owner", sa.Text, nullable=False, server_default=""))
        job.drop_constraint("uq_job_idempotency_key", type_="unique")
        job.create_unique_constraint("uq_job_project", ["project", "idempotency_key"])
    op.create_index("ix_job_project", "job", ["project", "id"])
    op.create_index("ix_job_owner", "job", ["owner", "id"])

    op.create_table(
        "token",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("project", sa.Text),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at_s", sa.Float(53), nullable=False),
        sa.Column("expires_at_s", sa.Float(53)),
        sa.Column("last_used_at_s", sa.Float(53)),
        sa.Column("revoked_at_s", sa.Float(53)),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
    )
    op.create_index("ix_token_project", "token", ["project", "id"])

    op.create_table(
        "quota",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("active_jobs", sa.Integer),
        sa.Column("device_hours", sa.Float(53)),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_quota"),
    )

    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("at_s", sa.Float(53), nullable=False),
        sa.Column("token_id", sa.Text, nullable=False, server_default=""),
        sa.Column("project", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("client", sa.Text, nullable=False, server_default=""),
        sa.Column("request_id", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_project", "audit", ["project", "id"])
    op.create_index("ix_audit_at", "audit", ["at_s"])


def downgrade() -> None:
    """Take it away; of the jobs that share a key in different projects, the oldest keeps it."""
    _refuse_cascades()
    for table in ("audit", "quota", "token"):
        op.drop_table(table)
    op.execute(
        "UPDATE job SET idempotency_key = NULL WHERE EXISTS (SELECT 1 FROM job AS older "
        "WHERE older.idempotency_key = job.idempotency_key AND older.id < job.id)"
    )
    op.drop_index("ix_job_owner", "job")
    op.drop_index("ix_job_project", "job")
    with op.batch_alter_table("job") as job:
        job.drop_constraint("uq_job_project", type_="unique")
        job.create_unique_constraint("uq_job_idempotency_key", ["idempotency_key"])
        job.drop_column("owner")
        job.drop_column("project")


def _refuse_cascades() -> None:
    """SQLite rebuilds the table, and dropping the old one would delete every trial where foreign keys are enforced."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise RuntimeError("Migrations of SQLite run with foreign keys off: see store.migrate.transaction.")

"""The tables: our one source of truth. Names are text, never database enums; units stand in every column name.

Times are seconds since 1970 by the database's clock (`store.clock`), never a host's.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, MetaData, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite auto-increments INTEGER alone


class Base(DeclarativeBase):
    """The metadata that migrations are compared with."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Job(Base):
    """A search. `spec` is a `records.JobSpec`, `plan` the frozen `records.Plan` it was accepted with.

    States: queued → running ⇄ paused → stopping → succeeded | failed | cancelled. `wanted` is what a user asked for
    and the owner has not done yet: "cancel", "stop" or null.
    """

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("project", "idempotency_key"),
        Index("ix_job_claimable", "state", "priority", "id"),
        Index("ix_job_project", "project", "id"),
        Index("ix_job_owner", "owner", "id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)  # sortable by creation
    name: Mapped[str] = mapped_column(Text)
    project: Mapped[str] = mapped_column(Text, server_default="default")  # whose tokens see it
    owner: Mapped[str] = mapped_column(Text, server_default="")  # the id of the token it came with; '': without any
    idempotency_key: Mapped[str | None] = mapped_column(Text)  # unique in its project
    request_digest: Mapped[str | None] = mapped_column(Text)  # of the spec as submitted: it may be extended later
    priority: Mapped[int] = mapped_column(Integer, server_default=text("0"))  # higher is claimed first
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    wanted: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")  # a stable word
    message: Mapped[str] = mapped_column(Text, server_default="")  # a sentence
    created_at_s: Mapped[float] = mapped_column(Float(53))
    updated_at_s: Mapped[float] = mapped_column(Float(53))
    ended_at_s: Mapped[float | None] = mapped_column(Float(53))
    search_closed: Mapped[str] = mapped_column(Text, server_default="")  # what ended the search early: a stable word
    active_s: Mapped[float] = mapped_column(Float(53), server_default=text("0"))  # ran so long before `active_since_s`
    active_since_s: Mapped[float | None] = mapped_column(Float(53))  # null: queued, paused or ended
    started_at_s: Mapped[float | None] = mapped_column(Float(53))  # first claimed
    tidied_at_s: Mapped[float | None] = mapped_column(Float(53))  # its files were put in order after its end
    archived_at_s: Mapped[float | None] = mapped_column(Float(53))  # lists leave it out
    lease_owner: Mapped[str | None] = mapped_column(Text)
    lease_token: Mapped[str | None] = mapped_column(Text)
    lease_expires_at_s: Mapped[float | None] = mapped_column(Float(53))


class Trial(Base):
    """One configuration with one seed.

    States: waiting → running → complete | pruned | infeasible | failed | cancelled.
    Kinds: baseline (dense) | search | confirm (fresh seeds) | ladder (larger dense models).
    """

    __tablename__ = "trial"
    __table_args__ = (
        UniqueConstraint("job_id", "number"),
        Index(  # covering: a curve is answered from this index alone
            "ix_trial_curve",
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
            "state",  # always 'complete' here; SQLite before 3.43 needs it to answer from the index alone
            sqlite_where=text("state = 'complete'"),
            postgresql_where=text("state = 'complete'"),
        ),
        Index("ix_trial_job_state", "job_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    family: Mapped[str] = mapped_column(Text)
    configuration: Mapped[dict[str, Any]] = mapped_column(JSON)  # Configuration.canonical()
    configuration_key: Mapped[str] = mapped_column(Text)
    sparsity: Mapped[float] = mapped_column(Float(53))  # fraction, solved; nominal where infeasible
    scale: Mapped[str] = mapped_column(Text, server_default="")
    seed: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text, server_default="waiting")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    message: Mapped[str] = mapped_column(Text, server_default="")
    created_at_s: Mapped[float] = mapped_column(Float(53))
    ended_at_s: Mapped[float | None] = mapped_column(Float(53))
    value: Mapped[float | None] = mapped_column(Float(53))  # validation metric, the data set's unit
    test_value: Mapped[float | None] = mapped_column(Float(53))
    forward_flops_per_sample: Mapped[int | None] = mapped_column(BigInteger)
    executed_flops_per_sample: Mapped[int | None] = mapped_column(BigInteger)
    flop_ratio: Mapped[float | None] = mapped_column(Float(53))  # over dense, in the job's scope
    training_flops: Mapped[float | None] = mapped_column(Float(53))  # whole run
    parameters: Mapped[int | None] = mapped_column(BigInteger)
    nonzero_parameters: Mapped[int | None] = mapped_column(BigInteger)
    training_seconds: Mapped[float | None] = mapped_column(Float(53))


class Attempt(Base):
    """One execution of a trial, ended `finished | handed_back | lost | failed | cancelled`; its token owns its row.

    Handed back: it saved a checkpoint and ended in good order, so that another goes on; lost: nobody meant it. `stop`
    says what it is asked to end for: a pause that hands back, the end of the search, or the job's cancelling.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("trial_id", "number"),
        Index("ix_attempt_state", "state", "lease_expires_at_s"),
        Index("ix_attempt_slot", "slot", "id"),
        Index(  # few of many: looked at whenever a slot is chosen or a job is shown
            "ix_attempt_lost",
            "slot",
            "ended_at_s",
            sqlite_where=text("state = 'lost'"),
            postgresql_where=text("state = 'lost'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text, server_default="running")
    stop: Mapped[str] = mapped_column(Text, server_default="")  # '', hand_back, stop or cancel: read at each renewal
    token: Mapped[str] = mapped_column(Text)
    lease_expires_at_s: Mapped[float] = mapped_column(Float(53))
    worker: Mapped[str] = mapped_column(Text)
    slot: Mapped[str] = mapped_column(Text)  # "host/cpu:0": where it runs
    process: Mapped[str] = mapped_column(Text, server_default="")  # "pid@process start", for an adopting worker
    started_at_s: Mapped[float] = mapped_column(Float(53))
    ended_at_s: Mapped[float | None] = mapped_column(Float(53))
    failure_class: Mapped[str] = mapped_column(Text, server_default="")
    message: Mapped[str] = mapped_column(Text, server_default="")
    environment: Mapped[dict[str, Any]] = mapped_column(JSON)  # versions, device, git commit
    log_path: Mapped[str] = mapped_column(Text, server_default="")


class Report(Base):
    """One intermediate measurement of an attempt: a `records.Progress`."""

    __tablename__ = "report"

    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    total_steps: Mapped[int] = mapped_column(Integer)
    train_loss: Mapped[float | None] = mapped_column(Float(53))  # nats
    value: Mapped[float | None] = mapped_column(Float(53))
    training_flops: Mapped[float] = mapped_column(Float(53))
    sparsity: Mapped[float | None] = mapped_column(Float(53))
    churn: Mapped[float | None] = mapped_column(Float(53))
    itop: Mapped[float | None] = mapped_column(Float(53))
    seconds: Mapped[float] = mapped_column(Float(53))


class Checkpoint(Base):
    """A complete checkpoint on disk: written and renamed before this row exists."""

    __tablename__ = "checkpoint"
    __table_args__ = (
        Index("ix_checkpoint_trial", "trial_id", "step"),
        Index("ix_checkpoint_attempt", "attempt_id"),  # deleting an attempt looks for these
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id", ondelete="CASCADE"))
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id", ondelete="CASCADE"))
    step: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(Text)  # relative to the artifact root
    created_at_s: Mapped[float] = mapped_column(Float(53))


class Event(Base):
    """The replayable log of a job."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"))
    at_s: Mapped[float] = mapped_column(Float(53))
    kind: Mapped[str] = mapped_column(Text)  # "job.running", "trial.complete", "attempt.lost", …
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)


class Token(Base):
    """A bearer token `sift_<id>_<secret>`; only a hash of the whole is kept.

    Scopes: read < submit < admin, each includes those before it.
    """

    __tablename__ = "token"
    __table_args__ = (Index("ix_token_project", "project", "id"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)  # public; sortable by creation
    name: Mapped[str] = mapped_column(Text)
    project: Mapped[str | None] = mapped_column(Text)  # null: every project
    scope: Mapped[str] = mapped_column(Text)  # the highest
    secret_hash: Mapped[str] = mapped_column(Text)  # SHA-256 of the whole token, in hexadecimal
    created_by: Mapped[str] = mapped_column(Text, server_default="")  # a token's id; '': the database's operator
    created_at_s: Mapped[float] = mapped_column(Float(53))
    expires_at_s: Mapped[float | None] = mapped_column(Float(53))  # null: never
    last_used_at_s: Mapped[float | None] = mapped_column(Float(53))  # to a minute
    revoked_at_s: Mapped[float | None] = mapped_column(Float(53))


class Quota(Base):
    """What a project or a token may use; a null limits nothing. Kinds: project | token."""

    __tablename__ = "quota"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)  # the project's name or the token's id
    active_jobs: Mapped[int | None] = mapped_column(Integer)  # jobs that have not ended
    device_hours: Mapped[float | None] = mapped_column(Float(53))  # of attempts, in the last 30 days
    running_jobs: Mapped[int | None] = mapped_column(Integer)  # that workers drive at once


class Audit(Base):
    """Who asked to change what, and how it was answered."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_project", "project", "id"), Index("ix_audit_at", "at_s"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at_s: Mapped[float] = mapped_column(Float(53))
    token_id: Mapped[str] = mapped_column(Text, server_default="")  # '': no token was asked for
    project: Mapped[str | None] = mapped_column(Text)  # the token's; null: every project
    action: Mapped[str] = mapped_column(Text)  # the operation: "cancel_job"; the method where there is none
    target: Mapped[str] = mapped_column(Text)  # the path that was asked for, what it made, which jobs its body names
    status: Mapped[int] = mapped_column(Integer)  # HTTP
    client: Mapped[str] = mapped_column(Text, server_default="")  # the address that connected
    request_id: Mapped[str] = mapped_column(Text, server_default="")  # that the request's log line carries


class Label(Base):
    """A word that a user has put on a job, such as project: thesis."""

    __tablename__ = "label"
    __table_args__ = (Index("ix_label_key", "key", "value", "job_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Removal(Base):
    """A job that was deleted: its rows are gone, its folder goes from every artifact root that has it."""

    __tablename__ = "removal"

    job_id: Mapped[str] = mapped_column(Text, primary_key=True)
    asked_at_s: Mapped[float] = mapped_column(Float(53))


class Worker(Base):
    """A worker as it tells of itself. It is alive while `seen_at_s` is less than its `lease_ttl_s` ago."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(Text, primary_key=True)  # "host/1f2e3d4c", as in `Job.lease_owner`
    host: Mapped[str] = mapped_column(Text)
    process: Mapped[str] = mapped_column(Text, server_default="")  # as in `Attempt.process`
    engine: Mapped[str] = mapped_column(Text)  # "local" or "ray"
    slots: Mapped[list[str]] = mapped_column(JSON)  # names, as in `Attempt.slot`; none where a cluster makes them
    versions: Mapped[dict[str, Any]] = mapped_column(JSON)
    lease_ttl_s: Mapped[float] = mapped_column(Float(53))
    started_at_s: Mapped[float] = mapped_column(Float(53))
    seen_at_s: Mapped[float] = mapped_column(Float(53))
    stopped_at_s: Mapped[float | None] = mapped_column(Float(53))  # it said goodbye


class SlotRelease(Base):
    """A slot that somebody let out of quarantine: what was lost there before does not count any more."""

    __tablename__ = "slot_release"

    slot: Mapped[str] = mapped_column(Text, primary_key=True)
    released_at_s: Mapped[float] = mapped_column(Float(53))

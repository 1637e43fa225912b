"""The JSON of tokens, quotas and the audit log."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StrictInt, StringConstraints

from service.numbers import Whole
from store.quotas import KINDS
from store.tokens import DEFAULT_DAYS, LONGEST_DAYS, PROJECT

Scope = Literal["read", "submit", "admin"]
Kind = Literal["project", "token"]
Project = Annotated[str, StringConstraints(pattern=f"^{PROJECT}$")]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Days = Annotated[float, Strict(), Field(gt=0.0, le=LONGEST_DAYS)]
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000), Whole]
Hours = Annotated[float, Strict(), Field(ge=0.0, le=1e9)]


class TokenBody(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Name = Field(description="For people: who or what carries it.")
    scope: Scope = Field(description="read < submit < admin; each includes those before it.")
    project: Project | None = Field(
        default=None, description="Whose jobs it sees; null: every project's, with the scope admin alone."
    )
    expires_in_days: Days | None = Field(default=DEFAULT_DAYS, description="null: never.")


class TokenView(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    project: str | None = Field(description="null: every project.")
    scope: Scope
    created_by: str = Field(description="The token that made it; empty: the operator, at the database.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To a minute.")
    revoked_at: datetime | None


class NewToken(TokenView):
    """A token with its secret, which is shown this once."""

    token: str = Field(description="What is sent as `Authorization: Bearer …`. Only a hash of it is kept.")


class TokenPage(BaseModel):
    """A page of tokens, newest first."""

    items: list[TokenView]
    next_page_token: str | None


class QuotaBody(BaseModel):
    """Limits; null limits nothing."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    active_jobs: Count | None = Field(default=None, description="Jobs that have not ended.")
    device_hours: Hours | None = Field(
        default=None, description="That attempts held in the last 30 days, by each slot's share of a device."
    )
    running_jobs: Count | None = Field(default=None, description="Jobs that workers drive at once; others wait.")


class QuotaView(QuotaBody):
    """What a project or a token may use."""

    model_config = ConfigDict(extra="ignore")

    kind: Kind
    subject: str = Field(description="The project's name or the token's id.")


class UsedQuota(QuotaView):
    """The same with what is used now."""

    used_active_jobs: int
    used_device_hours: float
    used_running_jobs: int


class QuotaPage(BaseModel):
    """A page of quotas, by kind and subject."""

    items: list[QuotaView]
    next_page_token: str | None


class Me(BaseModel):
    """Who asks."""

    token_id: str | None = Field(description="null: this service asks for no token.")
    name: str
    project: str | None = Field(description="null: every project.")
    scopes: list[Scope]
    expires_at: datetime | None
    quotas: list[UsedQuota] = Field(description="Of the token and of its project, where there are limits.")


class AuditView(BaseModel):
    """Who asked to change what, and how it was answered."""

    id: int
    at: datetime
    token_id: str = Field(description="Empty: no token was asked for.")
    project: str | None = Field(description="The token's; null: every project.")
    action: str = Field(description="The operation's id; the method where no operation was met.")
    target: str = Field(description="The path, the address of what was made, and the jobs that a body names.")
    status: int
    client: str = Field(description="The address that connected.")
    request_id: str = Field(description="As in the answer's `X-Request-ID` and in the log.")


class AuditPage(BaseModel):
    """A page of the audit log, newest first."""

    items: list[AuditView]
    next_page_token: str | None


assert set(KINDS) == {"project", "token"}

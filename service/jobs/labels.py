"""Labels in requests: in a submission, in a patch, in a filter."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Query
from pydantic import Field, StringConstraints, WithJsonSchema

from service.jobs.bodies import Body, Title
from service.problems import invalid
from store.labels import MOST
from store.tables import Job

KEY = r"[A-Za-z0-9][A-Za-z0-9_./-]{0,62}"
VALUE = r"[^\x00-\x1f\x7f]{0,200}"

LabelKey = Annotated[str, StringConstraints(pattern=f"^{KEY}$")]
LabelValue = Annotated[str, StringConstraints(pattern=f"^{VALUE}$", max_length=200)]
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=MOST)]
LABEL_FILTER = Annotated[
    list[Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{KEY}:{VALUE}$"})]] | None,
    Query(max_length=MOST, description="`key:value` that the job is labelled with; may be repeated, all must hold."),
]


class JobPatch(Body):
    """What of a job may be changed at any time."""

    name: Title | None = Field(default=None, description="For people; null: as it was submitted.")
    labels: Annotated[dict[LabelKey, LabelValue | None], Field(max_length=2 * MOST)] | None = Field(
        default=None, description="Laid over the job's; null for a key takes it away, null for all takes all away."
    )

    def new_name(self, job: Job) -> str | None:
        """The name that the job gets; None: it keeps its own."""
        if "name" not in self.model_fields_set:
            return None
        submitted: str = job.spec["name"]
        return self.name or submitted

    def new_labels(self, labelled: Mapping[str, str]) -> dict[str, str | None]:
        """What is laid over the job's labels."""
        if "labels" not in self.model_fields_set:
            return {}
        return dict.fromkeys(labelled) if self.labels is None else dict(self.labels)


def wanted_labels(given: Sequence[str] | None) -> list[tuple[str, str]]:
    """The filter's labels as pairs.

    Raises:
        Refused: one that is no `key:value`.
    """
    found = []
    for text in given or ():
        match = re.fullmatch(f"({KEY}):({VALUE})", text)
        if match is None:
            raise invalid("label", f"{text[:80]!a} is no label; write key:value, such as team:vision.")
        found.append((match[1], match[2]))
    return found

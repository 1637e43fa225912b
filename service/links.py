"""OpenAPI links: where an answer leads. They are what a reader, a generated client or a fuzzer follows."""

from typing import Any

JOB_ID = {"job": "$response.body#/id"}
FIRST_JOB = {"job": "$response.body#/items/0/id"}
SAME_JOB = {"job": "$request.path.job"}
FIRST_TRIAL = SAME_JOB | {"number": "$response.body#/items/0/number"}
OF_A_JOB = (
    "show_job", "change_job", "delete_job", "list_trials", "list_events", "show_best", "show_curve", "compare_points",
    "show_equivalence", "show_pareto", "show_smooth", "show_importance", "show_ledger", "export_trials",
    "export_reports", "pause_job", "resume_job", "stop_job", "cancel_job", "extend_job", "prioritize_job",
    "archive_job", "unarchive_job", "clone_job",
)  # fmt: skip
OF_A_TRIAL = ("show_trial", "show_metrics", "show_log", "list_artifacts")
FIRST_NAME = {"name": "$response.body#/items/0/name"}
TOKEN_ID = {"token": "$response.body#/id"}
QUOTA = {"kind": "$response.body#/kind", "subject": "$response.body#/subject"}

# (operation, status) -> its links' targets, each with the values of their parameters
LINKS: dict[tuple[str, str], dict[str, dict[str, str]]] = {
    ("submit_job", "201"): dict.fromkeys(OF_A_JOB, JOB_ID),
    ("clone_job", "201"): dict.fromkeys(OF_A_JOB, JOB_ID),
    ("list_jobs", "200"): dict.fromkeys(OF_A_JOB, FIRST_JOB),
    ("show_job", "200"): {"change_job": JOB_ID | {"if-match": "$response.header.ETag"}},
    ("list_trials", "200"): dict.fromkeys(OF_A_TRIAL, FIRST_TRIAL),
    ("list_artifacts", "200"): {"read_artifact": SAME_JOB | {"number": "$request.path.number"} | FIRST_NAME},
    ("list_events", "200"): {"list_events": SAME_JOB | {"after": "$response.body#/last_id"}},
    ("list_families", "200"): {"show_family": FIRST_NAME},
    ("list_models", "200"): {"show_model": FIRST_NAME},
    ("list_datasets", "200"): {"show_dataset": FIRST_NAME},
    ("list_slots", "200"): {"release_slot": {"slot": "$response.body#/items/0/slot"}},
    ("create_token", "201"): {"show_token": TOKEN_ID, "revoke_token": TOKEN_ID},
    ("list_tokens", "200"): {"show_token": {"token": "$response.body#/items/0/id"}},
    ("put_quota", "200"): {"show_quota": QUOTA, "delete_quota": QUOTA},
}


def add(made: dict[str, Any]) -> None:
    """Add them to a document, under their targets' names."""
    for item in made["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                targets = LINKS.get((operation["operationId"], status), {})
                if targets:
                    response["links"] = {
                        name: {"operationId": name, "parameters": dict(values)} for name, values in targets.items()
                    }

"""The answers beside the curve, over both databases."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from service.analyses.schemas import (
    ComparisonsView,
    EquivalenceView,
    ImportanceView,
    LedgerView,
    ParetoView,
    SmoothView,
)
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Configuration
from store import attempts, jobs, trials
from store.sessions import Database
from store.tables import Job
from tests.service import history
from tests.service.fakes import DENSE_POINT, point
from tests.store.samples import RESULT, progress, started

VIEWS: dict[str, type[BaseModel]] = {
    "compare": ComparisonsView,
    "equivalence": EquivalenceView,
    "pareto": ParetoView,
    "smooth": SmoothView,
    "importance": ImportanceView,
    "ledger": LedgerView,
}
LEVELS = (0.5, 0.6, 0.75, 0.9)


def searched(session: Session) -> Job:
    """A job with dense on two seeds, a ladder at twice the FLOPs, and a search of two schedules at four levels."""
    job = history.claimed(session)
    for seed, value in enumerate((90.0, 90.2)):
        history.completed(session, job, seed, DENSE_POINT, "baseline", value, seed=seed)
    number = 2
    for seed, value in enumerate((92.1, 92.0)):
        trained(session, job, number, Configuration(DENSE, flop_multiple=2.0), value, seed, kind="ladder", ratio=2.0)
        number += 1
    for schedule in (MaskSchedule("static"), MaskSchedule("rigl"), MaskSchedule("rigl", delta_t_steps=50)):
        for i, level in enumerate(LEVELS):
            value = 91.0 - 4 * abs(level - 0.75) + (0.3 if schedule.is_dynamic else 0.0) + 0.01 * i
            trained(session, job, number, Configuration("sparse_wide", level, schedule), value, 7)
            number += 1
    return job


def trained(
    session: Session,
    job: Job,
    number: int,
    configuration: Configuration,
    value: float,
    seed: int,
    kind: str = "search",
    ratio: float = 0.9999,
) -> None:
    """A complete trial of any configuration, with two reports of its masks."""
    at = DENSE_POINT if configuration.family == DENSE else point(configuration.family, configuration.nominal_sparsity)
    token = job.lease_token or ""
    given = {"number": number, "kind": kind, "configuration": configuration, "point": at, "seed": seed}
    attempt = started(session, job, trials.add(session, job.id, token, **given))
    moving = configuration.schedule is not None and configuration.schedule.is_dynamic
    masks = {"churn": 0.1 if moving else None, "itop": 0.4 + 0.01 * number if moving else 0.4}
    attempts.write_reports(session, attempt.id, attempt.token, [progress(10, **masks), progress(100, **masks)])
    sparsity = configuration.nominal_sparsity
    attempts.finish(
        session, attempt.id, attempt.token, replace(RESULT, value=value, flop_ratio=ratio, sparsity=sparsity)
    )


def get(client: TestClient, job: Job | str, noun: str, **params: Any) -> dict[str, Any]:
    job_id = job if isinstance(job, str) else job.id
    response = client.get(f"/v1/jobs/{job_id}/{noun}", params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    VIEWS[noun].model_validate(found)
    return found


def test_every_answer_of_a_searched_job(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = searched(session).id

    equal = get(client, job_id, "equivalence")
    assert [s["flop_multiple"] for s in equal["sizes"]] == [pytest.approx(0.9999), 2.0]
    (multiplier,) = equal["multipliers"]
    assert (multiplier["family"], multiplier["reason"]) == ("sparse_wide", "")
    # 90.1 to 92.05 in a doubling; 91.32 lies at 1.22 / 1.95 of it
    assert multiplier["value"] == pytest.approx(2 ** (1.22 / 1.95), rel=2e-3)

    front = get(client, job_id, "pareto", cost="parameters")
    assert (front["cost"], len(front["points"]), front["without_cost"]) == ("parameters", 14, 0)
    assert any(p["label"] == "Dense 2.00×" for p in front["points"])

    curve, nothing = get(client, job_id, "smooth")["curves"]
    assert (curve["family"], nothing["family"]) == ("sparse_wide", "sparse_parallel")
    assert nothing["reason"] == "0 of at least 3 different sparsities have a result."
    assert curve["levels"] == 4
    assert 0.6 <= curve["best_sparsity"] <= 0.9

    matters = get(client, job_id, "importance")
    assert matters["runs"] == 12
    assert {i["parameter"] for i in matters["importances"]} == {"sparsity", "method", "delta_t_steps"}
    effects = {(e["parameter"], e["change"]): e for e in matters["effects"]}
    moved = effects["method", "rigl against static"]
    assert (moved["effect"], moved["cells"]) == (pytest.approx(0.3), 4)
    itop = next(a for a in matters["associations"] if a["measure"] == "itop")
    assert (itop["runs"], itop["groups"]) == (12, 4)
    assert itop["correlation"] > 0

    spent = get(client, job_id, "ledger")
    assert spent["total"]["trials"] == 16
    assert spent["total"]["algorithmic_flops"] == pytest.approx(16 * RESULT.training_flops)
    assert spent["total"]["executed_flops"] == pytest.approx(16 * 3 * RESULT.executed_flops * 100 * 32)
    assert {e["name"] for e in spent["by_kind"]} == {"baseline", "ladder", "search"}


def test_comparisons_by_default_and_by_name(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    found = get(client, job_id, "compare")
    (wide,) = found["comparisons"]
    assert (found["reference"], wide["method"], wide["seeds"]) == ("dense", "blocked", 2)
    assert wide["difference"] == pytest.approx(1.05)
    # differences 1.1 and 1.0: 12.706 · .0707 / √2
    assert wide["high"] - wide["difference"] == pytest.approx(12.706 * 0.05, rel=1e-3)
    assert wide["verdict"] == "better"
    key = wide["key"]
    assert get(client, job_id, "compare", key=[key])["comparisons"] == [wide]
    turned = get(client, job_id, "compare", reference=key, key=["dense"])
    assert turned["comparisons"][0]["difference"] == pytest.approx(-1.05)
    refused = client.get(f"/v1/jobs/{job_id}/compare", params={"key": "nothing"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")
    assert "no configuration 'nothing' of this job has a result." in refused.json()["detail"]


def test_unequal_flops_are_refused_in_the_answer(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        for seed in (0, 1):
            history.completed(session, job, seed, DENSE_POINT, "baseline", 90.0 + seed, seed=seed)
        off = Configuration("sparse_wide", 0.5, MaskSchedule("static"))
        trained(session, job, 2, off, 95.0, 0, ratio=1.05)
    (found,) = get(client, job, "compare", key=[off.key])["comparisons"]
    assert (found["difference"], found["verdict"]) == (None, "unknown")
    assert (found["refusal"]["flop_ratio"], found["refusal"]["reference_flop_ratio"]) == (1.05, 1.0)


@pytest.mark.parametrize("noun", sorted(VIEWS))
def test_a_job_without_results_has_answers_too(client: TestClient, database: Database, noun: str) -> None:
    with database.write() as session:
        job_id = history.submitted(session).id
    get(client, job_id, noun)
    missing = client.get(f"/v1/jobs/job_0/{noun}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("noun", sorted(VIEWS))
def test_the_etag_holds_until_the_answer_changes(client: TestClient, database: Database, noun: str) -> None:
    with database.write() as session:
        job = history.claimed(session)
        for seed in (0, 1):
            history.completed(session, job, seed, DENSE_POINT, "baseline", 90.0 + seed, seed=seed)
    here = f"/v1/jobs/{job.id}/{noun}"
    etag = client.get(here).headers["ETag"]
    same = client.get(here, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    with database.write() as session:
        for i, level in enumerate(LEVELS * 3):
            schedule = MaskSchedule("rigl", delta_t_steps=50 + 25 * (i % 3))
            trained(session, job, 2 + i, Configuration("sparse_wide", level, schedule), 91.0 + i / 10, i)
    changed = client.get(here, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_lost_work_is_in_the_ledger(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        first = history.begun(session, job, 0, DENSE_POINT, "baseline", seed=0)
        attempts.lose(session, first.id, "The machine is gone.")
        again = started(session, job, session.get_one(trials.Trial, first.trial_id))
        attempts.write_reports(session, again.id, again.token, [progress(11), progress(100)])
        attempts.finish(session, again.id, again.token, RESULT)
        jobs.finish(session, job.id, job.lease_token or "", "succeeded", "done", "Every trial has ended.")
    outcome = {e["name"]: e for e in get(client, job, "ledger")["by_outcome"]}
    assert outcome["complete"]["algorithmic_flops"] == RESULT.training_flops
    assert outcome["repeated"]["algorithmic_flops"] == pytest.approx(9e6)  # steps 11 to 20, at a million each
    assert outcome["repeated"]["trials"] == 1


def test_what_is_not_offered(edge: TestClient) -> None:
    unknown = edge.get("/v1/jobs/job_0/pareto", params={"cost": "money"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid-request")

"""Submitting, listing, showing and cancelling jobs."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from service.examples import DEMO_JOB, SMALLEST_JOB
from service.jobs.job_body import Method
from service.planner import ChildPlanner, PlannerUnavailable
from service.settings import Settings
from sparseift.errors import Infeasible, NothingToTransform
from sparseift.masks.schedules import SEARCHABLE_METHODS
from store import jobs
from store.sessions import Database
from tests.service import history
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner


def submit(client: TestClient, expected: int = 201, **changes: Any) -> dict[str, Any]:
    response = client.post("/v1/jobs", json={**SMALLEST_JOB, **changes})
    assert response.status_code == expected, response.text
    found: dict[str, Any] = response.json()
    return found


def counted(baseline: int, search: int, confirm: int, *, total: int, infeasible: int) -> dict[str, int]:
    """Planned trials without a ladder."""
    trials = {"baseline": baseline, "search": search, "confirm": confirm, "ladder": 0}
    return {**trials, "total": total, "infeasible_points": infeasible}


def test_a_search_may_propose_what_the_library_calls_searchable() -> None:
    assert get_args(Method) == SEARCHABLE_METHODS


def test_a_submission_is_stored_with_every_default_and_its_plan(client: TestClient, database: Database) -> None:
    response = client.post("/v1/jobs", json=DEMO_JOB)
    assert response.status_code == 201
    job = response.json()
    assert response.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued"
    assert job["spec"]["model"] == {"name": "resnet", "arguments": {"width": 8, "stages": 3, "blocks": 1}}
    assert job["planned_trials"] == {
        "baseline": 3,
        "search": 16,
        "confirm": 12,
        "ladder": 0,
        "total": 31,
        "infeasible_points": 0,
    }
    assert (job["progress"], job["eta_seconds"], job["best"], job["trials"]) == (0.0, None, None, {})
    with database.read() as session:
        stored = jobs.get(session, job["id"])
    assert stored.plan == job["plan"]
    assert stored.spec == job["spec"]


def test_name_and_families_have_defaults(edge: TestClient) -> None:
    spec = edge.post("/v1/jobs?dry_run=true", json=SMALLEST_JOB).json()["spec"]
    assert spec["name"] == "mlp on digits"
    assert spec["families"] == ["sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped"]


def test_a_dry_run_stores_nothing(edge: TestClient) -> None:
    response = edge.post("/v1/jobs?dry_run=true", json=SMALLEST_JOB)
    assert response.status_code == 200
    found = response.json()
    assert found["dry_run"] is True
    assert len(found["plan"]["points"]) == 40
    assert found["training_flops"] == found["planned_trials"]["total"] * found["plan"]["dense_training_flops"]
    assert edge.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"model": {"name": "resnet99"}}, "unknown-name", "no model 'resnet99'; the known ones are mlp, resnet"),
        ({"dataset": {"name": "mnist"}}, "unknown-name", "no data set 'mnist'; the known ones are digits"),
        ({"families": ["dense"]}, "unknown-name", "no family 'dense'; the known ones are sparse_wide"),
        ({"model": {"name": "mlp", "arguments": {"wide": 3}}}, "unknown-name", "known ones are width, depth"),
        ({"model": {"name": "mlp", "arguments": {"width": 0}}}, "invalid-request", "width is 0; it must lie in [1,"),
        ({"model": {"name": "mlp", "arguments": {"width": 2.5}}}, "invalid-request", "must be an integer"),
        ({"model": {"name": "mlp", "arguments": {"width": True}}}, "invalid-request", "width"),
        ({"model": {"name": "mlp", "arguments": {"width": 10**400}}}, "invalid-request", "a very large integer"),
        ({"model": {"name": "gpt"}}, "invalid-request", "takes text and the data set 'digits' holds images"),
        ({"model": "mlp"}, "invalid-request", "model is 'mlp'"),
        ({"training": {"speed": 3}}, "unknown-name", "no training setting for images 'speed'"),
        ({"training": {"epochs": 0}}, "invalid-request", "epochs is 0; it must lie in [1,"),
        ({"training": {"milestone_fractions": [0.9, 0.1]}}, "invalid-request", "it must rise"),
        (
            {"space": {"sparsities": []}},
            "invalid-request",
            "space.sparsities is []: it must hold at least one number in [0.3, 0.95].",
        ),
        ({"space": {"sparsities": [0.2]}}, "invalid-request", "space.sparsities.0 is 0.2: input should be greater"),
        ({"space": {"sparsities": [0.96]}}, "invalid-request", "space.sparsities.0 is 0.96"),
        ({"space": {"sparsities": [0.5, 0.5]}}, "invalid-request", "holds 0.5 more than once"),
        (
            {"space": {"methods": []}},
            "invalid-request",
            "space.methods is []: it must hold at least one of static, set, rigl, snfs.",
        ),
        ({"space": {"methods": ["magic"]}}, "invalid-request", "'static', 'set', 'rigl' or 'snfs'"),
        ({"space": {"delta_t_steps": [100, 10]}}, "invalid-request", "low <= high"),
        ({"space": {"drop_fraction": [0.0, 0.5]}}, "invalid-request", "greater than 0"),
        ({"space": {"t_end_fraction": [0.5]}}, "invalid-request", "t_end_fraction"),
        ({"budget": {"search_trials": 0}}, "invalid-request", "budget.search_trials is 0"),
        ({"budget": {"confirm_seeds": 0}}, "invalid-request", "budget.confirm_seeds is 0"),
        ({"budget": {"early_stopping": "hyperband"}}, "invalid-request", "'none' or 'median'"),
        (
            {"families": []},
            "invalid-request",
            "families is []: it must hold at least one of sparse_wide, sparse_parallel, ",
        ),
        ({"space": {"anneals": []}}, "invalid-request", "at least one of cosine, constant, linear."),
        ({"space": {"distributions": []}}, "invalid-request", "at least one of uniform, erk."),
        ({"seed": -1}, "invalid-request", "seed is -1"),
        ({"seed": True}, "invalid-request", "seed is True"),
        ({"name": "a\x00b"}, "invalid-request", "name is 'a\\x00b'"),
        ({"name": "n" * 201}, "invalid-request", "at most 200"),
        ({"scope": "everything"}, "invalid-request", "scope is 'everything'"),
        ({"in_flight": 0}, "invalid-request", "in_flight is 0"),
        ({"callback": "http://x"}, "invalid-request", "callback is not a field"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_the_legal_ones(
    edge: TestClient, changes: dict[str, Any], code: str, words: str
) -> None:
    problem = submit(edge, 422, **changes)
    assert problem["code"] == code
    assert words in problem["detail"]
    assert edge.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed-body"),
        (b'{"seed": ' + b"9" * 5000 + b"}", 400, "malformed-body"),
        (b"[" * 100_000, 400, "malformed-body"),
        (b"\xff\xfe", 400, "malformed-body"),
        (b"[]", 422, "invalid-request"),
        (b'{"model": {"name": "mlp"}, "dataset": {"name": "digits"}, "seed": NaN}', 422, "invalid-request"),
        (b'{"model": {"name": "mlp"}, "dataset": {"name": "digits"}, "name": "\\ud800"}', 422, "invalid-request"),
        (b"{" + b" " * 300_000 + b"}", 413, "body-too-large"),
    ],
)
def test_a_body_that_is_no_job_is_a_problem_and_never_a_crash(
    edge: TestClient, body: bytes, status: int, code: str
) -> None:
    response = edge.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_body_without_its_type_is_not_read(edge: TestClient) -> None:
    """A form of another site may post texts, but never declare them as JSON without being asked first."""
    response = edge.post("/v1/jobs", content=b'{"model": {"name": "mlp"}}', headers={"Content-Type": "text/plain"})
    assert response.status_code == 422
    assert "with the header Content-Type: application/json" in response.json()["detail"]
    assert "text/plain" in response.json()["detail"]
    form = edge.post("/v1/jobs", content=b"{}", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert form.json()["detail"].endswith("it came as 'application/x-www-form-urlencoded'.")


def test_a_missing_body_is_told_from_a_wrong_one(edge: TestClient) -> None:
    assert edge.post("/v1/jobs").json()["detail"] == "body is missing."
    listed = edge.post("/v1/jobs", json=[1]).json()
    assert listed["detail"] == "body is [1]: it must be a JSON object."


def test_numbers_may_not_be_infinite(edge: TestClient) -> None:
    body = b'{"model": {"name": "mlp", "arguments": {"width": Infinity}}, "dataset": {"name": "digits"}}'
    response = edge.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert "inf" in response.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": {"name": "resnet99"}}, "model.name"),
        ({"dataset": {"name": "mnist"}}, "dataset.name"),
        ({"families": ["sparse_wide", "dense"]}, "families.1"),
        ({"model": {"name": "mlp", "arguments": {"depth": 2, "wide": 3}}}, "model.arguments.wide"),
        ({"model": {"name": "mlp", "arguments": {"depth": 2, "width": 0}}}, "model.arguments.width"),
        ({"dataset": {"name": "digits", "arguments": {"size": 3}}}, "dataset.arguments.size"),
        ({"model": {"name": "gpt"}}, "dataset.name"),
        ({"training": {"epochs": 2, "speed": 3}}, "training.speed"),
        ({"training": {"epochs": 0, "batch_size": 8}}, "training.epochs"),
        ({"training": {"momentum": 0.0, "nesterov": True}}, "training.momentum"),
        ({"training": {"batch_size": 100_000}}, "training.batch_size"),
        ({"space": {"methods": ["snfs"]}, "training": {"momentum": 0.0, "nesterov": False}}, "training.momentum"),
        ({"budget": {"early_stopping": "median"}, "training": {"evaluations": 1}}, "training.evaluations"),
    ],
)
def test_what_no_catalog_allows_is_placed_at_its_field(edge: TestClient, changes: dict[str, Any], field: str) -> None:
    problem = submit(edge, 422, **changes)
    assert [e["field"] for e in problem["errors"]] == [field]
    assert problem["errors"][0]["message"] in problem["detail"]


def test_a_family_without_a_feasible_point_is_accepted_and_costs_nothing(
    edge: TestClient, planner: FakePlanner
) -> None:
    planner.refused = {"sparse_doped"}
    job = edge.post("/v1/jobs?dry_run=true", json={**SMALLEST_JOB, "space": {"sparsities": [0.5, 0.9]}}).json()
    assert job["planned_trials"] == {
        "baseline": 3,
        "search": 24,
        "confirm": 9,
        "ladder": 0,
        "total": 36,
        "infeasible_points": 2,
    }


@pytest.mark.parametrize(
    ("error", "status", "code", "extra"),
    [
        (Infeasible("Nothing meets it.", (0.5, 0.75)), 422, "infeasible", {"nearest": [0.5, 0.75]}),
        (NothingToTransform("MLP has no layer to transform."), 422, "nothing-to-transform", {}),
        (PlannerUnavailable("It took too long."), 503, "planner-unavailable", {}),
    ],
)
def test_what_the_planner_refuses_is_a_problem(
    edge: TestClient, planner: FakePlanner, error: Exception, status: int, code: str, extra: dict[str, Any]
) -> None:
    planner.error = error
    problem = submit(edge, status)
    assert problem["code"] == code
    assert problem["detail"] == str(error)
    assert {k: problem[k] for k in extra} == extra


@pytest.mark.slow
def test_the_real_planner_names_the_nearest_feasible_sparsities(edge_url: str) -> None:
    """At width 32 and 95 % the widened layers that stay dense cost more than the whole dense model."""
    job = {
        "model": {"name": "mlp", "arguments": {"width": 32}},
        "dataset": {"name": "digits"},
        "families": ["sparse_wide"],
        "space": {"sparsities": [0.95]},
    }
    settings = Settings(edge_url)
    with opened(settings, ChildPlanner(settings.plan_timeout_s, 1, 1)) as client:
        refused = client.post("/v1/jobs", json=job)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (422, "infeasible")
        assert problem["nearest"]
        nearest = {**job, "space": {"sparsities": problem["nearest"]}}
        (point, *_) = client.post("/v1/jobs?dry_run=true", json=nearest).json()["plan"]["points"]
    assert point["feasible"], "the advice can be followed"


def test_a_defect_is_a_500_that_tells_nothing_but_where_to_look(edge: TestClient, planner: FakePlanner) -> None:
    planner.error = RuntimeError("secret")
    response = edge.post("/v1/jobs", json=SMALLEST_JOB, headers={"X-Request-ID": "abc-1"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == response.json()["request_id"] == "abc-1"
    assert "secret" not in response.text


def test_the_same_key_gives_the_same_job(client: TestClient) -> None:
    first = client.post("/v1/jobs", json=SMALLEST_JOB, headers={"Idempotency-Key": "k1"})
    again = client.post("/v1/jobs", json=SMALLEST_JOB, headers={"Idempotency-Key": "k1"})
    other = client.post("/v1/jobs", json={**SMALLEST_JOB, "seed": 1}, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert other.json()["code"] == "idempotency-conflict"
    assert len(client.get("/v1/jobs").json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 129])
def test_a_key_must_be_one_word(edge: TestClient, key: str) -> None:
    response = edge.post("/v1/jobs", json=SMALLEST_JOB, headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "idempotency-key"


def test_a_hundred_duplicates_at_once_give_one_job(client: TestClient) -> None:
    def once(_: int) -> tuple[int, str]:
        response = client.post("/v1/jobs", json=SMALLEST_JOB, headers={"Idempotency-Key": "storm"})
        return response.status_code, response.json()["id"]

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(once, range(100)))
    assert sorted(status for status, _ in answers) == [200] * 99 + [201]
    assert len({job_id for _, job_id in answers}) == 1


def test_pages_are_the_whole_list_once_under_inserts(client: TestClient, database: Database) -> None:
    with database.write() as session:
        expected = [history.submitted(session).id for _ in range(7)][::-1]
    seen: list[str] = []
    token = None
    while True:
        page = client.get("/v1/jobs", params={"limit": 2} | ({"page_token": token} if token else {})).json()
        seen += [job["id"] for job in page["items"]]
        with database.write() as session:
            history.submitted(session)  # newer than every page: never on one that follows
        token = page["next_page_token"]
        if token is None:
            break
    assert seen == expected


@pytest.mark.parametrize("query", ["state=finished", "limit=0", "limit=501", "page_token=x", "page_token=dHJpYWxzIDM"])
def test_a_wrong_page_is_refused(edge: TestClient, query: str) -> None:
    response = edge.get(f"/v1/jobs?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")


def test_a_running_job_shows_how_far_it_is(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    job = client.get(f"/v1/jobs/{job_id}").json()
    # 2 seeds dense + 4 searched + 2 families x 2 seeds; 4 complete and 1 failed of these 10, 12.5 s each, one slot
    assert job["planned_trials"] == {
        "baseline": 2,
        "search": 4,
        "confirm": 4,
        "ladder": 0,
        "total": 10,
        "infeasible_points": 1,
    }
    assert job["progress"] == 0.5
    assert job["eta_seconds"] == (5 - 0.2) * 12.5  # one runs, and has made 20 of 100 steps
    assert job["running"] == [{"number": 6, "step": 20, "total_steps": 100, "train_loss": 2.0, "value": 80.0}]
    assert job["best"]["family"] == "sparse_wide"
    assert job["best"]["value"] == 91.0
    assert job["best"]["confirmed"] is False
    assert job["best"]["gain"] == pytest.approx(0.8)  # over 90.2, the mean of dense
    assert job["best"]["schedule"].startswith("RigL")
    assert job["headline"].startswith("Sparse Wide")
    assert job["created_at"].endswith("Z")
    assert client.get("/v1/jobs?state=queued").json()["items"] == []
    (listed,) = client.get("/v1/jobs?state=running").json()["items"]
    assert listed == {k: job[k] for k in listed}
    assert listed["trials"] == {"infeasible": 1, "complete": 4, "failed": 1, "running": 1}


@pytest.mark.parametrize("job_id", ["job_0000", "nothing", "job_%00", "job_" + "x" * 100, "job_a'--"])
def test_a_job_that_is_not_there(edge: TestClient, job_id: str) -> None:
    for response in (edge.get(f"/v1/jobs/{job_id}"), edge.post(f"/v1/jobs/{job_id}:cancel")):
        assert (response.status_code, response.json()["code"]) == (404, "not-found")

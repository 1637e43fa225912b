"""Page tokens that no list gave: whatever stands in one, the answer is a page or a 422, never a 500."""

import base64
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.pages import Listing
from store.sessions import Database
from tests.service import history

VALUES: tuple[Any, ...] = (
    0, -1, 2**31, 2**62, -(2**63) + 1, 2**63, 2**64, 2**200, -(2**999), 2**1001, 1.5, 1e308, -1e308, -0.0, True, None,
    "", "x", "job_a", "\ud800", "\x00", "é", [], {}, [[]],
)  # fmt: skip
SORTS = {
    "jobs": ("newest", "oldest", "priority", "updated"),
    "trials": ("number", "-number", "value", "-value", "ended"),
}
JSON = ("NaN", "Infinity", "-Infinity", "1e999", "1" * 1500, "[" * 1000)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def asked(kind: str, sort: str, job_id: str) -> dict[str, Any]:
    """What a list of this sort, without filters, writes into its tokens."""
    if kind == "jobs":
        filters: dict[str, Any] = dict.fromkeys(("model", "dataset", "family"))
        return {"sort": sort, "state": [], "name": "", **filters, "label": [], "archived": "false"}
    names = ("family", "min_sparsity", "max_sparsity", "configuration")
    return {"job": job_id, "sort": sort, "state": [], "kind": [], **dict.fromkeys(names)}


@pytest.mark.parametrize(("kind", "sort"), [(kind, sort) for kind, sorts in SORTS.items() for sort in sorts])
def test_sorted_lists(client: TestClient, database: Database, kind: str, sort: str) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
        history.submitted(session)
    path = "/v1/jobs" if kind == "jobs" else f"/v1/jobs/{job_id}/trials"
    given = client.get(path, params={"sort": sort, "limit": 1}).json()["next_page_token"]
    head = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    listing = Listing(kind, asked(kind, sort, job_id))
    assert head[:2] == [kind, listing._mark()], "this test writes tokens as the list does"
    places = [[*head[2 : 2 + i], value, *head[3 + i :]] for i in range(len(head) - 2) for value in VALUES]
    texts = [json.dumps([*head[:2], *place]) for place in places]
    texts += [json.dumps([*head[:2], "?"]).replace('"?"', text) for text in JSON]
    texts += [json.dumps(head[:2]), json.dumps([*head, 1])]
    passed = 0
    for text in texts:
        params = {"sort": sort, "page_token": encoded(text)}
        response = client.get(path, params=params)
        assert response.status_code in (200, 422), (text[:80], response.text)
        passed += response.status_code == 200
    assert passed, "some of these are places that a row could have"


@pytest.mark.parametrize("path", ["/v1/workers", "/v1/slots"])
def test_lists_by_name(client: TestClient, path: str) -> None:
    kind = path.rpartition("/")[2]
    for value in VALUES:
        token = encoded(json.dumps([kind, Listing(kind, {})._mark(), value]))
        response = client.get(path, params={"page_token": token})
        assert response.status_code == (200 if value in ("x", "job_a", "é") else 422), (value, response.text)


@pytest.mark.parametrize("path", ["/v1/tokens", "/v1/quotas", "/v1/audit"])
def test_lists_by_key(client: TestClient, path: str) -> None:
    kind = path.rpartition("/")[2]
    keys = [
        "",
        "x",
        "9" * 18,
        "9" * 19,
        "-1",
        "tok_" + "0" * 22,
        "project/vision",
        "project/",
        "token/x\x00",
        "é",
        "' --",
    ]
    for key in keys:
        response = client.get(path, params={"page_token": encoded(f"{kind} {key}")})
        assert response.status_code in (200, 422), (key, response.text)


def test_a_token_of_the_longest_name_is_taken_back() -> None:
    pattern = r"[^\x00-\x1f\x7f]{1,200}"
    for name in ("a" * 200, "é" * 200, "𝛼" * 200, '"' * 200):
        token = Listing("slots", {}).token([name])
        assert len(token) <= 2048
        assert Listing("slots", {}).place(token, (pattern,)) == (name,)


def test_a_whole_number_is_a_float_where_the_key_is_one() -> None:
    listing = Listing("jobs", {})
    assert isinstance((listing.place(listing.token([2**70, "a"]), (float, "a")) or ("",))[0], float)

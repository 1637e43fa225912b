"""What a job may name."""

import pytest
from starlette.testclient import TestClient

from sparseift import catalog

KINDS = {"families": "family", "models": "model", "datasets": "dataset"}


@pytest.mark.parametrize("noun", KINDS)
def test_every_entry_is_listed_and_shown(edge: TestClient, noun: str) -> None:
    items = edge.get(f"/v1/{noun}").json()["items"]
    assert [item["name"] for item in items] == list(catalog.table(KINDS[noun]))
    for item in items:
        assert edge.get(f"/v1/{noun}/{item['name']}").json() == item
    missing = edge.get(f"/v1/{noun}/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")
    assert missing.json()["known"] == [item["name"] for item in items]


def test_cards_say_what_a_submission_needs(edge: TestClient) -> None:
    model = edge.get("/v1/models/mlp").json()
    assert model["arguments"][0] == {
        "name": "width",
        "default": 256,
        "low": 1,
        "high": 65536,
        "summary": "units of each hidden layer",
    }
    dataset = edge.get("/v1/datasets/digits").json()
    assert (dataset["needs_fetching"], dataset["metric"]["unit"]) == (False, "%")
    assert (dataset["shape"]["input_shape"], dataset["shape"]["outputs"]) == ([1, 8, 8], 10)
    assert (model["width"], model["width_multiple"], model["dense"]) == ("width", None, ["stem", "head"])
    assert edge.get("/v1/models/gpt").json()["width_multiple"] == "heads"
    assert edge.get("/v1/models/resnet").json()["mask_only"] == ["*.shortcut.*"]
    families = {f["name"]: f["widens_network"] for f in edge.get("/v1/families").json()["items"]}
    assert families == {
        "sparse_wide": True,
        "sparse_parallel": False,
        "sparse_factorized": False,
        "sparse_doped": False,
    }

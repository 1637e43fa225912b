"""Curves of thousands of points, thinned."""

from dataclasses import replace

from starlette.testclient import TestClient

from analysis.points import CurvePoint
from service.curves.schemas import CurveView
from service.curves.thinning import thinned

PLAIN = CurvePoint(
    "sparse_wide", "key", "", 0.5, 90.0, None, None, (1,), (90.0,), (), False, None, None, None, 1.0, True, 1e12, (1,)
)


def test_what_leads_stays_and_of_the_rest_the_best_trained() -> None:
    plain = PLAIN
    points = [
        replace(plain, configuration_key="lead", leads=True),
        replace(plain, configuration_key="old"),
        replace(plain, configuration_key="new", trial_ids=(9,)),
        replace(plain, configuration_key="twice", seeds=(1, 2), trial_ids=(2, 3)),
        replace(plain, configuration_key="off", iso_flop=False),
        replace(plain, configuration_key="fresh", confirmed=True),
        replace(plain, configuration_key="elsewhere", family="another"),
    ]

    def keys(most: int) -> list[str]:
        return [p.configuration_key for p in thinned(points, most)]

    assert keys(0) == ["lead", "off", "fresh"]
    assert keys(1) == ["lead", "twice", "off", "fresh", "elsewhere"]
    assert keys(2) == ["lead", "new", "twice", "off", "fresh", "elsewhere"]
    assert keys(9) == [p.configuration_key for p in points]


def test_a_thinned_curve_says_the_same(edge_history: tuple[TestClient, str]) -> None:
    client, job = edge_history
    whole, thin = client.get(f"/v1/jobs/{job}/curve"), client.get(f"/v1/jobs/{job}/curve", params={"thin": 0})
    CurveView.model_validate(thin.json())
    assert thin.json() == whole.json()  # all of its points lead
    assert thin.headers["etag"] != whole.headers["etag"]
    again = client.get(f"/v1/jobs/{job}/curve", params={"thin": 0}, headers={"If-None-Match": thin.headers["etag"]})
    assert again.status_code == 304

import json
from collections.abc import Callable

from analysis.measurement import Measurement


def test_json_round_trip(measure: Callable[..., Measurement]) -> None:
    one = measure("sparse_wide", 0.75, 3, 2.05, "confirm", test_value=2.1)
    assert Measurement.from_json(json.loads(json.dumps(one.to_json()))) == one

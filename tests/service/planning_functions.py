"""What a planner's child runs in tests: the model's name says what happens."""

import os
import time
from typing import Any

from sparseift.errors import Infeasible, NothingToTransform, UnknownName
from sparseift.records import JobSpec
from tests.service.fakes import FakePlanner


def by_name(spec_json: dict[str, Any]) -> dict[str, Any]:
    """A plan, an error, a crash or a hang."""
    spec = JobSpec.from_json(spec_json)
    match spec.model.name:
        case "infeasible":
            raise Infeasible("Nothing fits.", (0.5, 0.75))
        case "unknown":
            raise UnknownName("thing", "x", ("a", "b"))
        case "nothing":
            raise NothingToTransform("No layer.")
        case "defect":
            return {"plan": 1 // 0}
        case "dies":
            os._exit(9)
        case "hangs":
            time.sleep(60)
        case "slow":
            time.sleep(0.5)
        case "prints":
            print("noise")  # noqa: T201  # it must not end up between the answers
    return FakePlanner().plan(spec).to_json()

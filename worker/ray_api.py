"""Ray's names that we use, in one place, without its types: it is an extra, and mostly untyped.

Raises on import:
    InvalidValue: Ray is not installed.
"""

import os
from importlib import import_module
from typing import Any

from sparseift.errors import InvalidValue

os.environ.setdefault("RAY_AUTH_MODE", "token")  # read once, when Ray is imported; `worker.ray_cluster` insists
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's own future: it asks for it in a warning

try:
    ray: Any = import_module("ray")
except ImportError as error:
    raise InvalidValue("The engine 'ray' needs Ray; install sparseift[ray].") from error

NodeAffinity: Any = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
_state: Any = import_module("ray._private.state")  # no public call tells what is free node by node


def free_resources() -> dict[str, dict[str, float]]:
    """By node, as Ray last heard of them; a resource of which nothing is left may be absent."""
    found: dict[str, dict[str, float]] = _state.available_resources_per_node()
    return found


def total_resources() -> dict[str, dict[str, float]]:
    """By node."""
    found: dict[str, dict[str, float]] = _state.total_resources_per_node()
    return found

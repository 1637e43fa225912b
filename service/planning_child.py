"""The planner's child: `python -m service.planning_child MODULE:FUNCTION`. A line of JSON in, a line of JSON out.

It ends when its input does, so it never outlives the service, however that died.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from service import plan_errors
from sparseift import catalog
from sparseift.errors import SparseIFTError

Function = Callable[[dict[str, Any]], dict[str, Any]]


def answer(function: Function, line: str) -> str:
    """The line that answers a line."""
    try:
        reply: dict[str, Any] = {"plan": function(json.loads(line))}
    except SparseIFTError as error:
        reply = {"error": plan_errors.encode(error)}
    except Exception:
        reply = {"error": {"type": "internal", "message": traceback.format_exc()}}
    return json.dumps(reply)


def main(reference: str) -> None:
    """Answer lines until there are none."""
    # Counting runs on the meta device: threads of a math library would only take cores from trials.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # What a library prints must not end up between our lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    function: Function = catalog.load(reference)
    for line in sys.stdin:
        try:
            print(answer(function, line), file=out, flush=True)  # the pipe to the service
        except BrokenPipeError:
            os._exit(0)  # the service is gone; closing `out` would only raise again


if __name__ == "__main__":
    main(sys.argv[1])

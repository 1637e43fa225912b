"""Ray of our own on one machine, `python -m worker.ray_head FOLDER CPUS GPUS`: started by `worker.ray_cluster`, in a
process apart so that attempts outlive the worker. It ends when no worker holds FOLDER/in-use and no actor lives."""

import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from threading import Event

from worker.processes import identity
from worker.ray_api import ray

LOOK_S = 0.5
GRACE_S = 10.0  # without anybody, so that a worker that is restarted finds it still warm
OBJECT_STORE_BYTES = 100 * 2**20  # nothing is kept there

log = logging.getLogger(__name__)


def main() -> None:
    """Run Ray until it is needed no more, or until SIGTERM."""
    folder, cpus, gpus = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    context = ray.init(
        num_cpus=cpus,
        num_gpus=gpus,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        _temp_dir=str(folder / "ray"),  # which Ray opens to everybody; FOLDER itself stays closed
    )
    signal.signal(signal.SIGTERM, lambda *_: stop.set())  # after Ray has put its own there
    found = context.address_info
    draft = folder / "address.new"
    draft.write_text(json.dumps({"address": found["address"], "process": identity(os.getpid())}))
    draft.replace(folder / "address")
    held = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
    idle_since: float | None = None
    while not stop.wait(LOOK_S):
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            idle_since = None
            continue
        if ray.util.list_named_actors(all_namespaces=True):
            idle_since = None
        elif idle_since is None:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > GRACE_S:
            break  # with the lock held: a worker that comes now waits, and starts another
        fcntl.flock(held, fcntl.LOCK_UN)
    for name in ("address", "database"):
        (folder / name).unlink(missing_ok=True)
    ray.shutdown()
    shutil.rmtree(Path(found["session_dir"]), ignore_errors=True)


if __name__ == "__main__":
    main()

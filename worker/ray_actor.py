"""What runs on Ray's nodes: one actor per attempt, which owns its row as a local child does. Nodes import this module,
so the repository must be on their PYTHONPATH."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import psutil

from sparseift import catalog
from store import attempts
from store.errors import StoreError
from store.sessions import Database
from worker.attempt import Runner, execute
from worker.child import limit_gpu_memory, write_to
from worker.failures import describe
from worker.local import THREAD_VARIABLES, WAITING
from worker.order import Order, Setting
from worker.outage import ORPHAN_AFTER_S, OUTAGES, write
from worker.processes import identity
from worker.ray_api import ray
from worker.ray_password import reveal
from worker.sweeping import MARK, send
from worker.watchdog import end_this_process, watched

BEGIN_LIMIT_S = 60.0

log = logging.getLogger(__name__)


class AttemptActor:
    """One attempt, in a process of its own that ends with it. Nobody needs to wait for it.

    Args:
        setting: as JSON, the password left out of the database's URL: Ray keeps arguments as long as the actor lives.
        order: as JSON; its token is a right to write one row, for whoever can open the database.
        mark: unique among attempts.
        url_file: see `worker.ray_password.reveal`.

    Raises:
        InvalidValue: this node does not know the database's password.
    """

    def __init__(self, setting: dict[str, Any], order: dict[str, Any], mark: str, url_file: str | None = None) -> None:
        if os.getpgid(0) != os.getpid():
            os.setsid()
        url = reveal(setting["database_url"], url_file)
        self._setting, self._order = Setting(**{**setting, "database_url": url}), Order.from_json(order)
        for variable, policy in WAITING.items():
            os.environ.setdefault(variable, policy)
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(self._setting.threads)), **{MARK: mark})
        if self._setting.device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._hand_back = threading.Event()
        self._forgotten = threading.Timer(BEGIN_LIMIT_S, end_this_process)  # the worker died before it said `run`
        self._forgotten.daemon = True
        self._forgotten.start()

    def about(self) -> str:
        """The process's identity."""
        return identity(os.getpid())

    def hand_back(self) -> None:
        """Ask the attempt to save a checkpoint and end."""
        self._hand_back.set()

    def run(self) -> None:
        """Run the attempt, write its outcome, and end this process."""
        self._forgotten.cancel()
        order, setting = self._order, self._setting
        log_file = Path(setting.artifacts) / order.log_path
        write_to(log_file)
        sys.stdout = sys.stderr = log_file.open("a", buffering=1, encoding="utf-8")  # Ray has put its own there
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
        )
        database = Database(setting.database_url)
        try:
            me = self.about()
            write(database, lambda s: attempts.set_process(s, order.attempt_id, order.token, me), setting.lease_ttl_s)
            runner: Runner = catalog.load(setting.runner)  # imports torch
            limit_gpu_memory(setting.gpu_fraction)
            guarded = watched(runner, order, database, setting.hang_limit_s)
            execute(order, setting, database, guarded, self._hand_back)
        except (StoreError, *OUTAGES) as error:
            log.warning("Attempt %d does not begin: %s", order.attempt_id, error)
        except Exception as error:  # of the runner's import; `execute` raises none
            log.exception("Attempt %d cannot begin", order.attempt_id)
            message = describe(error)
            write(database, lambda s: attempts.lose(s, order.attempt_id, message, token=order.token), ORPHAN_AFTER_S)
        finally:
            database.close()
            for child in psutil.Process().children(recursive=True):
                send(child, signal.SIGKILL)
            ray.actor.exit_actor()

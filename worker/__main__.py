"""`python -m worker`: claims jobs and trains their trials on this machine."""

import argparse
import logging
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from sqlalchemy.exc import SQLAlchemyError

from sparseift.errors import InvalidValue, SparseIFTError
from store import migrate
from store.sessions import Database
from worker import engines
from worker.engine import EngineLost
from worker.order import RUNNER, Setting
from worker.presence import Presence
from worker.scheduler import Scheduler

SHORTEST_TTL_S = 1.0
ENGINE_LOST = 3  # exit code
HANG_LIMIT_S = 900.0  # fetching data, compiling and evaluating are silent
LEAK_LIMIT_GIB = 4.0  # data sets that a process keeps for its next trial are no leak
EXAMPLES = """examples:
  # two trials at a time on this machine's CPU cores
  python -m worker --database sqlite:///sparseift.db --artifacts artifacts --data datasets --slots 2

  # one trial on each of two GPUs, jobs shared with other workers through PostgreSQL
  python -m worker --database postgresql+psycopg://me@db/sparseift --artifacts /shared/artifacts \\
      --data /shared/datasets --slots 2 --devices cuda:0,cuda:1

  # two trials on each GPU; trials on a Ray cluster, half a GPU each
  python -m worker --database sparseift.db --artifacts artifacts --data datasets --gpu-fraction 0.5
  python -m worker --database postgresql+psycopg://me@db/sparseift --artifacts /shared/artifacts \\
      --data /shared/datasets --engine ray --ray-address head:6379 --gpus-per-slot 0.5

  # work through the queue, then end
  python -m worker --database sparseift.db --artifacts artifacts --data datasets --until-idle

SIGTERM or Ctrl-C: running trials save a checkpoint, go back to the queue and are resumed by the next worker.
"""

log = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="python -m worker",
        description="Claim searches and train their trials on this machine, one job at a time.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    url = os.environ.get("SPARSEIFT_DATABASE")  # where other users of the machine do not see a password
    line.add_argument(
        "--database",
        required=url is None,
        default=url,
        metavar="URL",
        help="sqlite:///FILE, FILE, or postgresql+psycopg://… (or in SPARSEIFT_DATABASE)",
    )
    line.add_argument("--artifacts", required=True, type=Path, metavar="DIR", help="checkpoints and logs of attempts")
    line.add_argument("--data", required=True, type=Path, metavar="DIR", help="fetched data sets")
    line.add_argument("--engine", choices=engines.NAMES, default="local", help="what runs trials (default local)")
    line.add_argument(
        "--ray-address", metavar="HOST:PORT", help="a Ray cluster (default: Ray of our own on this machine)"
    )
    line.add_argument(
        "--slots",
        type=int,
        metavar="N",
        help="trials at a time (default: one per GPU, or per CPU core; with fractions or a cluster, as many as fit)",
    )
    line.add_argument(
        "--threads-per-slot", type=int, metavar="N", help="CPU threads of a trial (default: cores divided by slots)"
    )
    line.add_argument(
        "--gpu-fraction",
        type=float,
        metavar="F",
        help="of a GPU for a local trial: .5 for two on each, memory allowing",
    )
    line.add_argument("--gpus-per-slot", type=float, metavar="N", help="GPUs of a trial on Ray: whole, or a fraction")
    line.add_argument(
        "--devices", default="auto", metavar="LIST", help="auto (default), cpu, or a list such as cuda:0,cuda:1"
    )
    line.add_argument(
        "--lease-ttl-s", type=float, default=60.0, metavar="S", help="silence after which others take over (default 60)"
    )
    line.add_argument("--attempt-limit-s", type=float, metavar="S", help="longest run of one attempt (default: none)")
    line.add_argument(
        "--hang-limit-s",
        type=float,
        default=HANG_LIMIT_S,
        metavar="S",
        help="silence of a training after which its process is ended (default %(default)g)",
    )
    line.add_argument(
        "--leak-limit-gib",
        type=float,
        default=LEAK_LIMIT_GIB,
        metavar="N",
        help="memory that a process may keep between trials before it is replaced (default %(default)g)",
    )
    line.add_argument("--until-idle", action="store_true", help="end when there is no job to claim")
    line.add_argument(
        "--runner", default=RUNNER, metavar="MODULE:NAME", help="what trains a trial (default %(default)s)"
    )
    return line


def database_url(text: str) -> str:
    """A URL, or the path of an SQLite file as one."""
    return text if "://" in text else f"sqlite:///{Path(text).resolve()}"


def build(arguments: argparse.Namespace, database: Database, stop: Event, closing: ExitStack) -> Scheduler:
    """The scheduler that the arguments describe; what must be closed after it is given to `closing`.

    Raises:
        InvalidValue: an argument outside its range. WrongRevision: the database needs an upgrade.
    """
    if arguments.lease_ttl_s < SHORTEST_TTL_S:
        raise InvalidValue(f"A lease of {arguments.lease_ttl_s:g} s is too short; it must be at least 1 s.")
    if arguments.attempt_limit_s is not None and arguments.attempt_limit_s <= 0:
        raise InvalidValue(f"An attempt cannot be limited to {arguments.attempt_limit_s:g} s; it must be more than 0.")
    for option in ("hang_limit_s", "leak_limit_gib"):
        if getattr(arguments, option) <= 0:
            name = f"--{option.replace('_', '-')}"
            raise InvalidValue(f"{name} cannot be {getattr(arguments, option):g}; it must be more than 0.")
    if ":" not in arguments.runner:
        raise InvalidValue(f"'{arguments.runner}' is no runner; write module:name.")
    migrate.check_revision(database)
    wish = engines.Wish(
        arguments.engine,
        arguments.devices,
        arguments.slots,
        arguments.threads_per_slot,
        arguments.gpu_fraction,
        arguments.gpus_per_slot,
        arguments.ray_address,
    )
    engines.check(wish)
    arguments.artifacts.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        database_url=database.url,
        artifacts=str(arguments.artifacts.resolve()),
        data=str(arguments.data.resolve()),
        device="cpu",
        threads=1,
        lease_ttl_s=arguments.lease_ttl_s,
        time_limit_s=arguments.attempt_limit_s,
        runner=arguments.runner,
        hang_limit_s=arguments.hang_limit_s,
        leak_limit_bytes=int(arguments.leak_limit_gib * 2**30),
    )
    engine = engines.make(wish, setting, database, closing)
    return Scheduler(
        database,
        engine,
        lease_ttl_s=arguments.lease_ttl_s,
        stop=stop,
        artifacts=Path(setting.artifacts),
        attempt_limit_s=arguments.attempt_limit_s,
        until_idle=arguments.until_idle,
        presence=Presence(
            database, engine=wish.engine, slots=engines.slot_names(engine), lease_ttl_s=arguments.lease_ttl_s
        ),
    )


def main() -> int:
    """Run until stopped; exit code 2 for what the operator must put right first, 3 where the engine is gone for good
    and whoever keeps this worker must start it again.
    """
    arguments = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    closing = ExitStack()
    try:
        database = Database(database_url(arguments.database))
        scheduler = build(arguments, database, stop, closing)
    except (SparseIFTError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        sys.stderr.write(f"The database cannot be opened: {str(error).splitlines()[0]}\n")
        return 2
    log.info("Worker %s is ready", scheduler.name)
    with closing:
        try:
            scheduler.serve()
        except EngineLost as lost:
            log.error("%s", lost)
            logging.shutdown()
            os._exit(ENGINE_LOST)  # what is left of the engine would wait, at its end, for what is gone
    database.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The engine that the command line asks for."""

from contextlib import ExitStack
from dataclasses import dataclass, replace

from sparseift.errors import InvalidValue
from store.sessions import Database
from worker import devices
from worker.engine import Engine
from worker.local import LocalEngine
from worker.order import Setting

NAMES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator says of slots; None: not said.

    Attributes:
        engine: one of `NAMES`.
        devices: of `worker.devices.parse`; a cluster knows its own.
        slots: attempts at a time; without it, as many as the GPUs allow, or one per CPU core.
        threads_per_slot: CPU threads, on Ray also the CPUs claimed.
        gpu_fraction: of a GPU that a local slot gets.
        gpus_per_slot: that an attempt on Ray claims: whole ones, or a fraction of one.
        ray_address: of a cluster; without it, Ray of our own on this machine.
    """

    engine: str = "local"
    devices: str = "auto"
    slots: int | None = None
    threads_per_slot: int | None = None
    gpu_fraction: float | None = None
    gpus_per_slot: float | None = None
    ray_address: str | None = None


def make(wish: Wish, setting: Setting, database: Database, closing: ExitStack) -> Engine:
    """The engine; what must be closed after it is given to `closing`.

    Args:
        setting: for every attempt; its device and threads are replaced.

    Raises:
        InvalidValue: a wish outside its range or for the other engine; Ray is missing, open, or not there.
    """
    check(wish)
    if wish.engine == "local":
        places = devices.share(devices.parse(wish.devices), wish.slots, wish.threads_per_slot, wish.gpu_fraction)
        return LocalEngine(places, replace(setting, device=places[0].device, threads=places[0].threads))
    return _ray(wish, setting, database, closing)


def check(wish: Wish) -> None:
    """Refuse what an engine would ignore.

    Raises:
        InvalidValue: see `make`.
    """
    if wish.engine not in NAMES:
        raise InvalidValue(f"There is no engine '{wish.engine}'; the known ones are {', '.join(NAMES)}.")
    if wish.engine == "local":
        for option, value in (("--gpus-per-slot", wish.gpus_per_slot), ("--ray-address", wish.ray_address)):
            if value is not None:
                raise InvalidValue(f"{option} is of --engine ray; the local engine has no use for {value}.")
        return
    if wish.gpu_fraction is not None:
        raise InvalidValue(
            f"--gpu-fraction is of --engine local; with Ray, write --gpus-per-slot {wish.gpu_fraction:g}."
        )
    if wish.slots is not None and wish.slots < 1:
        raise InvalidValue(f"There cannot be {wish.slots} slots; a worker needs at least 1.")
    if wish.threads_per_slot is not None and wish.threads_per_slot < 1:
        raise InvalidValue(f"There cannot be {wish.threads_per_slot} threads in a slot; it needs at least 1.")
    gpus = wish.gpus_per_slot
    if gpus is not None and (gpus < 0 or (gpus > 1 and not gpus.is_integer())):
        raise InvalidValue(f"A slot cannot have {gpus:g} GPUs; write a whole number, or a fraction below 1.")
    if wish.ray_address is not None and wish.devices != "auto":
        raise InvalidValue(f"--devices {wish.devices} cannot be told to a Ray cluster; its nodes know their own.")


def slot_names(engine: Engine) -> tuple[str, ...]:
    """The names of an engine's slots, as attempts bear them; none on Ray, which makes them as it places."""
    return engine.slots if isinstance(engine, LocalEngine) else ()


def _ray(wish: Wish, setting: Setting, database: Database, closing: ExitStack) -> Engine:
    from worker import ray_cluster  # imports Ray, where it is installed
    from worker.ray_engine import RayEngine

    if wish.ray_address is not None:
        cluster = ray_cluster.join(wish.ray_address, database.url)
        closing.callback(cluster.close)
        return RayEngine(
            cluster, setting, cpus=wish.threads_per_slot or 1, gpus=wish.gpus_per_slot or 0.0, slots=wish.slots
        )
    found = devices.parse(wish.devices)
    count = 0 if found == ("cpu",) else len(found)
    gpus = (1.0 if count else 0.0) if wish.gpus_per_slot is None else wish.gpus_per_slot
    if gpus > count:
        raise InvalidValue(f"A slot cannot have {gpus:g} GPUs; there are {count}.")
    slots = wish.slots or (int(count / gpus + 1e-9) if gpus else devices.cores())  # 1e-9: a third, written .333…
    cpus = wish.threads_per_slot or max(1, devices.cores() // slots)
    visible = ",".join(dict.fromkeys(place.visible for place in devices.share(found, max(1, count), 1)))
    cluster = ray_cluster.embed(database.url, cpus=cpus * slots, gpus=count, visible=visible)
    closing.callback(cluster.close)
    return RayEngine(cluster, setting, cpus=cpus, gpus=gpus, slots=slots)

"""`worker.engine.Engine` on Ray: a detached actor per attempt, where its resources are free. Ray Core alone.

Actors, never tasks with retries: of a machine that was cut off, a task is neither noticed nor run again, an actor is
known to be dead. Detached ones live on without this worker: the attempt owns its row, and ends its process itself.
"""

import hashlib
import logging
import platform
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from worker import deaths
from worker.engine import Death, EngineLost, Slot
from worker.order import Order, Setting
from worker.processes import find
from worker.ray_actor import AttemptActor
from worker.ray_api import NodeAffinity, free_resources, ray, total_resources
from worker.ray_cluster import Cluster
from worker.ray_password import hide
from worker.sweeping import sweep

PLACING_LIMIT_S = 60.0  # for an actor to answer: others may have taken what was free, or the node has gone
REPORT_LAG_S = 0.5  # Ray's nodes tell what is free each 0.1 s; where others were faster, an actor waits its turn
SWEEP_LIMIT_S = 4.5  # for another machine to end an attempt's processes
ANSWER_LIMIT_S = 0.5  # for actors to tell who they are
ANOTHER_CLUSTER = "WrongClusterID"  # in what a client is told by the head of a cluster that is not the one it joined
CALLS = 4  # that an actor answers at a time: `run`, and questions while it runs
INTENDED, OUT_OF_MEMORY = "INTENDED_USER_EXIT", "NODE_OUT_OF_MEMORY"  # Ray's words for how a process ended

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Label:
    """An actor's name, which says all that an engine needs of one that it has not placed itself."""

    attempt_id: int
    slot: str
    node: str
    digest: str

    def __str__(self) -> str:
        return f"{self.attempt_id} {self.slot} {self.node} {self.digest}"

    @classmethod
    def parse(cls, name: str) -> "Label | None":
        """None: not one of ours."""
        parts = name.split(" ")
        return cls(int(parts[0]), *parts[1:]) if len(parts) == 4 and parts[0].isdigit() else None


@dataclass(slots=True)
class Placed:
    """An actor of this engine."""

    label: Label
    actor: Any
    about: Any  # the promise of its process's identity
    run: Any  # the promise of its end; None once Ray has lost sight of the actor, which may be for a while
    placed_at: float = field(default_factory=time.monotonic)
    process: str = ""  # empty until it has answered


class RayEngine:
    """Attempts on a cluster.

    Args:
        cluster: the connection; the caller closes it after the engine.
        setting: for every attempt; device and threads are replaced.
        cpus, gpus: of one attempt; GPUs whole, or a fraction of one.
        slots: attempts at a time; None for as many as there are resources.
        oom_kills: how many processes this machine's kernel has ended for want of memory.
    """

    def __init__(
        self,
        cluster: Cluster,
        setting: Setting,
        *,
        cpus: int = 1,
        gpus: float = 0.0,
        slots: int | None = None,
        oom_kills: Callable[[], int] = deaths.oom_kills,
    ) -> None:
        device = "cuda" if gpus > 0 else "cpu"
        url = hide(setting.database_url)
        own = {"device": device, "threads": cpus, "gpu_fraction": gpus if 0 < gpus < 1 else None, "database_url": url}
        self._setting = Setting(**{**setting.to_json(), **own})
        self._url_file = str(cluster.url_file) if cluster.url_file is not None else None
        self._cluster, self._needs, self._slots = cluster, {"CPU": float(cpus), "GPU": float(gpus)}, slots
        self._placed: dict[int, Placed] = {}
        self._offer: tuple[Slot, str] | None = None  # since the last `alive`, and its node
        self._deaths = deaths.Deaths()
        self._out_of_memory = deaths.OutOfMemory(oom_kills)
        self._actor = ray.remote(AttemptActor)

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        """A slot on the fullest node that has room. Other workers' attempts hold their resources in Ray itself; for an
        occupied slot without an actor (whose row is yet to end, or which is quarantined) its node's are left alone.
        An attempt has a process of its own, so that none is warmer than another for its `key`."""
        if key and self._offer is not None and self._offer[0].name not in occupied:
            return self._offer[0]
        self._tend()
        strangers = set(occupied) - {placed.label.slot for placed in self._placed.values()}
        if self._slots is not None and len(self._placed) + len(strangers) >= self._slots:
            return None
        try:
            living = {label.slot for label in self._labels()}
            node = self._node_with_room(strangers - living)
        except ray.exceptions.RayError as error:
            log.warning("Ray does not answer: %s", _first_line(error))
            return None
        if node is None:
            return None
        host, kind = self._hosts().get(node, "unknown"), "cuda" if self._needs["GPU"] else "cpu"
        taken = living | strangers
        names = (f"{host}/{kind}{_sign(node)}{i}" for i in range(len(taken) + 1))
        name = next(name for name in names if name not in taken)
        slot = Slot(name, "", self._setting.threads, self._needs["GPU"] or 1.0)
        self._offer = slot, node
        return slot

    def place(self, slot: Slot, order: Order) -> None:
        """Start an actor. Where that fails, `alive` will not name the attempt."""
        assert self._offer is not None, "a slot is offered before it is used"
        offered, node = self._offer
        assert offered == slot, f"{slot.name} is used where {offered.name} was offered"
        self._offer = None
        digest = hashlib.sha256(order.token.encode()).hexdigest()[:12]  # ids repeat where a database was made anew
        label = Label(order.attempt_id, slot.name, node, digest)
        try:
            actor = self._actor.options(
                name=str(label),
                namespace=self._cluster.namespace,
                lifetime="detached",
                num_cpus=self._needs["CPU"],
                num_gpus=self._needs["GPU"],
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=CALLS,
                scheduling_strategy=NodeAffinity(node, soft=False),
            ).remote(self._setting.to_json(), order.to_json(), str(label), self._url_file)
            self._placed[order.attempt_id] = Placed(label, actor, actor.about.remote(), actor.run.remote())
        except (ray.exceptions.RayError, ValueError) as error:
            log.error("Attempt %d cannot be placed: %s", order.attempt_id, error)
            self._deaths.add(order.attempt_id, Death("infrastructure", f"Ray did not place it: {_first_line(error)}"))

    def alive(self) -> frozenset[int]:
        """The attempts whose actors live."""
        self._offer = None
        self._tend()
        return frozenset(self._placed)

    def death(self, attempt_id: int) -> Death | None:
        """What Ray says of how its actor ended."""
        return self._deaths.of(attempt_id)

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        """End these attempts, of whichever worker of this database and on whichever node."""
        own = [self._placed.pop(i) for i in attempt_ids if i in self._placed]
        doomed = [(placed.label, placed.actor, self._process_of(placed)) for placed in own]
        others = set(attempt_ids) - {placed.label.attempt_id for placed in own}
        if others:
            doomed += self._strangers(others)
        self._sweep((label, process) for label, _, process in doomed)
        for _, actor, _ in doomed:
            ray.kill(actor, no_restart=True)
        return frozenset(label.attempt_id for label, _, _ in doomed)

    def hand_back(self) -> None:
        """Ask every attempt to checkpoint and end."""
        for placed in self._placed.values():
            placed.actor.hand_back.remote()

    def close(self) -> None:
        """Forget the actors; those that run go on and end by themselves."""
        self._placed.clear()
        self._slots = 0

    def _tend(self) -> None:
        """Hear who has begun and who has ended; give up those that do not begin."""
        out_of_memory = self._out_of_memory.recently()
        if not self._placed:
            return
        promises = [p.run for p in self._placed.values() if p.run is not None]
        promises += [p.about for p in self._placed.values() if not p.process]
        kept = set(ray.wait(promises, num_returns=len(promises), timeout=0)[0]) if promises else set()
        listed = self._listed() if any(p.run is None for p in self._placed.values()) else None
        dead, late = [], []
        for attempt_id, placed in list(self._placed.items()):
            if not placed.process and placed.about in kept:
                placed.process = _answer(placed.about)
                if not placed.process:
                    placed.about = placed.actor.about.remote()
            text = None
            if placed.run in kept:
                error = _error(placed.run)
                if isinstance(error, ray.exceptions.ActorUnavailableError):  # cut off, perhaps not for long
                    log.warning("Ray has lost sight of the actor of attempt %d", attempt_id)
                    placed.run = None
                else:
                    text = str(error or "")
            elif placed.run is None and self._has_ended(placed, listed):
                text = "The actor was lost with its process or its node."
            if text is not None:
                del self._placed[attempt_id]
                if INTENDED not in text:
                    dead.append(placed)
                    here = out_of_memory and self._is_here(placed.label)
                    self._deaths.add(attempt_id, _death(text, here))
                    log.warning("The actor of attempt %d died: %s", attempt_id, self._deaths.of(attempt_id))
            elif not placed.process and time.monotonic() - placed.placed_at > PLACING_LIMIT_S:
                late.append(attempt_id)
        if dead:
            self._sweep((placed.label, placed.process) for placed in dead)
        if late:
            self.kill(late)
            for attempt_id in late:
                message = f"Its actor did not start within {PLACING_LIMIT_S:g} s."
                self._deaths.add(attempt_id, Death("infrastructure", message))

    def _listed(self) -> set[str] | None:
        """The names of living actors; None where Ray does not answer."""
        try:
            return {str(label) for label in self._labels()}
        except ray.exceptions.RayError as error:
            log.warning("Ray does not answer: %s", _first_line(error))
            return None

    def _has_ended(self, placed: Placed, listed: set[str] | None) -> bool:
        """Whether an actor that is out of sight has, by Ray's list or by this machine's."""
        if listed is not None and str(placed.label) not in listed:
            return True
        return self._is_here(placed.label) and bool(placed.process) and find(placed.process) is None

    def _node_with_room(self, reserved: Collection[str]) -> str | None:
        """What is free by Ray's last word less what was asked for since, and never more than our own leave over."""
        with _cluster_is_ours():
            free, total = free_resources(), total_resources()
        fitting = []
        for node in self._hosts():
            held = sum(1 for name in reserved if _sign(node) in name)
            rooms = {}
            for kind, need in self._needs.items():
                mine = [p for p in self._placed.values() if p.label.node == node]
                unheard = sum(1 for p in mine if not p.process and time.monotonic() - p.placed_at < REPORT_LAG_S)
                by_ray = free.get(node, {}).get(kind, 0.0) - need * unheard
                by_us = total.get(node, {}).get(kind, 0.0) - need * len(mine)
                rooms[kind] = min(by_ray, by_us) - need * held
            if all(rooms[kind] >= need - 1e-6 for kind, need in self._needs.items()):
                fitting.append((rooms["GPU"], rooms["CPU"], node))
        return min(fitting)[2] if fitting else None

    def _hosts(self) -> dict[str, str]:
        """The host of every living node."""
        with _cluster_is_ours():
            return {n["NodeID"]: n["NodeManagerHostname"] for n in ray.nodes() if n["Alive"]}

    def _labels(self) -> list[Label]:
        """Of all actors of this database that live or are about to."""
        found: list[Label] = []
        with _cluster_is_ours():
            entries = ray.util.list_named_actors(all_namespaces=True)
        for entry in entries:
            label = Label.parse(entry["name"])
            if label is not None and entry["namespace"] == self._cluster.namespace:
                found.append(label)
        return found

    def _is_here(self, label: Label) -> bool:
        return label.slot.partition("/")[0] == platform.node()

    def _strangers(self, attempt_ids: set[int]) -> list[tuple[Label, Any, str]]:
        """Actors that this engine has not placed."""
        found = []
        for label in self._labels():
            if label.attempt_id in attempt_ids:
                try:
                    actor = ray.get_actor(str(label), namespace=self._cluster.namespace)
                except ValueError:  # ended since
                    continue
                found.append((label, actor, actor.about.remote()))
        if found:
            ray.wait([about for *_, about in found], num_returns=len(found), timeout=ANSWER_LIMIT_S)
        return [(label, actor, _answer(about, 0.0)) for label, actor, about in found]

    def _process_of(self, placed: Placed) -> str:
        return placed.process or _answer(placed.about)

    def _sweep(self, victims: Iterable[tuple[Label, str]]) -> None:
        """End what attempts have left on their machines, all machines at once."""
        here: list[tuple[str, str]] = []
        elsewhere: dict[str, list[tuple[str, str]]] = {}
        for label, process in victims:
            group = here if self._is_here(label) else elsewhere.setdefault(label.node, [])
            group.append((str(label), process))
        brooms = []
        for node, group in elsewhere.items():
            strategy = NodeAffinity(node, soft=False)
            broom = ray.remote(sweep).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
            brooms.append(broom.remote(group))
        if here:
            sweep(here)
        if brooms:
            done, undone = ray.wait(brooms, num_returns=len(brooms), timeout=SWEEP_LIMIT_S)
            failed = [str(error) for error in map(_error, done) if error]
            if undone or failed:
                log.warning("%d nodes could not be swept: %s", len(undone) + len(failed), "; ".join(failed))


def _sign(node: str) -> str:
    """What the names of a node's slots have in common."""
    return f":ray-{node[:6]}-"


def _answer(promise: Any, limit_s: float = ANSWER_LIMIT_S) -> str:
    """The identity that an actor told; "" where it does not."""
    try:
        return str(ray.get(promise, timeout=limit_s))
    except ray.exceptions.RayError:  # a timeout is one too
        return ""


def _error(promise: Any) -> Exception | None:
    """Why a call that is over failed; None where it did not."""
    try:
        ray.get(promise)
    except ray.exceptions.RayError as error:
        found: Exception = error
        return found
    return None


@contextmanager
def _cluster_is_ours() -> Iterator[None]:
    """Raises `EngineLost` inside where Ray will never answer again.

    A client sometimes outlives its cluster, and is refused by the one after it for ever.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        if ANOTHER_CLUSTER in str(error):
            raise EngineLost(
                "Ray's head was started again, and its cluster is another one now; this worker ends, to be started "
                "again."
            ) from error
        raise


def _death(text: str, out_of_memory: bool) -> Death:
    if out_of_memory or OUT_OF_MEMORY in text:
        return Death("out_of_memory", "The system ended its process for want of memory.")
    lines = [line.strip() for line in text.splitlines() if line.startswith("The actor") or "node" in line.lower()]
    return Death("infrastructure", " ".join(lines)[:400] if lines else "Its actor died.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

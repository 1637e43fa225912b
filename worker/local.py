"""The embedded engine: a warm child process per slot, each in a session of its own."""

import json
import logging
import math
import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import psutil

from worker import deaths, gpu_memory
from worker.devices import Place
from worker.engine import Death, Slot
from worker.order import Order, Setting
from worker.processes import end_groups, identity
from worker.sweeping import MARK, sweep
from worker.warmth import key_of

LONGEST_RESPAWN_DELAY_S = 30.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # read when torch is imported
# OpenMP's threads sleep while they wait for one another: when anything else runs on the cores, spinning made the same
# training 4 to 10 times slower (two threads on two cores, load 5).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
ROOT = Path(__file__).resolve().parent.parent

log = logging.getLogger(__name__)


class Child:
    """One trial process and what the worker knows of it."""

    def __init__(self, place: Place, setting: Setting) -> None:
        reading, writing = os.pipe()
        environment = {
            **WAITING,
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, str(place.threads)),
            MARK: (mark := f"{os.getpid()}-{secrets.token_hex(8)}"),
            "CUDA_VISIBLE_DEVICES": place.visible,
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # a GPU's index means the same to torch and to nvidia-smi
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker.child", str(writing)],
            stdin=subprocess.PIPE,
            env=environment,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        os.set_blocking(reading, False)
        self._status, self._text = reading, b""
        self.mark = mark  # on whatever it starts
        self.ready = False
        self.attempt_id: int | None = None
        self.key = ""  # of its last trial
        self.placed_at = 0.0
        self.reported_at: float | None = None  # first, by its attempt
        self.pid = self._process.pid
        self.process = identity(self.pid)
        self._watched = psutil.Process(self.pid)
        self.send({"setting": setting.to_json()})

    def send(self, message: dict[str, Any]) -> None:
        """Write a line to the child; one that is gone is noticed by `is_dead`."""
        pipe = self._process.stdin
        assert pipe is not None, "the child was started with a pipe"
        try:
            pipe.write((json.dumps(message) + "\n").encode())
            pipe.flush()
        except BrokenPipeError:
            return

    def start(self, order: Order) -> None:
        """Hand it an attempt."""
        self.attempt_id, self.key, self.placed_at = order.attempt_id, key_of(order.trial), time.monotonic()
        self.reported_at = None
        self.send({"order": order.to_json()})

    def listen(self) -> None:
        """Take in what the child has said."""
        while True:
            try:
                text = os.read(self._status, 65536)
            except BlockingIOError:
                break
            if not text:
                break
            self._text += text
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.ready = self.ready or "ready" in message
            if self.attempt_id is not None and message.get("reported") == self.attempt_id:
                self.reported_at = time.monotonic()
            if message.get("idle") == self.attempt_id:
                self.attempt_id = None

    def is_young(self) -> bool:
        """Whether it runs an attempt whose memory the GPU's figures do not show yet, or not all of it."""
        if self.attempt_id is None:
            return False
        return self.reported_at is None or time.monotonic() - self.reported_at <= gpu_memory.FRESH_S

    def is_dead(self) -> bool:
        """Whether the process has ended; it stays a zombie, so that its group's number is not used again."""
        try:
            return bool(self._watched.status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def let_go(self) -> None:
        """Close the pipes: the child finishes its attempt, if it has one, and ends."""
        assert self._process.stdin is not None, "the child was started with a pipe"
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            log.debug("Child %d was already gone", self.pid)
        os.close(self._status)

    def bury(self) -> int:
        """Collect a dead process's exit status."""
        self.let_go()
        return self._process.wait()


class LocalEngine:
    """`worker.engine.Engine` on this machine.

    Args:
        places: of `worker.devices.share`, one slot each.
        setting: for every child; device and threads are replaced by the place's.
        gpu: free and total memory of a GPU by its CUDA_VISIBLE_DEVICES, None where it cannot be read.
        oom_kills: how many processes the kernel has ended for want of memory.
    """

    def __init__(
        self,
        places: Sequence[Place],
        setting: Setting,
        *,
        gpu: Callable[[str], gpu_memory.Memory | None] = gpu_memory.read,
        oom_kills: Callable[[], int] = deaths.oom_kills,
    ) -> None:
        self._gpu, self._out_of_memory = gpu, deaths.OutOfMemory(oom_kills)
        self._deaths = deaths.Deaths()
        self._host = platform.node()
        self._setting = setting.to_json()
        self._places = {f"{self._host}/{place.name}": place for place in places}
        self._children: dict[str, Child | None] = dict.fromkeys(self._places)
        self._failures = dict.fromkeys(self._places, 0)  # children in a row that died before they were ready
        self._not_before = dict.fromkeys(self._places, 0.0)
        self._tend()

    @property
    def slots(self) -> tuple[str, ...]:
        """Their names, as attempts bear them."""
        return tuple(self._places)

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        """A free slot; an occupied one that is no longer ours by name (fewer slots now) takes the place of any."""
        self._tend()
        idle = {
            name: child
            for name, child in self._children.items()
            if child is not None and child.ready and child.attempt_id is None and name not in occupied
        }
        if len(idle) <= sum(name not in self._places for name in occupied):
            return None

        def coldness(name: str) -> tuple[bool, float]:
            return idle[name].key != key, idle[name].placed_at

        for name in sorted(idle, key=coldness) if key else idle:
            if self._has_room(self._places[name]):
                place = self._places[name]
                return Slot(name, idle[name].process, place.threads, place.fraction or 1.0)
        return None

    def place(self, slot: Slot, order: Order) -> None:
        """Send an order to the slot's child. If the child has died meanwhile, `alive` will not name the attempt."""
        child = self._children[slot.name]
        if child is not None and child.process == slot.process:
            child.start(order)

    def alive(self) -> frozenset[int]:
        """The attempts that run; children that died are replaced."""
        self._tend()
        return frozenset(c.attempt_id for c in self._children.values() if c and c.attempt_id is not None)

    def death(self, attempt_id: int) -> Death | None:
        """The exit status of its child, read as far as it goes."""
        return self._deaths.of(attempt_id)

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        """End these attempts' process groups and replace their children; an earlier worker's are unknown to it."""
        doomed = {c.attempt_id: c.pid for c in self._children.values() if c and c.attempt_id in attempt_ids}
        end_groups(doomed.values())
        self._tend()
        return frozenset(i for i in doomed if i is not None)

    def hand_back(self) -> None:
        """Ask every attempt to checkpoint and end; no child is started any more."""
        self._not_before = dict.fromkeys(self._places, math.inf)
        for child in self._children.values():
            if child is not None and child.attempt_id is not None:
                child.send({"stop": child.attempt_id})

    def close(self) -> None:
        """End idle children; let the others go."""
        children = [child for child in self._children.values() if child is not None]
        end_groups(child.pid for child in children if child.attempt_id is None)
        for child in children:
            if child.attempt_id is None:
                child.bury()
            else:
                child.let_go()
        self._children = dict.fromkeys(self._places)
        self._not_before = dict.fromkeys(self._places, math.inf)

    def _has_room(self, place: Place) -> bool:
        """Whether a GPU that is shared has a slot's part of the memory free, whoever uses the rest, beside the parts of
        those attempts of ours that have yet to take them."""
        if place.fraction is None:
            return True
        memory = self._gpu(place.visible)
        promised = sum(
            other.fraction or 0.0
            for name, other in self._places.items()
            if other.visible == place.visible and (child := self._children[name]) is not None and child.is_young()
        )
        return memory is None or memory.has_room(place.fraction + promised)

    def _tend(self) -> None:
        """Hear every child, bury the dead with what they left running, and start new ones."""
        out_of_memory = self._out_of_memory.recently()
        for name, child in self._children.items():
            if child is not None:
                child.listen()
                if not child.is_dead():
                    continue
                end_groups([child.pid])
                sweep([(child.mark, "")])  # what has left its session
                status = child.bury()
                if child.attempt_id is not None:
                    self._deaths.add(child.attempt_id, deaths.of_status(status, out_of_memory))
                self._children[name] = None
                self._failures[name] = 0 if child.ready else self._failures[name] + 1
                delay_s = min(LONGEST_RESPAWN_DELAY_S, 2.0 ** self._failures[name] - 1.0)
                self._not_before[name] = max(self._not_before[name], time.monotonic() + delay_s)
                level = logging.INFO if status == 0 else logging.WARNING  # 0: by itself, to be replaced
                log.log(level, "The child of slot %s ended with status %d", name, status)
            if self._children[name] is None and time.monotonic() >= self._not_before[name]:
                place = self._places[name]
                own = {"device": place.device, "threads": place.threads, "gpu_fraction": place.fraction}
                setting = Setting(**{**self._setting, **own})
                try:
                    self._children[name] = Child(place, setting)
                except (OSError, psutil.NoSuchProcess) as error:
                    log.error("No child could be started for slot %s: %s", name, error)
                    self._failures[name] += 1
                    self._not_before[name] = time.monotonic() + LONGEST_RESPAWN_DELAY_S

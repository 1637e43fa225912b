"""Planning counts FLOPs on real modules and so needs torch, which this process must not load: a child does it.

One child is started with the service and kept warm; plans are remembered. A child that hangs or dies is replaced.
"""

import json
import logging
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from service import plan_errors
from sparseift.errors import SparseIFTError
from sparseift.records import JobSpec, Plan, digest

log = logging.getLogger("service.planner")

ROOT = Path(__file__).resolve().parent.parent
NOT_PLANNED = ("name", "budget", "seed", "in_flight", "priority", "start_from")  # no plan depends on these
TRIES = 2  # a child may die for reasons of its own; one that dies twice of the same job will do so again


class Planner(Protocol):
    """What turns a job into its plan."""

    def plan(self, spec: JobSpec) -> Plan:
        """The plan.

        Raises:
            SparseIFTError: the job cannot be planned (Infeasible, NothingToTransform, UnknownName, InvalidValue).
            PlannerUnavailable: no plan for reasons that are not the job's.
        """
        ...

    def known(self, spec: JobSpec) -> Plan | None:
        """The plan, where it needs no solving; None: ask for it. Returns at once."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class PlannerUnavailable(SparseIFTError):
    """The planner did not answer in time, died, or has too many plans to solve already."""


class PlannerFailed(Exception):
    """A defect in planning itself; the message is the child's traceback."""


def planning_key(spec: JobSpec) -> str:
    """Equal for jobs that have the same plan."""
    return digest({k: v for k, v in spec.to_json().items() if k not in NOT_PLANNED}, length=64)


class ChildPlanner:
    """Plans in one warm child process, one job at a time; equal jobs that arrive together share one planning.

    Args:
        timeout_s: after so long the child is killed; it counts the child's start where that is still going on.
        waiting: different plans that may wait at once.
        cached: plans that are remembered.
        function: "module:attribute" in the child, `JobSpec` JSON -> `Plan` JSON.
    """

    def __init__(self, timeout_s: float, waiting: int, cached: int, function: str = "sparseift.planning:plan") -> None:
        self._timeout_s, self._waiting, self._cached, self._function = timeout_s, waiting, cached, function
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._under_way: dict[str, Future[Plan]] = {}
        self._books = threading.Lock()  # guards the two above, for moments
        self._pipe = threading.Lock()  # guards the child, for whole plannings
        self._child: subprocess.Popen[str] | None = None
        self._closed = threading.Event()

    def warm_up(self) -> None:
        """Start the child now, so that the first job does not wait for torch to load; returns at once."""
        with self._pipe:
            self._living()

    def plan(self, spec: JobSpec) -> Plan:
        """As `Planner.plan`."""
        key = planning_key(spec)
        with self._books:
            known = self._recall(key)
            if known is not None:
                return known
            future = self._under_way.get(key)
            mine = future is None
            if future is None:
                if len(self._under_way) >= self._waiting:
                    raise PlannerUnavailable(f"{self._waiting} other plans are waiting already; try again soon.")
                future = self._under_way[key] = Future()
        if mine:
            self._solve(key, spec, future)
        longest_s = (1 + TRIES) * self._timeout_s  # for its turn, and for each try: what the one that solves it has
        try:
            return future.result(longest_s)
        except TimeoutError as error:
            if future.done():
                raise  # the solver's own
            raise PlannerUnavailable(f"The plan did not come within {longest_s:g} s.") from error

    def known(self, spec: JobSpec) -> Plan | None:
        """As `Planner.known`."""
        with self._books:
            return self._recall(planning_key(spec))

    def close(self) -> None:
        """End the child; a planning under way ends with PlannerUnavailable."""
        self._closed.set()
        child = self._child
        if child is not None:
            child.kill()
            child.wait()
            _close_pipes(child)

    def _recall(self, key: str) -> Plan | None:
        if key in self._plans:
            self._plans.move_to_end(key)
        return self._plans.get(key)

    def _solve(self, key: str, spec: JobSpec, future: "Future[Plan]") -> None:
        try:
            if not self._pipe.acquire(timeout=self._timeout_s):
                raise PlannerUnavailable(f"Other plans have kept this one waiting for {self._timeout_s:g} s.")
            try:
                plan = Plan.from_json(self._ask(spec.to_json()))
            finally:
                self._pipe.release()
        except BaseException as error:
            with self._books:
                del self._under_way[key]
            future.set_exception(error)
            return
        with self._books:
            del self._under_way[key]
            self._plans[key] = plan
            while len(self._plans) > self._cached:
                self._plans.popitem(last=False)
        future.set_result(plan)

    def _ask(self, spec: dict[str, Any]) -> dict[str, Any]:
        for _ in range(TRIES):
            child = self._living()
            with _killed_after(child, self._timeout_s) as overdue:
                line = _exchange(child, json.dumps(spec))
            if overdue.is_set():
                raise PlannerUnavailable(f"The plan took longer than {self._timeout_s:g} s; ask for fewer points.")
            if line:
                answer: dict[str, Any] = json.loads(line)
                if "plan" in answer:
                    plan: dict[str, Any] = answer["plan"]
                    return plan
                raise plan_errors.decode(answer["error"]) or PlannerFailed(answer["error"]["message"])
            child.kill()
            log.warning("the planner's process ended with code %s; it is started again", child.wait())
        raise PlannerUnavailable(f"The planner's process ended {TRIES} times while it solved this plan.")

    def _living(self) -> subprocess.Popen[str]:
        """The child, started (again) where none lives. The pipe's lock is held."""
        if self._closed.is_set():
            raise PlannerUnavailable("The service is stopping.")
        if self._child is None or self._child.poll() is not None:
            if self._child is not None:
                _close_pipes(self._child)
            self._child = subprocess.Popen(
                [sys.executable, "-m", "service.planning_child", self._function],
                cwd=ROOT,  # where the module is found
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                start_new_session=True,  # a Ctrl-C in the terminal is the service's to handle
            )
            if self._closed.is_set():  # `close` came in between and did not see this child
                self._child.kill()
        return self._child


def _exchange(child: subprocess.Popen[str], line: str) -> str:
    """One line to the child and one back; empty where it is gone."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(line + "\n")
        child.stdin.flush()
        return child.stdout.readline()
    except (OSError, ValueError):  # ValueError: `close` closed the pipe under us
        return ""


@contextmanager
def _killed_after(child: subprocess.Popen[str], seconds: float) -> Iterator[threading.Event]:
    """Kill the child if the block takes longer; the event says so."""
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        child.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield overdue
    finally:
        timer.cancel()


def _close_pipes(child: subprocess.Popen[str]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was still buffered for a dead child
                log.debug("a dead planner's pipe could not be flushed")

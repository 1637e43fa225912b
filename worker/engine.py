"""What places attempts on slots. The database stays the truth; an engine only starts, watches and kills."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from worker.order import Order


@dataclass(frozen=True, slots=True)
class Slot:
    """A free place for one attempt.

    Attributes:
        name: "host/cpu:0", unique while it is occupied.
        process: who will run the attempt, "pid@start" (`worker.processes.identity`); "" where that is not known before
            it is placed: the attempt then writes it into its row itself.
        threads: CPU threads there.
        share: of a device, by which its hours count: .25 where four slots share a GPU, 2.0 where it has two GPUs.
    """

    name: str
    process: str
    threads: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Death:
    """Why an attempt's process ended without its having said so.

    Attributes:
        failure_class: "infrastructure", or "out_of_memory" where the system ended it for that.
        message: one sentence.
    """

    failure_class: str
    message: str


class EngineLost(Exception):
    """What places attempts is gone for good; only a new process of this worker finds what has taken its place."""


class Engine(Protocol):
    """The protocol of the local engine, and of those for many machines. `tests/worker/test_engines.py` tests both.

    Any of its methods may raise `EngineLost`.
    """

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        """A free slot, when the slots named `occupied` run an earlier worker's attempts; None when all are busy.

        Args:
            key: of the trial that is to run there (`worker.warmth`). Where processes are kept warm between attempts,
                the one whose last trial had this key comes first, one that has run nothing second, and of the others
                the one that has been idle longest; where each attempt has a new process, all are alike.
        """

    def place(self, slot: Slot, order: Order) -> None:
        """Start an attempt on a slot that `can` gave since the last `alive`."""

    def alive(self) -> frozenset[int]:
        """The ids of the attempts that this engine placed and that run. One that is not among them has ended or died,
        and its row says which."""

    def death(self, attempt_id: int) -> Death | None:
        """What is known of the end of an attempt that died; None where nothing is, or where it has not."""

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        """End attempts now, with every process they started; their slots are free within 5 s.

        Returns:
            Those that it found and ended: its own, and those of earlier workers as far as it can reach them.
        """

    def hand_back(self) -> None:
        """Ask every attempt to save a checkpoint and end."""

    def close(self) -> None:
        """Let go of every slot. An attempt that still runs is finished by its own process."""

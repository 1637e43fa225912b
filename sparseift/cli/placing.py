"""What an operator says of how the worker places trials, and the worker's arguments that say the same."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

import typer

from sparseift.cli import programs

Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine", help="What runs trials: processes of this machine, or Ray (`pip install sparseift[ray]`)."
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        help="A Ray cluster, of which this machine is a node; without it, Ray is started on this machine.",
    ),
]
Devices = Annotated[
    str, typer.Option("--devices", help="Where trials run: auto, cpu, or a list such as cuda:0,cuda:1.")
]
SLOTS_HELP = "Trials trained at once; without it, one per GPU, or per CPU where there is none."
Slots = Annotated[int | None, typer.Option("--slots", min=0, help=SLOTS_HELP)]
SomeSlots = Annotated[int | None, typer.Option("--slots", min=1, help=SLOTS_HELP)]
Threads = Annotated[
    int | None, typer.Option("--threads-per-slot", min=1, help="CPU threads of one trial; without it, CPUs over slots.")
]
GpuFraction = Annotated[
    float | None,
    typer.Option("--gpu-fraction", help="Share of a GPU for one trial, 0.5 for two on each; local engine only."),
]
GpusPerSlot = Annotated[
    float | None, typer.Option("--gpus-per-slot", help="GPUs of one trial on Ray, whole or a fraction.")
]
AttemptLimit = Annotated[
    float | None,
    typer.Option("--attempt-limit-s", min=0.1, help="Seconds that one attempt may run; without it, any time."),
]
HangLimit = Annotated[
    float | None,
    typer.Option(
        "--hang-limit-s", min=0.1, help="Seconds of silence after which a training is ended as hung; without it, 900."
    ),
]
LeakLimit = Annotated[
    float | None,
    typer.Option(
        "--leak-limit-gib",
        min=0.01,
        help="GiB that a process may keep between trials before it is replaced; without it, 4.",
    ),
]


@dataclass(frozen=True, slots=True)
class Placing:
    """The options; None leaves the choice to the worker, whose arguments have the same names."""

    engine: str = "local"
    devices: str = "auto"
    slots: int | None = None
    threads_per_slot: int | None = None
    gpu_fraction: float | None = None
    gpus_per_slot: float | None = None
    ray_address: str | None = None
    attempt_limit_s: float | None = None
    hang_limit_s: float | None = None
    leak_limit_gib: float | None = None

    def check(self) -> None:
        """Refuse what the worker would refuse at its start, before anything is started.

        Raises:
            InvalidValue: an option outside its range, or for the other engine.
        """
        wish = programs.reach("worker.engines:Wish")
        names = [field.name for field in fields(wish)]
        programs.reach("worker.engines:check")(wish(**{name: getattr(self, name) for name in names}))

    def arguments(self) -> tuple[str, ...]:
        """Of `python -m worker`."""
        said = [(f"--{f.name.replace('_', '-')}", getattr(self, f.name)) for f in fields(self)]
        return tuple(word for name, value in said if value is not None for word in (name, str(value)))

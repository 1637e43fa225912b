"""What analysis reads: one finished trial, without its history; filled by `store.curves`."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Kind = Literal["baseline", "search", "confirm", "ladder"]
KINDS: tuple[Kind, ...] = ("baseline", "search", "confirm", "ladder")
Cost = Literal["forward_flops", "executed_flops", "training_flops", "parameters", "nonzero_parameters", "seconds"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One complete trial.

    Attributes:
        family: a name of the families' catalog, or "dense".
        configuration_key: hash of family + sparsity + schedule (`records.Configuration.key`).
        sparsity: share of the masked weights that are zero (fraction); 0 for dense.
        kind: "baseline" (dense), "search", "confirm" (a fresh seed, after the search has chosen), or "ladder" (a larger
            dense model, no part of the comparison).
        seed: of everything random in the trial.
        value: the metric on the validation split (the data set's unit).
        test_value: on the test split; None where the trial was not allowed to touch it.
        flop_ratio: forward FLOPs over dense's in the job's scope.
        training_flops: forward + backward FLOPs of the whole run, mask updates included.
        trial_id: the row it came from.
    """

    family: str
    configuration_key: str
    sparsity: float
    kind: Kind
    seed: int
    value: float
    test_value: float | None
    flop_ratio: float
    training_flops: float
    trial_id: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class MaskHistory:
    """What one complete trial's masks did.

    Attributes:
        value: the metric on the validation split (the data set's unit).
        churn: mean over its mask updates, of the share of active weights replaced; None where masks never changed.
        itop: at the end, the share of maskable weights that were ever active; None for dense.
    """

    trial_id: int
    family: str
    sparsity: float
    seed: int
    value: float
    churn: float | None
    itop: float | None

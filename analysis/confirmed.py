"""What jobs' final runs say, one record per configuration; filled by `store.meta`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The runs of one kind of one configuration of a job that has succeeded.

    Attributes:
        model, dataset: names. size: dense forward FLOPs per sample, whole model. parameters: of the dense model.
        maximize: whether a larger metric is better.
        kind: "confirm", or "baseline" of dense.
        sparsity, mean: over its runs; the metric's unit. runs: how many.
    """

    job_id: str
    model: str
    dataset: str
    size: int
    parameters: int
    maximize: bool
    family: str
    kind: str
    sparsity: float
    mean: float
    runs: int

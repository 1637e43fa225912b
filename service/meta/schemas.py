"""The JSON of what is asked over jobs, as the records of `analysis.meta` write it."""

from pydantic import Field

from service.curves.schemas import Strict


class JobBestView(Strict):
    """One family's best confirmed configuration of one job."""

    job_id: str
    model: str
    dataset: str
    family: str
    size: int = Field(description="Dense forward FLOPs per sample, whole model.")
    parameters: int = Field(description="Of the dense model.")
    sparsity: float
    gain: float | None = Field(description="Over dense, the metric's unit, positive when better.")
    seeds: int


class TrendView(Strict):
    """One family over jobs."""

    family: str
    slope: float | None = Field(
        description="Of −log2(1 − best sparsity) per tenfold dense FLOPs; null below three sizes."
    )
    low: float | None = Field(description="Of the slope's 95 % interval.")
    high: float | None
    intercept: float | None = Field(description="Of the same line, at one FLOP.")
    jobs: int
    sizes: int


class MetaView(Strict):
    """Best sparsity against model size."""

    points: list[JobBestView]
    trends: list[TrendView] = Field(description="One per family.")


EXAMPLES = {
    "MetaView": {
        "points": [
            {
                "job_id": "job_1k5x0z3w8qs7h2m4d9rt6b",
                "model": "mlp",
                "dataset": "digits",
                "family": "sparse_wide",
                "size": 151552,
                "parameters": 76554,
                "sparsity": 0.7501,
                "gain": 0.8,
                "seeds": 3,
            }
        ],
        "trends": [
            {
                "family": "sparse_wide",
                "slope": None,
                "low": None,
                "high": None,
                "intercept": None,
                "jobs": 1,
                "sizes": 1,
            }
        ],
    }
}

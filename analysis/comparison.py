"""Points against one reference at equal FLOPs; refused where FLOPs are not equal.

Where configurations ran on the reference's seeds, differences are taken within seeds and their noise is pooled over all
of them (`analysis.blocks`). Others get Welch's interval. With several points, intervals hold together (Bonferroni), so
whichever is looked at afterwards, the chance that any interval misses its difference is at most 5 %.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from analysis.blocks import Contrasts, contrasts
from analysis.points import ISO_FLOP_TOLERANCE, ROUNDING, CurvePoint, DensePoint
from analysis.power import seeds_to_see
from analysis.statistics import Noise, pooled_noise, t_quantile
from sparseift.records import DENSE, Metric

Verdict = Literal["better", "worse", "tie", "unknown"]
Method = Literal["blocked", "welch", "none"]


@dataclass(frozen=True, slots=True)
class Contender:
    """What is compared.

    Attributes:
        key: the configuration's; "dense" for the baseline.
        runs: validation metric by seed.
        flop_ratio: forward FLOPs over the dense baseline's in the job's scope.
        confirmed: whether these are the confirmation's fresh seeds.
    """

    key: str
    family: str
    sparsity: float
    schedule: str
    runs: dict[int, float]
    flop_ratio: float
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why two points were not compared: their FLOPs differ by more than the tolerance (a fraction of the
    reference's)."""

    reason: Literal["unequal_flops"]
    flop_ratio: float
    reference_flop_ratio: float
    tolerance: float
    message: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One point against the reference.

    Attributes:
        difference, low, high: in the metric's unit, positive when better than the reference, with the 95 % interval
            that holds for all comparisons of the answer together. None where refused; the interval also where the runs
            show no noise or one of the two has a single run.
        seeds: pairs of runs, or the smaller sample's runs.
        seeds_to_see: fewest seeds on which an interval of this answer would show a true difference as large as this one
            with a power of .8, the same configurations sharing them (`analysis.power`); None where nothing is known of
            the noise, there is no difference, or hundreds are not enough.
        verdict: "tie" where the interval holds zero: not separated by this many seeds, which is no proof of equality;
            "unknown" without an interval.
    """

    key: str
    family: str
    sparsity: float
    schedule: str
    flop_ratio: float
    confirmed: bool
    difference: float | None
    low: float | None
    high: float | None
    seeds: int
    seeds_to_see: int | None
    method: Method
    verdict: Verdict
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """Who is better than the reference at equal FLOPs.

    Attributes:
        comparisons: best difference first, refused ones last.
        multiplicity: how intervals allow for several comparisons; intervals: how many they hold for together.
        ties: keys that are not separated from the one with the largest difference, it included, judged by differences
            between them under the same noise and as many intervals again; () where there is nothing to separate.
        residual_sd: of one run, the seed's common effect taken out where runs share seeds; degrees: of freedom.
    """

    metric: Metric
    reference: str
    reference_flop_ratio: float
    comparisons: tuple[Comparison, ...]
    multiplicity: Literal["none", "bonferroni"]
    intervals: int
    ties: tuple[str, ...]
    residual_sd: float | None
    degrees: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def contender_of(point: CurvePoint) -> Contender:
    """A curve's point."""
    runs = dict(zip(point.seeds, point.values, strict=True))
    return Contender(
        point.configuration_key, point.family, point.sparsity, point.schedule, runs, point.flop_ratio, point.confirmed
    )


def contender_of_dense(dense: DensePoint) -> Contender:
    """The dense baseline; its FLOPs are the unit."""
    runs = dict(zip(dense.seeds, dense.values, strict=True))
    return Contender(DENSE, DENSE, 0.0, "", runs, 1.0, dense.confirmed)


def compare(
    contenders: Sequence[Contender],
    reference: Contender,
    metric: Metric,
    *,
    pool: Collection[Contender] = (),
    noise: Noise | None = None,
    tolerance: float = ISO_FLOP_TOLERANCE,
) -> ComparisonAnswer:
    """Each contender against the reference.

    Assumes normal noise; of runs on the reference's seeds also one variance for all (`analysis.blocks`), of others none
    in common (Welch 1947).

    Args:
        pool: what else ran: of it, what has the reference's FLOPs tells of the noise within seeds as the contenders do.
        noise: the job's seed noise; it stands in where two samples show no spread (a metric that counts).
        tolerance: by which FLOPs may differ, as a fraction of the reference's.
    """
    refusals = {c.key: _refusal(c, reference, tolerance) for c in contenders}
    compared = [c for c in contenders if refusals[c.key] is None]
    every = {c.key: c for c in (*pool, *compared) if c.key != reference.key and not _refusal(c, reference, tolerance)}
    if noise is not None and not noise.sd:
        noise = None  # equal by chance: nothing is known
    fallback = noise or pooled_noise([list(c.runs.values()) for c in [reference, *every.values()]])
    sign = 1.0 if metric.direction == "maximize" else -1.0
    against = contrasts(_signed(reference, sign), [_signed(c, sign) for c in every.values()], noise)
    count = max(1, len(compared))
    answers = [_judge(c, refusals[c.key], against, fallback, sign, count) for c in contenders]
    answers.sort(key=lambda a: (a.difference is None, -(a.difference or 0.0), a.key))
    spread = against.residual or fallback
    return ComparisonAnswer(
        metric=metric,
        reference=reference.key,
        reference_flop_ratio=reference.flop_ratio,
        comparisons=tuple(answers),
        multiplicity="none" if count == 1 else "bonferroni",
        intervals=count,
        ties=_ties(answers, {c.key: c for c in compared}, against, fallback),
        residual_sd=spread.sd if spread else None,
        degrees=spread.degrees if spread else 0,
    )


def _signed(contender: Contender, sign: float) -> dict[int, float]:
    return {seed: sign * value for seed, value in contender.runs.items()}


def _refusal(contender: Contender, reference: Contender, tolerance: float) -> Refusal | None:
    a, b = contender.flop_ratio, reference.flop_ratio
    if abs(a - b) <= tolerance * b + ROUNDING:
        return None
    message = (
        f"Its FLOPs are {a:.4f} and the reference's {b:.4f} of dense: they differ by {100 * abs(a - b) / b:.2f} %, and "
        f"only points within {100 * tolerance:g} % are compared."
    )
    return Refusal("unequal_flops", a, b, tolerance, message)


def _judge(
    c: Contender, refusal: Refusal | None, against: Contrasts, fallback: Noise | None, sign: float, count: int
) -> Comparison:
    found = None if refusal else against.difference(_signed(c, sign), count)
    verdict: Verdict = "unknown"
    if found is not None and found.low is not None and found.high is not None:
        verdict = "better" if found.low > 0 else "worse" if found.high < 0 else "tie"
    difference, low, high = (found.mean, found.low, found.high) if found else (None, None, None)
    return Comparison(
        c.key, c.family, c.sparsity, c.schedule, c.flop_ratio, c.confirmed,
        difference, low, high, found.n if found else 0,
        _seeds_to_see(difference, against, fallback, count), found.method if found else "none", verdict, refusal,
    )  # fmt: skip


def _seeds_to_see(difference: float | None, against: Contrasts, fallback: Noise | None, count: int) -> int | None:
    noise = against.residual or fallback
    if not difference or abs(difference) <= ROUNDING or noise is None or not noise.sd:
        return None
    return seeds_to_see(abs(difference), noise.sd, configurations=against.configurations, comparisons=count)


def _ties(
    answers: Sequence[Comparison], contenders: Mapping[str, Contender], against: Contrasts, fallback: Noise | None
) -> tuple[str, ...]:
    judged = [a for a in answers if a.difference is not None]
    if len(judged) < 2:
        return ()
    first = judged[0]
    tied = [first.key]
    for other in judged[1:]:
        both = all(against.is_blocked(contenders[a.key].runs) for a in (first, other))
        noise = against.residual if both and against.residual else fallback
        if noise is None or first.difference is None or other.difference is None:
            return ()
        n, m = (a.seeds if both else len(contenders[a.key].runs) for a in (first, other))
        half = t_quantile(noise.degrees, len(judged) - 1) * noise.sd * math.sqrt(1 / n + 1 / m)
        if first.difference - other.difference <= half:
            tied.append(other.key)
    return tuple(tied) if len(tied) > 1 else ()

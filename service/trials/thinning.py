"""Courses of many reports drawn with few points: Largest Triangle Three Buckets (Steinarsson, "Downsampling Time Series
for Visual Representation", University of Iceland, 2013, §4.2).

The first and the last point stay. Between them come equally many neighbours per bucket, and of each bucket the point
that spans the largest triangle with the point kept before it and the mean of the next bucket: peaks and kinks stay.
"""

from collections.abc import Sequence

Series = list[tuple[int, float]]  # (optimizer steps done, value)


def largest_triangles(series: Series, points: int) -> Series:
    """At most `points` (at least 2) of a series, by rising step; a shorter one whole."""
    if len(series) <= points:
        return series
    if points == 2:
        return [series[0], series[-1]]
    kept = [series[0]]
    inner, buckets = len(series) - 2, points - 2
    edges = [1 + inner * i // buckets for i in range(buckets + 1)]
    for i in range(buckets):
        following = series[edges[i + 1] : edges[i + 2]] if i + 1 < buckets else series[-1:]
        kept.append(_largest(kept[-1], series[edges[i] : edges[i + 1]], _mean(following)))
    return [*kept, series[-1]]


def _mean(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _largest(
    before: tuple[int, float], bucket: Sequence[tuple[int, float]], after: tuple[float, float]
) -> tuple[int, float]:
    (ax, ay), (cx, cy) = before, after
    return max(bucket, key=lambda b: abs((ax - cx) * (b[1] - ay) - (ax - b[0]) * (cy - ay)))

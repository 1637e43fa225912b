from collections.abc import Callable

import pytest

from analysis.curve import Curve, curve
from analysis.headline import gain_text, is_unfinished, progress_text
from analysis.measurement import Measurement
from analysis.statistics import Difference
from sparseift.records import DENSE
from tests.analysis.conftest import ACCURACY, ended, plan

Measure = Callable[..., Measurement]


def test_every_state_has_its_sentence(states: dict[str, Curve]) -> None:
    assert states["empty"].headline == (
        "No result yet (0 of 45 runs finished): the dense baseline comes first, then every family in turn."
    )
    assert states["dense"].headline == (
        "Dense reaches 2.093 bits/byte (n = 2 seeds). The sparse families follow: 2 of 45 runs finished."
    )
    assert states["partial"].headline == (
        "Sparse Wide at 75 % sparsity: level with dense at equal FLOPs (difference +0.046 bits/byte, 95 % interval "
        "−0.069 to +0.162, n = 2 seeds), provisional until confirmed on fresh seeds; 15 of 45 runs finished, 1 failed."
    )
    assert states["confirmed"].headline == (
        "Sparse Wide at 75 % sparsity: 0.039 bits/byte better than dense at equal FLOPs (95 % interval 0.025 to 0.053, "
        "n = 3 seeds), confirmed on fresh seeds."
    )


def test_gains_in_words() -> None:
    assert gain_text(Difference(3.11, 2.6, 3.62, 3, "blocked"), "%") == (
        "3.11 points better than dense at equal FLOPs (95 % interval 2.60 to 3.62, n = 3 seeds)"
    )
    assert gain_text(Difference(-0.02, -0.03, -0.01, 3, "welch"), "bits/byte") == (
        "0.020 bits/byte worse than dense at equal FLOPs (95 % interval 0.010 to 0.030, n = 3 seeds)"
    )
    assert gain_text(Difference(0.004, -0.01, 0.018, 3, "blocked"), "bits/byte") == (
        "level with dense at equal FLOPs (difference +0.004 bits/byte, 95 % interval −0.010 to +0.018, n = 3 seeds)"
    )
    assert gain_text(Difference(0.004, None, None, 1, "none"), "bits/byte") == (
        "+0.004 bits/byte against dense at equal FLOPs (n = 1 seed, no interval), not yet a gain"
    )
    assert gain_text(Difference(-1.52, None, None, 2, "none"), "%") == (
        "−1.52 points against dense at equal FLOPs (n = 2 seeds, no interval), not yet a loss"
    )


def test_progress() -> None:
    assert progress_text({}, None) == "no run has started"
    assert progress_text({"complete": 1}, None) == "1 of 1 run finished"
    refused = {"complete": 12, "infeasible": 1, "waiting": 1}
    assert progress_text(refused, 26) == "12 of 26 runs finished"
    assert progress_text({"complete": 2, "infeasible": 1}, 16) == "2 of 16 runs finished"
    assert progress_text({"infeasible": 3}, None) == "no run has started"
    assert is_unfinished({"complete": 12, "infeasible": 1}, 13)
    assert not is_unfinished({"complete": 12, "infeasible": 1}, 12)
    assert is_unfinished({"complete": 12}, 26)
    assert not is_unfinished({"complete": 12, "failed": 1}, 13)


ENDED = "The job ended without a result: "


@pytest.mark.parametrize(
    ("counts", "expected", "sentence"),
    [
        ({"failed": 3}, 3, f"{ENDED}3 of 3 runs finished, 3 failed; the failed runs' messages say why."),
        (
            {"failed": 1, "cancelled": 2},
            None,
            f"{ENDED}3 of 3 runs finished, 1 failed, 2 cancelled; the failed run's message says why.",
        ),
        ({}, 0, f"{ENDED}no run has started."),
        (
            {"failed": 1},
            9,
            "No result yet (1 of 9 runs finished, 1 failed): the dense baseline comes first, then every "
            "family in turn.",
        ),
    ],
)
def test_a_job_that_ended_without_a_result_says_so(counts: dict[str, int], expected: int | None, sentence: str) -> None:
    assert (
        curve("job", "name", ACCURACY, plan(ACCURACY), [], counts=counts, expected_runs=expected).headline == sentence
    )


def test_a_job_whose_dense_runs_all_failed_waits_for_none(measure: Measure) -> None:
    def headline(expected: int) -> str:
        rows = [measure("sparse_wide", 0.5, 1, 90.0)]
        counts = {"complete": 1, "failed": 1}
        return curve("job", "name", ACCURACY, plan(ACCURACY), rows, counts=counts, expected_runs=expected).headline

    assert "no dense run to compare it with (2 of 2" in headline(2)
    assert "no dense run to compare it with yet (2 of 5" in headline(5)


def test_confirmed_needs_every_planned_seed_and_an_interval(measure: Measure) -> None:
    counts = {"complete": 6}
    whole = ended(measure, (94.0, 94.5, 94.2), 3, counts)
    assert whole.headline.endswith(", confirmed on fresh seeds.")
    lost = ended(measure, (94.0, 94.5), 3, {"complete": 5, "failed": 1})
    assert lost.headline.endswith(", on 2 of 3 fresh seeds.")
    assert ended(measure, (94.0, 94.5), None, counts).headline.endswith(", confirmed on fresh seeds.")
    single = ended(measure, (94.0,), 1, counts)
    assert single.headline == (
        "Sparse Wide at 75 % sparsity: +3.83 points against dense at equal FLOPs (n = 1 seed, no interval), "
        "not yet a gain, on one fresh seed."
    )
    running = ended(measure, (94.0, 94.5), 3, {"complete": 5, "running": 1})
    assert running.headline.endswith(", on fresh seeds so far; 5 of 6 runs finished.")


def laddered(
    measure: Callable[..., Measurement], wide: tuple[float, ...], rungs: dict[float, tuple[float, ...]], kind: str
) -> str:
    """The headline of a job with these runs of Wide and of dense models."""
    rows = [measure(DENSE, 0.0, i, v, "baseline") for i, v in enumerate((90.0, 90.4, 90.1))]
    rows += [measure("sparse_wide", 0.75, i, v, kind) for i, v in enumerate(wide)]
    for multiple, values in rungs.items():
        more = {"schedule": str(multiple), "flop_ratio": multiple}
        rows += [measure(DENSE, 0.0, i, v, "ladder", **more) for i, v in enumerate(values)]
    return curve(
        "job", "name", ACCURACY, plan(ACCURACY), rows, counts={"complete": len(rows)}, confirm_seeds=3
    ).headline


def test_the_larger_dense_model_is_named_where_the_gain_is_one(measure: Callable[..., Measurement]) -> None:
    # Differences 2, 2, 2.1: 2.03 ± 4.303 · .0577 / √3. The dense means 90.17, 92.10 and 94.07 rise by two a doubling:
    # 92.2 lies at 1.05 of one, and 2^1.05 is 2.07.
    better, rungs = (92.0, 92.4, 92.2), {2.0: (91.9, 92.3, 92.1), 4.0: (93.9, 94.3, 94.0)}
    assert laddered(measure, better, rungs, "confirm") == (
        "Sparse Wide at 75 % sparsity: 2.03 points better than dense at equal FLOPs (95 % interval 1.89 to 2.18, n = 3 "
        "seeds), as good as a dense model of 2.1× [2.0, 2.1] the FLOPs, confirmed on fresh seeds."
    )
    # a rung that dense's seeds hardly tell from the sparse model: that end is open
    open_end = laddered(measure, better, {2.0: (92.2, 92.4, 92.3)}, "confirm")
    assert "as good as a dense model of 1.9× [at least 1.8] the FLOPs, confirmed" in open_end


def test_beyond_every_dense_model_is_above_it_only_where_the_interval_clears(measure: Measure) -> None:
    ladder = {2.0: (91.9, 92.3, 92.1), 4.0: (93.9, 94.3, 94.0)}
    # 95 above 94: differences 1.1, 1.1, 1.1
    above = laddered(measure, (95.0, 95.4, 95.1), ladder, "confirm")
    assert "n = 3 seeds), above dense 4×, confirmed on fresh seeds." in above
    # 94.1 above 94.07, and noise of about .3
    level = laddered(measure, (94.3, 93.7, 94.4), ladder, "confirm")
    assert "n = 3 seeds), level with dense 4×, confirmed on fresh seeds." in level
    # its own runs chose it
    assert "above dense" not in laddered(measure, (95.0, 95.4, 95.1), ladder, "search")


@pytest.mark.parametrize(
    ("wide", "rungs", "kind"),
    [
        ((92.0, 92.4, 92.2), {}, "confirm"),  # no ladder
        ((92.0, 92.4, 92.2), {2.0: (91.9, 92.3, 92.1), 4.0: (93.9, 94.3, 94.0)}, "search"),  # not confirmed
        ((90.1, 90.3, 90.2), {2.0: (91.9, 92.3, 92.1)}, "confirm"),  # level with dense
        ((95.0, 95.4, 95.1), {2.0: (91.9, 92.3, 92.1)}, "confirm"),  # better than every dense model
        ((92.0, 92.4, 92.2), {2.0: (89.0, 89.4, 89.1)}, "confirm"),  # more FLOPs make dense worse
    ],
)
def test_no_dense_model_is_named_otherwise(
    measure: Callable[..., Measurement], wide: tuple[float, ...], rungs: dict[float, tuple[float, ...]], kind: str
) -> None:
    assert "as good as" not in laddered(measure, wide, rungs, kind)

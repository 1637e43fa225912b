from collections.abc import Callable

import pytest

from analysis.curve import Curve, curve
from analysis.headline import gain_text, is_unfinished, progress_text
from analysis.measurement import Measurement
from analysis.statistics import Difference
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
    assert gain_text(Difference(3.11, 2.6, 3.62, 3, "paired"), "%") == (
        "3.11 points better than dense at equal FLOPs (95 % interval 2.60 to 3.62, n = 3 seeds)"
    )
    assert gain_text(Difference(-0.02, -0.03, -0.01, 3, "welch"), "bits/byte") == (
        "0.020 bits/byte worse than dense at equal FLOPs (95 % interval 0.010 to 0.030, n = 3 seeds)"
    )
    assert gain_text(Difference(0.004, -0.01, 0.018, 3, "paired"), "bits/byte") == (
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
    assert progress_text({"complete": 12, "infeasible": 1, "waiting": 1}, 26) == "13 of 26 runs finished, 1 infeasible"
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

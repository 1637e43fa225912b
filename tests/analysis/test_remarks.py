import re
from collections.abc import Callable

from analysis.curve import Curve, curve
from analysis.measurement import Measurement
from analysis.remarks import lost_seeds
from tests.analysis.conftest import BITS, ended, plan

Measure = Callable[..., Measurement]


def test_remarks_state_how_many_were_compared_ties_and_what_was_left_out(states: dict[str, Curve]) -> None:
    remarks = states["off"].remarks
    assert remarks[0] == "24 configurations compared, over 4 families."
    assert any(re.match(r"Sparse \w+: \d+ other configurations? (is|are) within noise", r) for r in remarks)
    assert remarks[-1].startswith("1 configuration is more than 0.1 % off dense's FLOPs")
    assert any("flatters itself" in r for r in states["partial"].remarks)
    assert not any("flatters itself" in r for r in states["confirmed"].remarks)
    assert states["empty"].remarks == ()


def test_the_headlines_wider_interval_is_named_and_the_rows_stay_plain(states: dict[str, Curve]) -> None:
    found = states["confirmed"]
    assert "The headline's interval is widened for the best of 4 families." in found.remarks
    assert "95 % interval 0.025 to 0.053" in found.headline
    gain = found.best[0].point.gain
    assert gain is not None
    assert gain.low is not None
    assert gain.low > 0.029, "beside 0.025 for all four together"


def test_a_second_confirmed_configuration_is_counted(measure: Measure) -> None:
    rows = [measure("dense", 0.0, seed, 2.0 + seed / 50, "confirm") for seed in (1, 2, 3)]
    rows += [measure("sparse_wide", s, seed, 1.5 + s + seed / 40, "confirm") for s in (0.5, 0.75) for seed in (1, 2, 3)]
    found = curve("job", "name", BITS, plan(), rows, counts={"complete": 9}, confirm_seeds=3).remarks
    assert "The headline's interval is widened for the best of 2 confirmed configurations." in found


def test_one_family_needs_no_wider_interval(measure: Measure) -> None:
    assert not any("widened" in r for r in ended(measure, (94.0, 94.5, 94.2), 3, {"complete": 6}).remarks)


def test_seeds_without_a_result_are_named_once_the_job_has_ended(measure: Measure) -> None:
    def remarks(wide: tuple[float, ...], counts: dict[str, int], planned: int = 3) -> tuple[str, ...]:
        return ended(measure, wide, planned, counts).remarks

    assert "Sparse Wide: 1 of 3 confirmation runs failed." in remarks((94.0, 94.5), {"complete": 5, "failed": 1})
    cancelled = remarks((94.0,), {"complete": 4, "failed": 2, "cancelled": 1})
    assert "Sparse Wide: 2 of 3 confirmation runs gave no result." in cancelled
    assert not any("runs" in r for r in remarks((94.0, 94.5), {"complete": 5, "running": 1}))
    assert not any("runs" in r for r in remarks((94.0, 94.5, 94.1), {"complete": 6}))
    dense = remarks((94.0, 94.5, 94.1, 94.3), {"complete": 7, "failed": 1}, planned=4)
    assert "Dense: 1 of 4 baseline runs failed." in dense


def test_a_family_that_lost_every_confirmation_is_named_where_others_have_some(measure: Measure) -> None:
    def remarks(rows: list[Measurement]) -> tuple[str, ...]:
        counts = {"complete": len(rows), "failed": 2}
        return curve("job", "name", BITS, plan(), rows, counts=counts, confirm_seeds=2).remarks

    rows = [measure("sparse_wide", 0.5, 9, 2.0), measure("sparse_doped", 0.5, 9, 2.1)]
    assert "No confirmation run gave a result." in remarks(rows)
    rows += [measure("sparse_wide", 0.5, seed, 2.0 + seed / 100, "confirm") for seed in (1, 2)]
    assert "Sparse Doped: 2 of 2 confirmation runs failed." in remarks(rows)
    assert lost_seeds(None, (), {}, 2) == ()

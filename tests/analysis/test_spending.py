import json
from typing import Any

import pytest

from analysis.spending import Entry, Stretch, TrialWork, ledger

RUN = {"total_steps": 100, "batch_size": 10, "dense_training_flops": 1000.0}


def work(state: str, *stretches: Stretch, flops: float | None = None, family: str = "sparse_wide", **more: Any) -> TrialWork:  # fmt: skip  # noqa: E501
    kind = more.get("kind", "search")
    return TrialWork(state, kind, family, flops, more.get("executed", 2), stretches)


def by_name(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {e.name: e for e in entries}


def test_a_lost_attempt_is_work_done_twice() -> None:
    # The first attempt reached step 60; the second went on from 40 and finished: 20 steps and 200 FLOPs twice.
    lost = Stretch(1, 1, 60, 10.0, 600.0, 30.0)
    again = Stretch(2, 40, 100, 400.0, 1000.0, 30.0)
    found = ledger([work("complete", lost, again, flops=1000.0)], **RUN)
    outcome = by_name(found.by_outcome)
    assert (outcome["complete"].algorithmic_flops, outcome["repeated"].algorithmic_flops) == (1000.0, 200.0)
    # executed: 3 · 2 FLOPs per sample · 10 samples = 60 per step
    assert (outcome["complete"].executed_flops, outcome["repeated"].executed_flops) == (6000.0, 1200.0)
    assert (outcome["complete"].device_seconds, outcome["repeated"].device_seconds) == (50.0, 10.0)
    assert (found.total.trials, found.total.algorithmic_flops, found.total.device_seconds) == (1, 1200.0, 60.0)
    assert (found.dense_runs, found.result_share) == (1.2, pytest.approx(1000 / 1200))


def test_an_attempt_without_a_report_hides_no_repeated_work() -> None:
    lost, silent = Stretch(1, 1, 60, 10.0, 600.0, 30.0), Stretch(2, None, None, 0.0, 0.0, 1.0)
    again = Stretch(3, 40, 100, 400.0, 1000.0, 30.0)
    found = ledger([work("complete", lost, silent, again, flops=1000.0)], **RUN)
    outcome = by_name(found.by_outcome)
    assert (outcome["repeated"].algorithmic_flops, outcome["repeated"].executed_flops) == (200.0, 1200.0)  # 20 steps
    assert (outcome["complete"].device_seconds, outcome["repeated"].device_seconds) == (51.0, 10.0)


def test_what_became_of_the_work() -> None:
    found = ledger(
        [
            work("complete", Stretch(1, 1, 100, 10.0, 1000.0, 5.0), flops=1000.0, family="dense", kind="baseline"),
            work("pruned", Stretch(1, 1, 30, 10.0, 300.0, 2.0)),
            work("failed", Stretch(1, 1, 10, 10.0, 100.0, 1.0)),
            work("failed", Stretch(1, None, None, 0.0, 0.0, 0.5)),
            work("cancelled", Stretch(1, 1, 20, 10.0, 200.0, 1.0), executed=None),
            work("running", Stretch(1, 1, 50, 10.0, 500.0, 3.0)),
            work("waiting"),
            work("infeasible"),
        ],
        **RUN,
    )
    outcome = by_name(found.by_outcome)
    assert {n: e.algorithmic_flops for n, e in outcome.items()} == {
        "complete": 1000.0,
        "running": 500.0,
        "pruned": 300.0,
        "failed": 100.0,
        "cancelled": 200.0,
        "repeated": 0.0,
    }
    assert (found.total.trials, outcome["running"].trials) == (6, 1), "what was not begun is no entry"
    assert (outcome["failed"].trials, outcome["failed"].device_seconds) == (2, 1.5)
    assert outcome["cancelled"].executed_flops == 0.0, "unknown for this one"
    assert found.result_share == pytest.approx(1500 / 2100)
    assert by_name(found.by_kind)["baseline"].algorithmic_flops == 1000.0
    assert set(by_name(found.by_family)) == {"dense", "sparse_wide"}
    json.dumps(found.to_json())


def test_every_split_sums_to_the_total() -> None:
    parts = [
        work("complete", Stretch(1, 1, 70, 1.0, 70.0, 9.0), Stretch(2, 50, 100, 50.0, 100.0, 4.0), flops=101.0),
        work("failed", Stretch(1, 1, 33, 1.0, 33.0, 3.0), family="sparse_doped", kind="confirm"),
        work("running", Stretch(1, 1, 5, 1.0, 5.0, 1.0), Stretch(2, 5, 9, 5.0, 9.0, 1.0)),
    ]
    found = ledger(parts, **RUN)
    for split in (found.by_outcome, found.by_kind, found.by_family):
        for field in ("algorithmic_flops", "executed_flops", "device_seconds"):
            assert sum(getattr(e, field) for e in split) == pytest.approx(getattr(found.total, field))


def test_nothing_was_trained() -> None:
    found = ledger([], **RUN)
    assert (found.total, found.result_share, found.by_kind) == (Entry("total", 0, 0.0, 0.0, 0.0), None, ())

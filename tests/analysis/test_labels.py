from analysis.labels import METHODS, family_name, metric_title, schedule_text, short_family_name
from sparseift.masks.schedules import METHODS as MASK_METHODS
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Metric


def test_families() -> None:
    assert family_name("sparse_wide") == "Sparse Wide"
    assert short_family_name("sparse_wide") == "Wide"
    assert short_family_name("dense") == "Dense"


def test_metrics_name_their_unit_once() -> None:
    assert metric_title(Metric("accuracy", "%", "maximize")) == "Accuracy (%), higher is better"
    assert metric_title(Metric("bits_per_byte", "bits/byte", "minimize")) == "Bits per byte, lower is better"


def test_schedules_come_from_canonical_configurations() -> None:
    rigl = Configuration("sparse_wide", 0.75, MaskSchedule()).canonical()
    assert schedule_text(rigl) == "RigL, ΔT 100 steps, α₀ 0.30 cosine to 75 %"
    static = Configuration("sparse_wide", 0.75, MaskSchedule(method="static", distribution="erk")).canonical()
    assert schedule_text(static) == "static, ERK"
    pruned = Configuration("sparse_wide", 0.75, MaskSchedule(method="gmp")).canonical()
    assert schedule_text(pruned) == "GMP, ΔT 100 steps to 75 %"
    assert set(METHODS) == set(MASK_METHODS)
    assert schedule_text(Configuration("dense").canonical()) == ""
    assert schedule_text(None) == ""

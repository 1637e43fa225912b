"""What the reader of an attempt's log sees."""

from dataclasses import replace

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Named, Progress, TrialResult, TrialSpec
from worker import diary
from worker.order import Order, Setting

DENSE = TrialSpec(Named("mlp"), Named("digits"), {}, Configuration("dense"), "model", "default", 7, evaluate_test=True)
SETTING = Setting("sqlite:///x.db", "artifacts", "data", "cpu", 2, lease_ttl_s=60.0)


def test_a_log_begins_with_what_is_trained() -> None:
    order = Order(1, "token", DENSE, "job/00001", None)
    assert diary.beginning(order, SETTING) == "dense: mlp on digits, seed 7, cpu, 2 threads, from the first step"
    rigl = Configuration("sparse_wide", 0.75, MaskSchedule("rigl", delta_t_steps=40))
    resumed = replace(order, trial=replace(DENSE, configuration=rigl), resume_from="job/00001/step-30")
    told = diary.beginning(resumed, SETTING)
    assert told.startswith("sparse_wide at nominal sparsity 0.75 with rigl (ΔT 40 steps) masks: mlp on digits")
    assert told.endswith("resuming from job/00001/step-30")


def test_what_was_not_measured_is_left_out() -> None:
    progress = Progress(20, 100, 1.23456, None, 1.5e9, 0.75, None, None, 4.21)
    words = "step 20 of 100, training loss 1.2346, sparsity 0.75, 1.5e+09 training FLOPs, 4.2 s"
    assert diary.line(progress) == words
    assert "validation 91.5, sparsity 0.75, churn 0.1, ITOP 0.4" in diary.line(
        replace(progress, value=91.5, churn=0.1, itop=0.4)
    )


def test_a_log_ends_with_the_result() -> None:
    result = TrialResult(91.5, None, 1, 1, 1.0, 2e9, 0.75, 1, 1, 3.0)
    assert diary.ending(result) == "validation 91.5, 2e+09 training FLOPs, 3.0 s"
    assert ", test 90.25," in diary.ending(replace(result, test_value=90.25))

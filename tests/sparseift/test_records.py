import json

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, JobSpec, Named, TrialSpec, derive_seed


def test_records_survive_json() -> None:
    job = JobSpec(
        "j", Named("gpt", {"width": 64}), Named("sotu"), ("sparse_wide", "sparse_doped"), training={"steps": 5}
    )
    assert JobSpec.from_json(json.loads(json.dumps(job.to_json()))) == job
    configuration = Configuration("sparse_doped", 0.75, MaskSchedule("set", delta_t_steps=70))
    trial = TrialSpec(job.model, job.dataset, {}, configuration, "model", "default", 3, evaluate_test=True)
    assert TrialSpec.from_json(json.loads(json.dumps(trial.to_json()))) == trial


def test_a_configuration_is_what_trains_alike() -> None:
    static = Configuration("sparse_doped", 0.75, MaskSchedule("static", delta_t_steps=70))
    assert static.key == Configuration("sparse_doped", 0.75, MaskSchedule("static")).key
    assert static.key != Configuration("sparse_doped", 0.75, MaskSchedule("rigl")).key
    assert Configuration.from_json(static.canonical()).key == static.key
    assert Configuration("dense").canonical() == {"family": "dense", "nominal_sparsity": 0.0, "schedule": None}
    rung = Configuration("dense", flop_multiple=2**0.5)
    assert rung.canonical()["flop_multiple"] == 1.414214
    assert Configuration.from_json(rung.canonical()).key == rung.key != Configuration("dense").key


def test_derived_seeds_differ_by_label_and_fit_a_database_integer() -> None:
    seeds = {derive_seed(0, "search", i) for i in range(100)} | {derive_seed(0, "confirm", i) for i in range(100)}
    assert len(seeds) == 200
    assert all(0 <= s < 2**31 for s in seeds)
    assert derive_seed(7, "x") == derive_seed(7, "x")

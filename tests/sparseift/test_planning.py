from dataclasses import replace

import pytest

from sparseift.errors import Infeasible, InvalidValue, UnknownName
from sparseift.planning import make_plan, plan
from sparseift.records import JobSpec, Named, Plan, Space

FAMILIES = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
JOB = JobSpec("t", Named("resnet", {"width": 8}), Named("digits"), FAMILIES, Space(sparsities=(0.3, 0.5, 0.6, 0.75)))


def test_every_point_is_feasible_and_iso_flop_or_refused_with_a_reason() -> None:
    made = make_plan(JOB)
    assert {p.family for p in made.points} == set(FAMILIES)
    for point in made.points:
        if point.feasible:
            assert point.flop_ratio == pytest.approx(1.0, abs=1e-3)
            assert point.forward_flops == pytest.approx(made.dense.forward_flops, rel=1e-3)
        else:
            assert point.reason.endswith(".")


def test_parallel_snaps_to_integers_and_no_size_stands_twice() -> None:
    grid = make_plan(JOB).grid("sparse_parallel")
    assert [p.nominal_sparsity for p in grid] == [0.5, 0.75]  # .6 snaps to k = 2 too, and .3 to no transformation
    assert [p.reason for p in grid] == ["Stands for 0.6 too, which give sparse_parallel the same size.", ""]
    refused = [p for p in make_plan(JOB).points if not p.feasible and p.family == "sparse_parallel"]
    assert [p.nominal_sparsity for p in refused] == [0.3]
    scales = [p.scale for p in make_plan(JOB).points if p.family == "sparse_wide"]
    assert len(scales) == len(set(scales))


def test_plans_cross_process_borders() -> None:
    assert Plan.from_json(plan(JOB.to_json())) == make_plan(JOB)


def test_names_and_tasks_are_checked() -> None:
    with pytest.raises(UnknownName, match="known ones are mlp"):
        make_plan(replace(JOB, model=Named("resnet99")))
    with pytest.raises(UnknownName, match="data set 'digitz'"):
        make_plan(replace(JOB, dataset=Named("digitz")))
    with pytest.raises(UnknownName, match="sparse_doped"):
        make_plan(replace(JOB, families=("sparse_round",)))
    with pytest.raises(UnknownName, match="bn_relu"):
        make_plan(replace(JOB, families=("sparse_wide",), nonlinearity="swish"))
    with pytest.raises(InvalidValue, match="takes text"):
        make_plan(replace(JOB, model=Named("gpt")))


def test_a_space_without_a_feasible_point_is_refused_with_its_reasons() -> None:
    gpt = JobSpec(
        "t",
        Named("gpt", {"width": 16, "layers": 1, "heads": 2}),
        Named("sotu"),
        ("sparse_wide",),
        Space(sparsities=(0.9, 0.95)),
    )
    with pytest.raises(Infeasible, match=r"sparse_wide at 0\.9") as refusal:
        make_plan(gpt)
    assert refusal.value.nearest
    assert max(refusal.value.nearest) < 0.9
    assert f"{refusal.value.nearest[0]:g}" in str(refusal.value)


def test_a_network_no_wider_than_dense_is_no_point() -> None:
    gpt = JobSpec(
        "t",
        Named("gpt", {"width": 16, "layers": 1, "heads": 4}),
        Named("sotu"),
        ("sparse_wide", "sparse_factorized"),
        Space(sparsities=(0.3,)),
    )
    first, second = make_plan(gpt).points
    assert (first.feasible, second.feasible) == (False, True)
    assert "no wider" in first.reason
    assert make_plan(gpt).training_memory_bytes > 16 * second.parameters


def test_the_ladder_has_the_widths_nearest_to_its_multiples() -> None:
    spec = JobSpec(
        "ladder",
        Named("gpt", {"width": 64, "layers": 2, "heads": 4}),
        Named("sotu", {"vocabulary": 320, "context": 32}),
        ("sparse_wide",),
        Space(sparsities=(0.5,)),
        ladder=(2**0.5, 2.0, 4.0),
    )
    made = make_plan(spec)
    assert [p.family for p in made.ladder] == ["dense"] * 3
    assert [p.flop_ratio for p in made.ladder] == pytest.approx(spec.ladder, rel=0.07)  # widths are multiples of heads
    assert [p.flop_ratio for p in made.ladder] == pytest.approx(
        [p.forward_flops / made.dense.forward_flops for p in made.ladder]
    )
    assert made.ladder[2].parameters > made.ladder[1].parameters > made.dense.parameters
    assert Plan.from_json(made.to_json()) == made
    without = make_plan(replace(spec, ladder=()))
    assert without == replace(made, ladder=(), training_memory_bytes=without.training_memory_bytes)


def test_a_rung_below_zero_is_refused() -> None:
    spec = JobSpec("ladder", Named("mlp"), Named("digits"), ("sparse_wide",), Space(sparsities=(0.5,)), ladder=(-1.0,))
    with pytest.raises(InvalidValue, match=r"-1\.0; it must be a positive FLOP multiple"):
        make_plan(spec)


@pytest.mark.parametrize(
    ("model", "data", "ladder", "words"),
    [  # widths next to 8 are 7, 9 and 10; of a gpt multiples of its four heads
        (
            Named("resnet", {"width": 8}),
            "digits",
            (1.1, 2.0),
            "×1.1 and the dense baseline are one .*, of width 8 and 1",
        ),
        (Named("resnet", {"width": 8}), "digits", (1.41, 1.5), "×1.5 and ×1.41 are one .*, of width 10 and 1.5"),
        (Named("resnet", {"width": 8}), "digits", (2.0, 2.0), "×2 and ×2 are one dense model"),
        (Named("gpt", {"width": 128, "heads": 4}), "sotu", (1.01,), "×1.01 and the dense baseline .*, of width 128"),
    ],
)
def test_rungs_that_are_one_model_are_refused_by_their_width(
    model: Named, data: str, ladder: tuple[float, ...], words: str
) -> None:
    spec = JobSpec("ladder", model, Named(data), ("sparse_wide",), Space(sparsities=(0.5,)), ladder=ladder)
    with pytest.raises(InvalidValue, match=words):
        make_plan(spec)

from analysis.curve import Curve
from analysis.headline import gain_text, is_unfinished, progress_text
from analysis.statistics import Difference


def test_every_state_has_its_sentence(states: dict[str, Curve]) -> None:
    assert states["empty"].headline == (
        "No result yet (0 of 45 runs finished): the dense baseline comes first, then every family in turn."
    )
    assert states["dense"].headline == (
        "Dense reaches 2.093 bits/byte (n = 2 seeds). The sparse families follow: 2 of 45 runs finished."
    )
    assert states["partial"].headline == (
        "Sparse Wide at 75 % sparsity: 0.046 bits/byte better than dense at equal FLOPs (95 % interval 0.027 to 0.066, "
        "n = 2 seeds), provisional until confirmed on fresh seeds; 15 of 45 runs finished, 1 failed."
    )
    assert states["confirmed"].headline == (
        "Sparse Wide at 75 % sparsity: 0.039 bits/byte better than dense at equal FLOPs (95 % interval 0.032 to 0.046, "
        "n = 3 seeds), confirmed on fresh seeds."
    )


def test_remarks_state_how_many_were_compared_ties_and_what_was_left_out(states: dict[str, Curve]) -> None:
    remarks = states["off"].remarks
    assert remarks[0] == "24 configurations compared, over 4 families."
    assert any(r.startswith("Sparse Parallel: 3 other configurations are within noise") for r in remarks)
    assert remarks[-1].startswith("1 configuration is more than 0.1 % off dense's FLOPs")
    assert any("flatters itself" in r for r in states["partial"].remarks)
    assert not any("flatters itself" in r for r in states["confirmed"].remarks)
    assert states["empty"].remarks == ()


def test_gains_in_words() -> None:
    assert gain_text(Difference(3.11, 2.6, 3.62, 3, "paired"), "%") == (
        "3.11 points better than dense at equal FLOPs (95 % interval 2.60 to 3.62, n = 3 seeds)"
    )
    assert gain_text(Difference(-0.02, -0.03, -0.01, 3, "welch"), "bits/byte") == (
        "0.020 bits/byte worse than dense at equal FLOPs (95 % interval 0.010 to 0.030, n = 3 seeds)"
    )
    assert gain_text(Difference(0.004, -0.01, 0.018, 3, "paired"), "bits/byte") == (
        "level with dense at equal FLOPs (gain +0.004 bits/byte, 95 % interval −0.010 to +0.018, n = 3 seeds)"
    )
    assert gain_text(Difference(0.004, None, None, 1, "none"), "bits/byte") == (
        "0.004 bits/byte better than dense at equal FLOPs (n = 1 seed, no interval yet)"
    )


def test_progress() -> None:
    assert progress_text({}, None) == "no run has started"
    assert progress_text({"complete": 1}, None) == "1 of 1 run finished"
    assert progress_text({"complete": 12, "infeasible": 1, "waiting": 1}, 26) == "13 of 26 runs finished, 1 infeasible"
    assert is_unfinished({"complete": 12}, 26)
    assert not is_unfinished({"complete": 12, "failed": 1}, 13)

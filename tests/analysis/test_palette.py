import pytest

from analysis.palette import GROUNDS, LOOKS, THEMES, Theme, contrast, look, order
from sparseift import catalog


def test_contrast_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_every_family_can_be_seen_and_told_apart(theme: Theme) -> None:
    ground = GROUNDS[theme]
    assert set(LOOKS[theme]) == set(catalog.table("family"))
    assert len({style.shape for style in LOOKS[theme].values()}) == len(LOOKS[theme])
    for style in LOOKS[theme].values():
        assert contrast(style.mark, ground.paper) >= 3
        assert contrast(style.mark, ground.band) >= 3
        assert contrast(style.text, ground.paper) >= 4.5
    assert contrast(ground.quiet, ground.paper) >= 4.5
    assert contrast(ground.ink, ground.paper) >= 7


def test_shapes_do_not_change_with_the_theme() -> None:
    assert [s.shape for s in LOOKS["light"].values()] == [s.shape for s in LOOKS["dark"].values()]


def test_an_unknown_family_is_drawn_too() -> None:
    assert look("sparse_new", "dark").mark == GROUNDS["dark"].quiet
    assert order("sparse_new") > order("sparse_doped")

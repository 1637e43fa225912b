import re
from dataclasses import replace

import pytest

from analysis.curve import Curve
from analysis.render import FORMATS, MEDIA_TYPES, SCALE, render, script_json
from sparseift.errors import UnknownName


def test_png_is_a_sharp_picture(states: dict[str, Curve]) -> None:
    png = render(states["confirmed"], "png", "dark", 600)
    assert png.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(png[16:20], "big") == 600 * SCALE


def test_svg_is_whole_and_described(states: dict[str, Curve]) -> None:
    svg = render(states["partial"], "svg").decode()
    assert svg.startswith("<svg")
    assert "Sparse Wide" in svg


def test_csv(states: dict[str, Curve]) -> None:
    assert render(states["empty"], "csv").decode().startswith("job_id,family,")


def test_html_shows_the_same_numbers_as_the_tables(states: dict[str, Curve]) -> None:
    page = render(states["confirmed"], "html").decode()
    for words in ("2.055 ± 0.013", "+0.039 ± 0.010", "24 configurations compared", "job job_01", "code 0.1.0"):
        assert words in page


def markup(page: str) -> str:
    """The page without its script, which is Vega's; what that asks for, a browser test watches."""
    return re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)


def test_html_asks_nobody_for_anything(states: dict[str, Curve]) -> None:
    page = markup(render(states["confirmed"], "html").decode())
    assert not re.search(r"(src|href|url|@import)\s*[=(]", page)
    assert "//" not in page


def test_html_escapes_what_a_job_brings(states: dict[str, Curve]) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    page = render(replace(states["dense"], name=evil, provenance={"model": evil}), "html").decode()
    assert evil not in page
    assert "<img" not in markup(page)
    assert script_json(evil).count("<") == 0


def test_formats_are_named_when_another_is_asked_for(states: dict[str, Curve]) -> None:
    with pytest.raises(UnknownName, match="html, png, svg, csv"):
        render(states["empty"], "pdf")
    assert set(MEDIA_TYPES) == set(FORMATS)

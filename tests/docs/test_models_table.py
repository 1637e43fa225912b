"""The models' page is what the library does: every row is planned again."""

import pytest

from tests.docs import models_reference
from tests.docs.models_reference import COLUMNS, HEAD, PAGE, SECTIONS, Subject, section

REWRITE = "run: python tests/docs/models_reference.py"
CASES = [
    pytest.param(subject, families, id=f"{title}: {subject.title}", marks=pytest.mark.slow)
    for title, _, subjects, families in SECTIONS
    for subject in subjects
]


@pytest.mark.parametrize(("subject", "families"), CASES)
def test_a_models_rows_are_what_is_planned(subject: Subject, families: tuple[str, ...]) -> None:
    assert "\n".join(section(subject, families)) in PAGE.read_text(encoding="utf-8"), REWRITE


def test_the_page_has_every_model_and_nothing_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(("| **", "| | sparse_"))]
    frame = [line for line in text.splitlines() if line not in rows]
    parts = [HEAD, *(f"## {title}\n\n{words}\n\n{COLUMNS}\n{models_reference.RULE}" for title, words, *_ in SECTIONS)]
    assert frame == "\n\n".join(parts).splitlines(), REWRITE
    titles = [line.split("**")[1] for line in rows if line.startswith("| **")]
    assert titles == [subject.title for _, _, subjects, _ in SECTIONS for subject in subjects], REWRITE


def test_every_point_of_the_page_keeps_the_dense_flops() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| | sparse_") and "refused" not in line]
    assert len(rows) >= 44
    assert all(abs(float(row[5]) - 1.0) <= models_reference.TOLERANCE for row in rows)

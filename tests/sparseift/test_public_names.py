import subprocess
import sys

import sparseift


def test_the_public_names_are_pinned() -> None:
    assert sparseift.__all__ == [
        "Configuration", "FlopCount", "JobSpec", "MaskSchedule", "MaskTrainer", "Point", "build_sparse", "count",
        "transform", "widen",
    ]  # fmt: skip
    for name in sparseift.__all__:
        assert getattr(sparseift, name).__doc__


def test_listing_catalogs_and_reading_cards_imports_no_torch() -> None:
    code = (
        "import sys, sparseift, sparseift.records, sparseift.training.recipes\n"
        "from sparseift import catalog\n"
        "[catalog.get(kind, name) for kind in ('family', 'model', 'dataset') for name in catalog.table(kind)]\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

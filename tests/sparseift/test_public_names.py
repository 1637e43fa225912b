import pkgutil
import subprocess
import sys

import sparseift


def test_the_public_names_are_pinned() -> None:
    assert sparseift.__all__ == [
        "Card", "Configuration", "FlopCount", "FlopCounter", "JobSpec", "MaskSchedule", "MaskTrainer", "Point", "Ramp",
        "Widener", "accelerate", "build_sparse", "card_of", "cost_table", "count", "dense_ladder", "dense_low_rank",
        "grasp", "load", "magnitude", "masks_of", "plain_sparse", "plan_transform", "plan_widen", "project_masks",
        "read_card", "remove_masks", "roles_of", "save", "snip", "squash", "static_erk", "to_layout", "to_onnx",
        "training_memory", "transform", "widen",
    ]  # fmt: skip
    assert set(sparseift._HOMES) == set(sparseift.__all__)
    modules = {info.name for info in pkgutil.iter_modules(sparseift.__path__)}
    assert not modules & set(sparseift.__all__), "an imported submodule would hide the name"
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

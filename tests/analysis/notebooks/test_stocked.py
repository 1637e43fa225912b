"""The stocked rows are such as the worker makes: nothing that pages show of them could not be."""

from collections import Counter
from pathlib import Path

from sqlalchemy import select

from sparseift.records import derive_seed
from store.sessions import Database
from store.tables import Attempt, Trial
from tests.analysis.notebooks.stocked import finished, partial
from tests.analysis.notebooks.stocked_plan import SPEC
from worker.order import log_path
from worker.search import confirm_seeds


def test_seeds_kinds_and_order_follow_the_workers_rules(database: Database, tmp_path: Path) -> None:
    for make in (finished, partial):
        with database.write() as session:
            job = make(session, tmp_path)
            query = select(Trial).where(Trial.job_id == job.id).order_by(Trial.number)
            trials = list(session.scalars(query))
            paths = list(session.scalars(select(Attempt.log_path)))
        fresh = confirm_seeds(SPEC)
        assert [t.seed for t in trials if t.kind == "baseline"] == list(fresh)
        repeats: Counter[str] = Counter()
        for t in (t for t in trials if t.kind == "search"):
            assert t.seed == derive_seed(SPEC.seed, "search", repeats[t.configuration_key])
            repeats[t.configuration_key] += 1
        assert {t.family for t in trials if t.kind == "confirm"} <= set(SPEC.families)  # the baseline is not run again
        for kind in ("confirm", "ladder"):
            seeds = [t.seed for t in trials if t.kind == kind]
            assert seeds == sorted(seeds, key=fresh.index)  # seed by seed
        kinds = [t.kind for t in trials]
        assert kinds == sorted(kinds, key=("baseline", "search", "confirm", "ladder").index)
        assert all(path == log_path(str(Path(path).parent)) for path in paths)

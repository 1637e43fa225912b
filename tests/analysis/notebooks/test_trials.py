"""Which trial a click opens, through the real service: a job with hundreds of trials at one level."""

from pathlib import Path
from typing import Any

import pytest

from analysis.notebooks import trials
from analysis.notebooks.api import Api, ApiError
from analysis.notebooks.live import Frame
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration
from store.sessions import Database
from store.tables import Trial
from tests.analysis.notebooks.conftest import Served, stocked_service
from tests.analysis.notebooks.stocked_plan import BEGAN_S, STEPS

MANY = 600  # of one family at one level, each with its own schedule: more than a page of the list


@pytest.fixture(scope="module")
def crowded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service whose unfinished job has so many trials, and last the confirmations of one of them."""
    with stocked_service(sqlite_template, tmp_path_factory.mktemp("crowded")) as served:
        database = Database(served.settings.database_url)
        with database.write() as session:
            rows = [(MaskSchedule("rigl", delta_t_steps=10 + i), "search", 1) for i in range(MANY)]
            rows += [(MaskSchedule("rigl", delta_t_steps=10 + MANY - 1), "confirm", seed) for seed in (7, 8)]
            for i, (schedule, kind, seed) in enumerate(rows):
                c = Configuration("sparse_wide", 0.75, schedule)
                session.add(
                    Trial(
                        job_id=served.jobs["empty"], number=i, kind=kind, family=c.family, configuration=c.canonical(),
                        configuration_key=c.key, sparsity=0.75, scale="", seed=seed, state="complete", value=79.0,
                        reason="", message="", flop_ratio=1.0, training_flops=1e12, created_at_s=BEGAN_S,
                        ended_at_s=BEGAN_S + i,
                    )
                )  # fmt: skip
        database.close()
        with served.up():
            yield served


def look(served: Served, **address: str) -> trials.Look:
    api = Api(served.url)
    job = api.job(served.jobs["empty"])
    found = trials.read(api, Frame((), job, None, tuple(address.items())))
    assert found is not None
    return found


def test_a_click_finds_its_configuration_behind_hundreds_of_others(crowded: Served) -> None:
    key = Configuration("sparse_wide", 0.75, MaskSchedule("rigl", delta_t_steps=10 + MANY - 1)).key
    found = look(crowded, key=key, family="sparse_wide", sparsity="0.75")
    assert found.trial["configuration_key"] == key
    assert sorted(t["number"] for t in found.siblings) == [MANY - 1, MANY, MANY + 1]
    assert [t["number"] for t in look(crowded, trial=str(MANY)).siblings][:2] == [MANY, MANY + 1]  # its own kind first


def test_a_configuration_that_is_not_there_is_said(crowded: Served) -> None:
    with pytest.raises(ApiError, match="no trial of the configuration 'nothing' that the address asks for"):
        look(crowded, key="nothing", family="sparse_wide", sparsity="0.75")


def test_layers_come_from_the_attempts_folder(real: Served) -> None:
    api = Api(real.url)
    job = api.job(real.jobs["finished"])
    found = trials.read(api, Frame((), job, None, (("trial", "7"),)))
    assert found is not None
    assert found.layers_step == STEPS
    assert [layer["name"] for layer in found.layers][:2] == ["stem.weight", "block1.weight"]
    assert "as of step 4000" in trials.layers_words(found)
    waiting = trials.read(api, Frame((), api.job(real.jobs["partial"]), None, (("trial", "29"),)))
    assert waiting is not None
    assert waiting.layers == ()

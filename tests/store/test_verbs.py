"""What users ask of jobs: every verb from every state, twice, and what it does to attempts and trials."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from sparseift.records import Budget, JobSpec
from store import attempts, events, jobs, trials, verbs
from store.errors import NotFound, StateConflict
from store.sessions import Database
from store.tables import Attempt, Job
from tests.store.samples import PLAN, RESULT, SPEC, TTL_S, claimed, running, started, waiting

VERBS = ("pause", "resume", "stop", "cancel", "extend", "prioritize")
NOW = {  # verb -> where it leads from queued, running, paused, stopping; a verb is refused where nothing stands
    "pause": ("paused", "paused", "paused", None),
    "resume": ("queued", "running", "queued", None),
    "stop": ("cancelled", "stopping", "cancelled", "stopping"),
    "cancel": ("cancelled", "stopping", "cancelled", "stopping"),
    "extend": ("queued", "running", "paused", None),
    "prioritize": ("queued", "running", "paused", "stopping"),
}
ENDED = {  # the same from succeeded, failed, cancelled
    "pause": (None, None, None),
    "resume": (None, None, None),
    "stop": (None, None, None),
    "cancel": (None, None, "cancelled"),
    "extend": ("queued", "queued", None),
    "prioritize": (None, None, None),
}
CASES = [
    (verb, state, after) for verb in VERBS for state, after in zip(jobs.STATES, (*NOW[verb], *ENDED[verb]), strict=True)
]


def say(session: Session, verb: str, job_id: str) -> Job:
    """Ask with the least that the verb needs."""
    more: dict[str, tuple[Any, ...]] = {"extend": ({"search_trials": 9},), "prioritize": (3,)}
    job: Job = getattr(verbs, verb)(session, job_id, *more.get(verb, ()))
    return job


def told(session: Session, job_id: str) -> list[str]:
    return [event.kind for event in events.after(session, job_id, 0, 1000)]


def put(session: Session, job: Job, state: str) -> None:
    """Put a job into a state without going there."""
    values: dict[str, Any] = {"wanted": "stop", "search_closed": "stopped"} if state == "stopping" else {}
    session.execute(update(Job).where(Job.id == job.id).values(state=state, **values))


@pytest.mark.parametrize(("verb", "state", "after"), CASES)
def test_where_a_verb_leads_and_that_saying_it_again_changes_nothing(
    database: Database, verb: str, state: str, after: str | None
) -> None:
    with database.write() as session:
        job = claimed(session)[0] if state in ("running", "stopping") else jobs.create(session, SPEC, PLAN)[0]
        put(session, job, state)
        if after is None:
            with pytest.raises(StateConflict, match=state) as caught:
                say(session, verb, job.id)
            assert caught.value.state == state
            assert jobs.get(session, job.id).state == state
            return
        asked = say(session, verb, job.id)
        assert asked.state == after
        before = told(session, job.id)
        if (verb, state) != ("stop", "queued") and (verb, state) != ("stop", "paused"):
            again = say(session, verb, job.id)
            assert (again.state, told(session, job.id)) == (after, before)
        if after != state:
            last = events.after(session, job.id, 0, 1000)[-1]
            assert (last.kind, last.payload["state"]) == (f"job.{'extended' if verb == 'extend' else after}", after)
            assert verb == "extend" or (last.payload["reason"] and last.payload["message"])


def test_an_unknown_job_is_named(database: Database) -> None:
    with database.write() as session:
        for verb in VERBS:
            with pytest.raises(NotFound, match="job_x"):
                say(session, verb, "job_x")


def test_a_paused_job_starts_nothing_and_what_runs_may_finish(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        late = waiting(session, job, 1)
        verbs.pause(session, job.id)
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is False
        for starts in (lambda: started(session, job, late), lambda: waiting(session, job, 2)):
            with pytest.raises(StateConflict, match="paused"):
                starts()
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        jobs.release(session, job.id, job.lease_token or "")
        assert jobs.claim(session, "v", TTL_S) is None
        verbs.resume(session, job.id)
        assert jobs.claim(session, "v", TTL_S) is not None


def test_pausing_hands_back_if_asked_and_resuming_takes_the_wish_back(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        verbs.pause(session, job.id)
        verbs.pause(session, job.id, "hand_back")
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is True
        attempts.stopped(session, attempt.id, attempt.token)
        assert jobs.counts(session, job.id) == {"waiting": 1}
        assert told(session, job.id)[-1] == "attempt.handed_back"
        verbs.resume(session, job.id)
        attempt = started(session, job, trial)
        verbs.pause(session, job.id, "hand_back")
        verbs.resume(session, job.id)
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is False


PAUSED = "The job was paused."
GOES_ON = "It was asked to end, but the job goes on."
ORDERS: list[tuple[str, str, str]] = [  # what was asked, the wish that stands, what comes of an attempt that ends by it
    ("pause", "", GOES_ON),
    ("pause:hand_back", "hand_back", PAUSED),
    ("pause:hand_back pause", "hand_back", PAUSED),
    ("pause:hand_back resume", "", GOES_ON),
    ("pause:hand_back extend", "hand_back", PAUSED),
    ("pause:hand_back stop", "", GOES_ON),
    ("pause:hand_back stop:stop", "stop", "stopped"),
    ("pause:hand_back cancel", "cancel", "cancelled"),
    ("pause:hand_back stop cancel", "cancel", "cancelled"),
    ("stop:stop stop", "stop", "stopped"),
    ("stop:stop cancel", "cancel", "cancelled"),
    ("spent", "stop", "device_hours"),
    ("spent pause", "stop", "device_hours"),
    ("spent pause resume", "stop", "device_hours"),
    ("spent pause:hand_back", "stop", "device_hours"),
    ("spent pause:hand_back resume", "stop", "device_hours"),
    ("spent stop", "stop", "device_hours"),
    ("spent extend", "", GOES_ON),
    ("spent pause extend", "hand_back", PAUSED),
    ("spent pause extend resume", "", GOES_ON),
    ("spent cancel", "cancel", "cancelled"),
]


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize(("order", "wish", "outcome"), ORDERS)
def test_each_order_of_verbs_says_what_a_running_attempt_is_asked_for(
    database: Database, order: str, wish: str, outcome: str, is_lost: bool
) -> None:
    """An attempt that has read an earlier wish ends although it was taken back: then its trial waits, or is ended, by
    the wish that stands. One that is lost meanwhile is treated alike.
    """
    with database.write() as session:
        job, trial, attempt = running(session)
        for asked in order.split():
            verb, _, how = asked.partition(":")
            if verb == "spent":
                token = job.lease_token or ""
                verbs.close_search(session, job.id, token, "device_hours", "Enough.", stop_running=True)
            elif how:
                getattr(verbs, verb)(session, job.id, how)
            else:
                say(session, verb, job.id)
        session.expire_all()
        assert session.get_one(Attempt, attempt.id).stop == wish
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is bool(wish)
        if is_lost:
            attempts.lose(session, attempt.id, "Gone.", token=attempt.token)
        else:
            attempts.stopped(session, attempt.id, attempt.token)
        found = trials.get(session, job.id, trial.number)
        if outcome in (PAUSED, GOES_ON):
            assert found.state == "waiting"
            assert session.get_one(Attempt, attempt.id).message == ("Gone." if is_lost else outcome)
        else:
            assert (found.state, found.reason) == ("cancelled", outcome)


def test_what_was_handed_back_before_a_stop_still_finishes(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        verbs.pause(session, job.id, "hand_back")
        attempts.stopped(session, attempt.id, attempt.token)
        verbs.stop(session, job.id)
        assert trials.get(session, job.id, trial.number).state == "waiting"
        again = started(session, job, trial)
        attempts.finish(session, again.id, again.token, RESULT)
        assert jobs.counts(session, job.id) == {"complete": 1}


def test_stopping_keeps_what_is_measured_and_lets_it_be_confirmed(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        waiting(session, job, 1)
        verbs.stop(session, job.id)
        stopping = jobs.get(session, job.id)
        assert (stopping.state, stopping.wanted, stopping.search_closed) == ("stopping", "stop", "stopped")
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is False
        assert jobs.counts(session, job.id) == {"running": 1, "cancelled": 1}  # it had not begun
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        with pytest.raises(StateConflict, match=r"search of job .* closed"):
            waiting(session, job, 2)
        final = started(session, job, waiting(session, job, 2, kind="confirm"))
        attempts.lose(session, final.id, "Gone.")
        assert trials.get(session, job.id, 2).state == "waiting"
        final = started(session, job, trials.get(session, job.id, 2))
        attempts.finish(session, final.id, final.token, RESULT)
        jobs.finish(session, job.id, job.lease_token or "", "succeeded", "stopped", "As asked.")
        assert verbs.stop(session, job.id).state == "succeeded"


def test_running_trials_can_be_stopped_too_and_their_confirmations_not(database: Database) -> None:
    with database.write() as session:
        job, _, searched = running(session)
        final = started(session, job, waiting(session, job, 1, kind="confirm"))
        verbs.stop(session, job.id)
        verbs.stop(session, job.id, "stop")
        assert attempts.renew(session, searched.id, searched.token, TTL_S) is True
        assert attempts.renew(session, final.id, final.token, TTL_S) is False
        attempts.stopped(session, searched.id, searched.token)
        assert trials.get(session, job.id, 0).state == "cancelled"
        assert trials.get(session, job.id, 0).reason == "stopped"


def test_a_queued_job_is_cancelled_at_once(database: Database) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
        cancelled = verbs.cancel(session, job.id)
        assert (cancelled.state, cancelled.wanted) == ("cancelled", None)
        assert cancelled.ended_at_s is not None
        assert jobs.claim(session, "w", TTL_S) is None
        assert told(session, job.id) == ["job.queued", "job.cancelled"]


@pytest.mark.parametrize("state", ["running", "paused", "stopping"])
def test_cancelling_stops_the_running_attempts_of_that_job_alone(database: Database, state: str) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        waiting(session, job, 1)
        other_job, _, other = running(session)
        put(session, job, state)
        asked = verbs.cancel(session, job.id)
        assert (asked.state, asked.wanted) == ("stopping", "cancel")
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is True
        assert attempts.renew(session, other.id, other.token, TTL_S) is False
        assert jobs.renew(session, job.id, job.lease_token or "", TTL_S).wanted == "cancel"
        with pytest.raises(StateConflict, match="being cancelled"):
            verbs.stop(session, job.id)
        attempts.stopped(session, attempt.id, attempt.token)
        jobs.finish(session, job.id, job.lease_token or "", "cancelled", "cancelled", "As asked.")
        assert jobs.counts(session, job.id) == {"cancelled": 2}
        assert jobs.get(session, other_job.id).state == "running"


def ended(session: Session, spec: JobSpec = SPEC) -> Job:
    """A job that succeeded, stopped with one complete trial and two cancelled ones."""
    job, token = claimed(session, spec)
    attempt = started(session, job, waiting(session, job))
    attempts.finish(session, attempt.id, attempt.token, RESULT)
    begun = started(session, job, waiting(session, job, 1))
    waiting(session, job, 2)
    verbs.stop(session, job.id, "stop")
    attempts.stopped(session, begun.id, begun.token)
    jobs.finish(session, job.id, token, "succeeded", "stopped", "As asked.")
    return job


def test_an_extended_job_goes_on_from_its_rows(database: Database) -> None:
    with database.write() as session:
        job = ended(session)
        assert jobs.counts(session, job.id) == {"complete": 1, "cancelled": 2}
        extended = verbs.extend(session, job.id, {"search_trials": 9, "failures_allowed": 1})
        assert (extended.state, extended.search_closed, extended.ended_at_s) == ("queued", "", None)
        assert JobSpec.from_json(extended.spec).budget == replace(SPEC.budget, search_trials=9, failures_allowed=1)
        assert jobs.counts(session, job.id) == {"complete": 1, "waiting": 2}
        payload = events.after(session, job.id, 0, 100)[-1].payload
        assert payload["budget"] == {"search_trials": [4, 9], "failures_allowed": [None, 1]}
        again = jobs.claim(session, "v", TTL_S)
        assert again is not None
        worked_through = dict(again.spec)
        verbs.extend(session, job.id, {"search_trials": 10})
        with pytest.raises(StateConflict, match="extended in the meantime"):
            jobs.finish(session, job.id, again.lease_token or "", "failed", "", "", asked=worked_through)
        now_asked = jobs.get(session, job.id).spec
        jobs.finish(session, job.id, again.lease_token or "", "failed", "", "", asked=now_asked)


@pytest.mark.parametrize(
    ("totals", "sentence"),
    [
        ({"search_trials": 3}, "search_trials cannot become 3: it is 4"),
        ({"confirm_seeds": None}, "confirm_seeds cannot be without a limit"),
        ({"wall_time_s": 10.0}, "wall_time_s cannot become 10: it is without a limit"),
        ({"when_spent": "stop"}, "'when_spent' cannot be extended"),
    ],
)
def test_a_budget_is_only_raised(database: Database, totals: dict[str, Any], sentence: str) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
        with pytest.raises(InvalidValue, match=sentence):
            verbs.extend(session, job.id, totals)
        assert JobSpec.from_json(jobs.get(session, job.id).spec) == SPEC


def test_the_key_of_an_extended_job_still_gives_that_job(database: Database) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN, "key")
        verbs.extend(session, job.id, {"search_trials": 9})
        assert jobs.create(session, SPEC, PLAN, "key")[0].id == job.id


def test_a_job_of_an_earlier_version_is_still_known_by_its_key(database: Database) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN, "key")
        old = SPEC.to_json()
        del old["priority"]
        old["budget"] = {"search_trials": 4, "confirm_seeds": 2}
        session.execute(update(Job).where(Job.id == job.id).values(spec=old, request_digest=None))
        assert JobSpec.from_json(old) == SPEC
        assert SPEC.budget == Budget(4, 2)
        assert jobs.create(session, SPEC, PLAN, "key") == (job, False)


def test_higher_priorities_are_claimed_first_then_older_jobs(database: Database) -> None:
    with database.write() as session:
        low, _ = jobs.create(session, replace(SPEC, priority=-1), PLAN)
        old, _ = jobs.create(session, SPEC, PLAN)
        new, _ = jobs.create(session, SPEC, PLAN)
        late, _ = jobs.create(session, SPEC, PLAN)
        assert verbs.prioritize(session, late.id, 5).priority == 5
        claims = [jobs.claim(session, "w", TTL_S) for _ in range(4)]
        assert [job.id for job in claims if job] == [late.id, old.id, new.id, low.id]
        with pytest.raises(InvalidValue, match=r"101; it must lie in \[-100, 100\]"):
            verbs.prioritize(session, late.id, 101)


def test_wall_time_stands_still_while_nothing_is_driven(database: Database) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
        assert (job.active_s, job.active_since_s, job.started_at_s) == (0.0, None, None)
        taken = jobs.claim(session, "w", TTL_S)
        assert taken is not None
        session.execute(update(Job).where(Job.id == job.id).values(active_since_s=(taken.active_since_s or 0) - 100.0))
        paused = verbs.pause(session, job.id)
        assert paused.active_s == pytest.approx(100.0, abs=5.0)
        assert paused.active_since_s is None
        resumed = verbs.resume(session, job.id)
        assert (resumed.active_s, resumed.started_at_s) == (paused.active_s, taken.started_at_s)
        assert resumed.active_since_s is not None

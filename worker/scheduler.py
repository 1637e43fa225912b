"""Drives one job at a time: claims it, keeps its slots busy, notices the dead, and ends it.

Nothing is remembered between steps but a lease: every tick reads the rows and does the next thing, so that the worker
may die between any two statements and another goes on from the rows. Running attempts of an earlier worker are adopted:
while their leases hold they keep their slots and are never ended.
"""

import logging
import platform
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from store import attempts, clock, jobs, slots, trials, workers
from store.errors import Fenced, StateConflict
from store.sessions import Database
from store.tables import Attempt, Trial
from worker import closing, ending, limits, processes
from worker.claim import Claim, bar_of, spec_of, starts_of
from worker.engine import Engine, EngineLost, Slot
from worker.environment import describe
from worker.failures import describe as describe_error
from worker.giving_up import nothing_measured, reason_to_give_up
from worker.known import KnownTrials
from worker.order import Order, log_path
from worker.outage import OUTAGES, delay_s
from worker.presence import Presence
from worker.retention import tidy, tidy_ended
from worker.search import Done, Proposal, Row, Wait
from worker.undertaker import Undertaker
from worker.warmth import key_of

TICK_S = 0.25
IDLE_TICK_S = 1.0  # between looks for a job
RENEW_S = 1.0  # at most, between renewals of the job's lease, which also tell what a user wants
TIDY_S = 30.0  # between looks for checkpoints to delete
LONGEST_RETRY_DELAY_S = 60.0  # from a trial's loss to its next start
TROUBLES = 8  # tries, in a row, of a job that something unexpected happens to; then it is ended

log = logging.getLogger(__name__)


class Scheduler:
    """A worker's loop.

    Args:
        database: the truth.
        engine: where attempts run.
        lease_ttl_s: of jobs and attempts.
        stop: set to stop cleanly; attempts are handed back.
        artifacts: the folder of checkpoints.
        attempt_limit_s: longest run of one attempt; None for no limit.
        until_idle: end when there is no job to claim.
        presence: tells that the worker lives; None: nobody is told.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        *,
        lease_ttl_s: float,
        stop: Event,
        artifacts: Path,
        attempt_limit_s: float | None = None,
        until_idle: bool = False,
        presence: Presence | None = None,
    ) -> None:
        self._database, self._engine = database, engine
        self._ttl_s, self._stop, self._until_idle = lease_ttl_s, stop, until_idle
        self._artifacts, self._presence = artifacts, presence
        self.name = f"{platform.node()}/{secrets.token_hex(4)}"
        self._undertaker = Undertaker(
            database, engine, worker=self.name, lease_ttl_s=lease_ttl_s, attempt_limit_s=attempt_limit_s
        )
        self._known = KnownTrials()
        self._was_away = False
        self._waits_for: object = None  # what the search last said to wait at
        self._renewed_at = self._tidied_at = self._judged_at = 0.0

    def serve(self) -> None:
        """Work until told to stop.

        Raises:
            EngineLost: there is nothing to place attempts with any more. What runs goes on by itself, the job waits
                for a worker.
        """
        failures = 0
        claim: Claim | None = None
        while not self._stop.is_set():
            wait_s = TICK_S
            try:
                if self._presence is not None:
                    self._presence.tell(self.name)
                if claim is None:
                    claim = self._claim()
                    if claim is None:
                        if self._until_idle:
                            break
                        self._look(None)
                        self._tidy(None)
                        wait_s = IDLE_TICK_S
                else:
                    claim = self._renew(claim)
                    if self._tick(claim):
                        claim = None
                        continue
                failures = 0
            except OUTAGES as error:
                failures += 1
                self._was_away = True
                wait_s = delay_s(failures)
                log.warning("The database is away (try %d): %s", failures, str(error).splitlines()[0])
            except Fenced:
                log.warning("Another worker has taken job %s over", claim.job_id if claim else "")
                claim = None
            except StateConflict as conflict:  # a user or an attempt was faster: look again
                log.info("%s", conflict)
                self._renewed_at = 0.0
            except EngineLost:
                ending.let_go(self._database, claim)
                raise
            except Exception as error:  # of one job, a file system, a cluster: the others' queue goes on
                failures += 1
                wait_s = delay_s(failures)
                log.exception("Something unexpected (try %d)", failures)
                if claim is not None and failures >= TROUBLES and self._is_given_up(claim, error):
                    claim, failures = None, 0
            self._stop.wait(wait_s)
        ending.shut_down(self._database, self._engine, self.name, claim)
        if self._presence is not None:
            ending.say_goodbye(self._presence, self.name)

    def _claim(self) -> Claim | None:
        known = len(self._presence.slots) if self._presence is not None else 0
        with self._database.write() as session:
            job = jobs.claim(session, self.name, self._ttl_s, known)
        self._database_answered()
        if job is None:
            return None
        log.info("Claimed job %s (%s)", job.id, job.name)
        self._renewed_at, self._judged_at = time.monotonic(), 0.0
        try:
            claim = Claim.of(job)
            if not claim.spec.start_from:
                return claim
            with self._database.read() as session:
                return replace(claim, starts=starts_of(session, job))
        except OUTAGES:
            raise  # its lease runs out, and somebody else tries
        except Exception as error:  # of another version: no worker like this one could read it
            log.exception("Job %s cannot be read", job.id)
            version = describe("", 0)["sparseift"]
            message = f"A worker of version {version} cannot read it: {describe_error(error)}"
            with self._database.write() as session:
                jobs.finish(session, job.id, job.lease_token or "", "failed", "unreadable", message, asked=job.spec)
            return self._claim()

    def _is_given_up(self, claim: Claim, error: Exception) -> bool:
        """End a job that this worker cannot drive; whether that was possible."""
        message = f"The worker failed {TROUBLES} times in a row; the last time: {describe_error(error)}"
        try:
            with self._database.read() as session:
                running = attempts.running(session, job_id=claim.job_id)
            return self._end(claim, running, "failed", "worker_failed", message)
        except Fenced:
            return True
        except Exception:
            log.exception("Job %s could not be ended", claim.job_id)
            return False

    def _database_answered(self) -> None:
        if self._was_away:
            self._was_away = False
            self._undertaker.be_lenient()

    def _renew(self, claim: Claim) -> Claim:
        if time.monotonic() - self._renewed_at < min(RENEW_S, self._ttl_s / 3):
            return claim
        with self._database.write() as session:
            job = jobs.renew(session, claim.job_id, claim.token, self._ttl_s)
        self._database_answered()
        self._renewed_at = time.monotonic()
        return claim.renewed(job)

    def _tidy(self, claim: Claim | None) -> None:
        """Every now and then, in the job that is driven and in those that ended without a worker."""
        if time.monotonic() - self._tidied_at > TIDY_S:
            self._tidied_at = time.monotonic()
            try:
                if claim is not None:
                    tidy(self._database, self._artifacts, claim.job_id)
                tidy_ended(self._database, self._artifacts)
            except OSError as error:  # another worker tidies the same folder, or its mount is away
                log.warning("Checkpoints could not be put in order: %s", error)

    def _tick(self, claim: Claim) -> bool:
        """Do what is to be done now; whether this worker is done with the job."""
        running, inherited = self._look(claim.job_id)
        self._tidy(claim)
        if claim.wanted == "cancel":
            message = "A user asked to cancel the job."
            return self._end(claim, running, "cancelled", "cancelled", message)
        if claim.state == "paused":
            return self._let_go(claim, running)
        if (
            closing.has_limits(claim.spec.budget) and time.monotonic() - self._judged_at > RENEW_S
        ):  # also while there is no free slot
            self._judged_at = time.monotonic()
            with self._database.read() as session:
                rows = self._known.read(session, claim.job_id).rows
            if self._is_spent(claim, rows):
                return False
        return self._fill(claim, running, inherited)

    def _look(self, job_id: str | None) -> tuple[list[Attempt], list[str]]:
        """Bury the dead and end strays; what runs of the job, and slots that earlier workers' attempts keep.

        Args:
            job_id: of the job that is driven; None: only this worker's attempts are looked at.
        """
        alive = self._engine.alive()  # before the rows are read: what ended since has written so there
        with self._database.read() as session:
            mine = attempts.running(session, worker=self.name)  # of a job that was paused too
            running = attempts.running(session, job_id=job_id) if job_id is not None else []
            expired = {a.id for a in attempts.expired(session)}
            here = workers.running_on(session, platform.node())
            now_s = clock.now_s(session)
        self._undertaker.end_strays(alive - {a.id for a in mine})
        every = {a.id: a for a in (*mine, *running)}
        buried = {i for i, a in every.items() if self._undertaker.bury(a, alive, expired, now_s)}
        inherited = [a.slot for a, worker in here if a.id not in buried and self._is_inherited(a, worker)]
        return [a for a in running if a.id not in buried], inherited

    def _is_inherited(self, attempt: Attempt, worker: str) -> bool:
        """Whether an attempt on this machine, of any job, outlived its worker: it keeps a slot that is ours now. A
        worker that lives beside this one has slots of its own.

        Args:
            worker: the process of the attempt's worker; "" where it is not known.
        """
        if attempt.worker == self.name or not processes.is_visible(worker) or processes.find(worker) is not None:
            return False
        return not attempt.process or processes.find(attempt.process) is not None

    def _let_go(self, claim: Claim, running: Sequence[Attempt]) -> bool:
        """Leave a paused job, whose trials that may finish do so by themselves; whether that is done."""
        if any(a.stop for a in running if a.worker == self.name):
            return False  # they are handing themselves back, or will be made to
        with self._database.write() as session:
            jobs.release(session, claim.job_id, claim.token)
        log.info("Job %s is paused", claim.job_id)
        return True

    def _end(self, claim: Claim, running: Sequence[Attempt], state: str, reason: str, message: str) -> bool:
        """End what runs, then the job; whether that is done."""
        if not ending.end_job(self._database, self._undertaker, claim, running, state, reason, message):
            return False
        self._tidied_at = 0.0
        self._tidy(None)
        return True

    def _fill(self, claim: Claim, running: Sequence[Attempt], occupied: Sequence[str]) -> bool:
        """Put the next trials on free slots; whether the job has ended.

        Args:
            running: attempts of this job. occupied: slots that earlier workers' attempts keep.
        """
        idle = not running  # then the job may be done although no slot is free: all may be in quarantine
        while not self._stop.is_set() and (idle or self._engine.can(occupied) is not None):
            with self._database.read() as session:
                bad = {quarantine.slot for quarantine in slots.quarantined(session)}
                if not idle and self._warmest_slot(occupied, bad, "") is None:
                    return False
                known = self._known.read(session, claim.job_id)
                late = attempts.retries(session, claim.job_id) if known.waiting else {}
                now_s = clock.now_s(session) if late else 0.0
            rows = known.rows
            verdict = reason_to_give_up(claim.spec, rows, known.messages)
            if verdict is not None:
                return self._end(claim, running, "failed", *verdict)
            if self._is_spent(claim, rows):
                return False  # the rows have changed
            next_one = next((t for t in known.waiting if not _is_early(late.get(t.id), now_s)), None)
            if next_one is None:
                known_as = claim.spec, claim.search_closed, rows
                if known_as == self._waits_for:
                    return False  # to ask again would fit the same process again
                match limits.decide_next(claim, rows):
                    case Proposal() as proposal:
                        next_one = self._add(claim, proposal)
                    case Wait():
                        self._waits_for = known_as
                        return False
                    case Done():
                        return self._succeed(claim, rows)
            if next_one.state == "waiting":
                slot = self._warmest_slot(occupied, bad, key_of(spec_of(claim.spec, next_one)))
                if slot is None:
                    return False
                self._start(claim, next_one, slot)
                idle = False
            claim = self._renew(claim)
            if claim.state == "paused" or claim.wanted == "cancel":
                return False
        return False

    def _warmest_slot(self, occupied: Sequence[str], bad: Collection[str], key: str) -> Slot | None:
        """A slot that is neither occupied nor quarantined, if it can be one where a trial of this key has just run."""
        slot = self._engine.can(occupied, key)
        while slot is not None and slot.name in bad:
            occupied = [*occupied, slot.name]
            slot = self._engine.can(occupied, key)
        return slot

    def _is_spent(self, claim: Claim, rows: Sequence[Row]) -> bool:
        """Close the search where a limit of the budget is reached; whether it was."""
        if not limits.close_when_spent(self._database, claim, rows):
            return False
        self._renewed_at = 0.0  # the claim is to see it at once
        return True

    def _succeed(self, claim: Claim, rows: Sequence[Row]) -> bool:
        """End a job that is done; one that has measured nothing failed, unless its user wanted no more."""
        verdict = nothing_measured(rows)
        if verdict is not None and claim.search_closed != "stopped":
            reason, message = verdict
            limit = closing.ending(claim.spec, claim.search_closed, rows)[1] if claim.search_closed else ""
            return self._end(claim, (), "failed", reason, f"{message} {limit}".strip())
        return self._end(claim, (), "succeeded", *closing.ending(claim.spec, claim.search_closed, rows))

    def _add(self, claim: Claim, proposal: Proposal) -> Trial:
        point = proposal.point
        with self._database.write() as session:
            return trials.add(
                session,
                claim.job_id,
                claim.token,
                number=proposal.number,
                kind=proposal.kind,
                configuration=proposal.configuration,
                point=point,
                seed=proposal.seed,
                state="waiting" if point.feasible else "infeasible",
                reason="" if point.feasible else "infeasible",
                message=point.reason,
            )

    def _start(self, claim: Claim, trial: Trial, slot: Slot) -> None:
        """Record an attempt and place it. Should the worker die in between, the child does too, and it is lost."""
        folder = f"{claim.job_id}/{trial.number:05d}-{secrets.token_hex(6)}"
        specification = spec_of(claim.spec, trial)
        with self._database.write() as session:
            attempt = attempts.start(
                session,
                trial.id,
                job_token=claim.token,
                worker=self.name,
                slot=slot.name,
                ttl_s=self._ttl_s,
                environment=describe(slot.name.partition("/")[2], slot.threads, slot.share)
                | {"trial": specification.to_json()},
                log_path=log_path(folder),
            )
            attempts.set_process(session, attempt.id, attempt.token, slot.process)
            checkpoint = attempts.newest_checkpoint(session, trial.id)
            bar = bar_of(session, claim, trial)
        resume_from = checkpoint.path if checkpoint is not None else None
        self._engine.place(slot, Order(attempt.id, attempt.token, specification, folder, resume_from, bar))
        log.info("Trial %d of %s runs on %s (attempt %d)", trial.number, claim.job_id, slot.name, attempt.number)


def _is_early(losses: tuple[int, float] | None, now_s: float) -> bool:
    """Whether a trial that was lost is to wait longer: 1 s, 2 s, 4 s, … so that a fault may pass.

    Args:
        losses: how many in a row, and when the last (`attempts.retries`); None for none.
    """
    if losses is None:
        return False
    count, last_s = losses
    return now_s - last_s < min(LONGEST_RETRY_DELAY_S, 2.0 ** (count - 1))

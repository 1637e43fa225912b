"""Following a job until it ends: live bars on a terminal, plain lines elsewhere. Leaving it changes nothing.

A look asks for the events after the last one seen, so a service that restarts meanwhile costs no line and repeats none.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from sparseift.cli.figures import duration, number, percent
from sparseift.cli.tables import standing_table, trial_name
from sparseift.client import ApiError, Client, Json, is_away

POLL_S = 1.0  # between looks, of two or three requests each: several may follow with one token, which has 20 a second
SILENCE_S = 3.0  # a job that is queued for longer is told what it waits for
QUEUE_POLL_S = 10.0  # between looks at the queue, each of which lists every open job
ENDED = ("succeeded", "failed", "cancelled")
UNENDED = ("queued", "running", "stopping")
TOLD = ("trial.complete", "trial.failed", "trial.infeasible", "trial.pruned", "trial.cancelled")
AGAIN = {"attempt.lost": "lost", "attempt.handed_back": "handed back"}  # the trial goes on in another attempt


@dataclass(slots=True)
class Follower:
    """What is known of the job that is followed.

    Attributes:
        look_after: called at each look, for a caller that has children to watch.
        poll_s: seconds between looks; queue_poll_s: between looks at the jobs before this one.
        patience_s: seconds that the service may be away before following ends.
    """

    client: Client
    job_id: str
    console: Console
    look_after: Callable[[], None] = lambda: None
    poll_s: float = POLL_S
    silence_s: float = SILENCE_S
    queue_poll_s: float = QUEUE_POLL_S
    patience_s: float = 60.0
    last_event: int = 0
    away_since: float | None = None  # monotonic seconds
    queued_since: float | None = None  # monotonic seconds
    queue_seen_at: float | None = None  # monotonic seconds
    waits_for: str = ""  # the last sentence about it
    bars: Progress | None = None
    whole: TaskID | None = None
    tasks: dict[int, TaskID] = field(default_factory=dict)  # trial number -> its bar
    best: Json | None = None  # each family's, asked for again when a trial is complete

    def run(self) -> Json:
        """Follows until the job has ended; returns it.

        Raises:
            ApiError: the service, or its database, was away for longer than `patience_s`; or it refused.
            KeyboardInterrupt: Ctrl-C; the job goes on.
        """
        if self.console.is_terminal:
            self.bars = _bars(self.console)
            self.whole = self.bars.add_task("trials", note="")
        shown = Live(get_renderable=self._screen, console=self.console, transient=True) if self.bars else nullcontext()
        with shown:
            while True:
                job = self._look()
                if job is not None and job["state"] in ENDED:
                    return job
                self.look_after()
                time.sleep(self.poll_s)

    def _screen(self) -> Group:
        return Group(*([standing_table(self.best)] if self.best else ()), *([self.bars] if self.bars else ()))

    def _look(self) -> Json | None:
        try:
            # The job after its events, so that the count is never behind the line that it stands in.
            events = list(self.client.events(self.job_id, self.last_event))
            job = self.client.job(self.job_id)
            if job["state"] in ENDED:
                events += self.client.events(self.job_id, events[-1]["id"] if events else self.last_event)
            self._tell(events, job)
            self._tell_what_it_waits_for(job)
            if self.bars is not None:
                self._move_bars(job)
                if self.best is None or any(event["kind"] == "trial.complete" for event in events):
                    self.best = self.client.best(self.job_id)
        except ApiError as error:
            if not is_away(error):
                raise
            if self.away_since is None:
                self.away_since = time.monotonic()
                self.console.print(f"{error} Trying again for {self.patience_s:g} s; the job is not touched by this.")
            if time.monotonic() - self.away_since > self.patience_s:
                raise
            return None
        self.away_since = None
        return job

    def _tell(self, events: list[Json], job: Json) -> None:
        for event in events:
            self.last_event = event["id"]
            kind, payload = event["kind"], event["payload"]
            if kind in TOLD:
                self._print(f"{_progress_text(job)} {self._ended_text(payload['trial'], kind, job)}")
            elif kind in AGAIN:
                name = _name(self.client.trial(self.job_id, payload["trial"]))
                self._print(f"{_progress_text(job)} {name}: {AGAIN[kind]}. {payload.get('message', '')}".rstrip())
            elif kind == "slot.quarantined":
                self._print(f"slot {payload['slot']} is quarantined. {payload['message']}".rstrip())
            elif kind.startswith("job.") and (payload.get("message") or kind == "job.running"):
                self._print(f"job {kind.removeprefix('job.')}. {payload.get('message', '')}".rstrip())

    def _tell_what_it_waits_for(self, job: Json) -> None:
        if job["state"] != "queued":
            self.queued_since = None
            return
        now = time.monotonic()
        self.queued_since = self.queued_since or now
        is_fresh = self.queue_seen_at is not None and now - self.queue_seen_at < self.queue_poll_s
        if now - self.queued_since < self.silence_s or is_fresh:
            return
        self.queue_seen_at = now
        sentence = self._waits_for()
        if sentence != self.waits_for:
            self.waits_for = sentence
            self._print(sentence)

    def _waits_for(self) -> str:
        """Workers take higher priorities first, then older jobs, and ids rise with time. A paused job is passed by."""
        others = list(self.client.jobs(UNENDED))
        mine = next((_rank(job) for job in others if job["id"] == self.job_id), (0, self.job_id))
        before = sum(_rank(job) < mine for job in others)
        if before:
            return f"queued: {before} {'job' if before == 1 else 'jobs'} before it."
        return "queued: no worker has taken it yet."

    def _ended_text(self, trial_number: int, kind: str, job: Json) -> str:
        trial = self.client.trial(self.job_id, trial_number)
        text = f"{_name(trial)}: {kind.partition('.')[2]}"
        if kind == "trial.complete":
            return f"{text}, {number(trial['value'], job['metric']['unit'])} {job['metric']['unit']}"
        return f"{text}. {trial['message']}".rstrip()

    def _print(self, line: str) -> None:
        self.console.print(line, soft_wrap=not self.console.is_terminal)

    def _move_bars(self, job: Json) -> None:
        assert self.bars is not None
        assert self.whole is not None
        ended, total = _ended(job), max(_ended(job), job["planned_trials"]["total"])
        self.bars.update(self.whole, total=total, completed=ended, description=job["state"], note=_note(job))
        running = {t["number"]: t for t in self.client.trials(self.job_id, state="running")}
        for gone in set(self.tasks) - set(running):
            self.bars.remove_task(self.tasks.pop(gone))
        for trial_number, trial in running.items():
            if trial_number not in self.tasks:
                steps = job["plan"]["total_steps"]
                attempts = self.client.trial(self.job_id, trial_number)["attempts"]
                name = f"{_name(trial)} {attempts[-1]['slot']}" if attempts else _name(trial)
                self.tasks[trial_number] = self.bars.add_task(name, total=steps, note="starting")
        for latest in job["running"]:
            if latest["number"] in self.tasks:
                shown = "" if latest["value"] is None else f", {number(latest['value'], job['metric']['unit'])}"
                note = f"step {latest['step']}{shown}"
                self.bars.update(self.tasks[latest["number"]], completed=latest["step"], note=note)


def _rank(job: Json) -> tuple[int, str]:
    """Sorts jobs as workers take them."""
    return -job.get("priority", 0), job["id"]


def _ended(job: Json) -> int:
    """Trials that will not run again; points without sizes are recorded as infeasible and were never to be run."""
    return sum(n for state, n in job["trials"].items() if state not in ("waiting", "running", "infeasible"))


def _progress_text(job: Json) -> str:
    return f"[{_ended(job)}/{max(_ended(job), job['planned_trials']['total'])}]"


def _name(trial: Json) -> str:
    sparsity = "" if trial["family"] == "dense" else f" {percent(trial['sparsity'])}"
    return f"#{trial['number']} {trial_name(trial)}{sparsity} ({trial['kind']})"


def _note(job: Json) -> str:
    parts = [_progress_text(job)]
    if job["eta_seconds"] is not None:
        parts.append(f"about {duration(job['eta_seconds'])} left")
    return ", ".join(parts)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(min_width=26, no_wrap=True)),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}", markup=False, table_column=Column(ratio=1)),
        console=console,
        transient=True,
    )

"""What a page shows, kept up to date: the jobs, the one that is looked at, and what the page reads of it.

A marimo state that is set to something new runs the cells that show it again; so states are set only to something new.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from analysis.notebooks.api import Api, ApiError, Job
from analysis.notebooks.vault import token_of
from analysis.palette import Theme

INTERVALS = ["5s", "15s", "60s"]


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around its own content.

    Attributes:
        problem: why the last look failed; the rest is then of the look before.
        address: the page's state, as it stands in the URL.
        environments: in what the job's attempts ran: facts by name, for citing.
    """

    jobs: tuple[Job, ...] = ()
    job: Job | None = None
    problem: str | None = None
    address: tuple[tuple[str, str], ...] = ()
    environments: tuple[dict[str, Any], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """A part of the address."""
        return dict(self.address).get(name) or default


Read = Callable[[Api, Frame], Any]


class Live:
    """One viewer's page.

    Args:
        mo: marimo.
        read: what the page wants, given the frame.
        of_job: whether it is of one job: the address's, or else the newest.
    """

    def __init__(self, mo: Any, read: Read, *, of_job: bool = True) -> None:
        in_page = mo.running_in_notebook()
        self._parameters: Any = mo.query_params() if in_page else {}
        request = mo.app_meta().request if in_page else None
        self.api = Api.from_environment(token_of(request.cookies if request else {}))
        self.theme: Theme = "dark" if self._parameters.get("theme") == "dark" else "light"
        names = list(self._parameters)
        self._address: dict[str, str] = {k: v for k in names if isinstance(v := self._parameters.get(k), str)}
        self._read, self._of_job = read, of_job
        self.frame = Frame()
        self.data: Any = None
        self._is_fresh = True
        self._look()

    def follow(self, set_frame: Callable[[Frame], None], set_data: Callable[[Any], None]) -> None:
        """Looks again and sets what is new. The first look was made already."""
        if self._is_fresh:
            self._is_fresh = False
            return
        frame, data = self.frame, self.data
        self._look()
        if self.frame != frame:
            set_frame(self.frame)
        if self.data is not data and self.data != data:
            set_data(self.data)

    def choose(
        self, name: str, value: str, set_frame: Callable[[Frame], None], set_data: Callable[[Any], None]
    ) -> None:
        """Puts a choice into the address and shows it."""
        if (value or "") == self._address.get(name, ""):
            return
        if value:
            self._address[name] = value
            self._parameters.set(name, value)
        else:
            self._address.pop(name, None)
            self._parameters.remove(name)
        self._is_fresh = False
        self.follow(set_frame, set_data)

    def _look(self) -> None:
        address = tuple(sorted(self._address.items()))
        try:
            jobs = tuple(self.api.jobs())
            wanted = self._address.get("job") or (jobs[0].id if jobs else "")
            job = self.api.job(wanted) if wanted and self._of_job else None
            ran = tuple(self.api.answer(job.id, "environments")["items"]) if job else ()
            frame = Frame(jobs, job, None, address, ran)
            data = None if self._of_job and job is None else self._read(self.api, frame)
            self.frame, self.data = frame, data
        except ApiError as error:
            self.frame = replace(self.frame, problem=str(error), address=address)

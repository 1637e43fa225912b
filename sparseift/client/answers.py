"""What is asked of a job's results."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from sparseift.client import frames
from sparseift.client.connection import Connection, given
from sparseift.client.errors import Json

if TYPE_CHECKING:
    from pandas import DataFrame


CurveFormat = Literal["json", "csv", "svg", "png", "html"]
ReportFormat = Literal["html", "markdown"]
Question = Literal["compare", "equivalence", "pareto", "smooth", "importance", "ledger"]
Cost = Literal["forward_flops", "executed_flops", "training_flops", "parameters", "nonzero_parameters", "seconds"]


class Answers(Connection):
    """The curve of a job, and what follows from it."""

    def best(self, job_id: str) -> Json:
        """The best configuration of each family, compared with dense."""
        return self._json("GET", f"/v1/jobs/{job_id}/best")

    def curve(self, job_id: str) -> Json:
        """The iso-FLOP curve as JSON."""
        return self._json("GET", f"/v1/jobs/{job_id}/curve")

    def curve_file(self, job_id: str, file_format: CurveFormat, theme: Literal["light", "dark"] = "light") -> bytes:
        """The iso-FLOP curve as a file's bytes; a page follows its reader's theme, a picture has this one."""
        chosen = {"format": file_format, "theme": theme}
        return self._send("GET", f"/v1/jobs/{job_id}/curve", params=chosen).content

    def best_against_size(self, dataset: str | None = None, family: str | None = None) -> Json:
        """Each family's best confirmed sparsity against the model's size, over this project's jobs, with trends."""
        return self._json("GET", "/v1/meta/best-against-size", params=given(dataset=dataset, family=family))

    def report(self, job_id: str, file_format: ReportFormat = "html") -> bytes:
        """The report as a file's bytes: the answer, its limits, what ran, and how to repeat and cite it."""
        return self._send("GET", f"/v1/jobs/{job_id}/report", params={"format": file_format}).content

    def curve_frame(self, job_id: str) -> "DataFrame":
        """The points of a job's curve, dense first, as a pandas DataFrame; errors as `trials_frame`."""
        return frames.curve(self.curve(job_id))

    def answer(self, job_id: str, question: Question, **arguments: Any) -> Json:
        """What the analysis says of a job: compare, equivalence, pareto, smooth, importance or ledger."""
        return self._json("GET", f"/v1/jobs/{job_id}/{question}", params=given(**arguments))

    def compare(self, job_id: str, keys: Sequence[str] = (), reference: str = "dense") -> Json:
        """Configurations (each family's best by default) against a reference, in intervals that hold together."""
        return self.answer(job_id, "compare", key=list(keys), reference=reference)

    def equivalence(self, job_id: str) -> Json:
        """Dense scaling over the job's ladder, and which larger dense model each family's best equals."""
        return self.answer(job_id, "equivalence")

    def pareto(self, job_id: str, cost: Cost = "training_flops") -> Json:
        """The Pareto front over a cost, with what is dominated beyond noise and what is not."""
        return self.answer(job_id, "pareto", cost=cost)

    def smooth(self, job_id: str) -> Json:
        """A smooth curve of each family over sparsity with its 95 % band, and the sparsity to look at next."""
        return self.answer(job_id, "smooth")

    def importance(self, job_id: str) -> Json:
        """What of the mask schedule matters, schedule effects at fixed sparsity, and masks' churn and ITOP."""
        return self.answer(job_id, "importance")

    def environments(self, job_id: str) -> Json:
        """In what a job's attempts ran: versions, platform, device and commit, with how many ran so."""
        return self._json("GET", f"/v1/jobs/{job_id}/environments")

    def ledger(self, job_id: str) -> Json:
        """Where the compute went: algorithmic and executed FLOPs and seconds, by what became of the work."""
        return self.answer(job_id, "ledger")

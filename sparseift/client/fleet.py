"""What is asked of workers, catalogs and the service itself."""

from typing import Literal

from sparseift.client.connection import Connection
from sparseift.client.errors import Json


class Fleet(Connection):
    """Workers and slots, catalogs, and how the service is."""

    def workers(self) -> list[Json]:
        """The workers that were seen lately."""
        return list(self._pages("/v1/workers", {}))

    def slots(self) -> list[Json]:
        """The places where attempts run, with what runs there and which are quarantined."""
        return list(self._pages("/v1/slots", {}))

    def release_slot(self, slot: str) -> Json:
        """Lets a slot out of quarantine."""
        return self._json("POST", f"/v1/slots/{slot}:release", retry=True)

    def catalog(self, noun: Literal["families", "models", "datasets"]) -> list[Json]:
        """A catalog: names, summaries and arguments."""
        items: list[Json] = self._json("GET", f"/v1/{noun}")["items"]
        return items

    def card(self, noun: Literal["families", "models", "datasets"], name: str) -> Json:
        """One entry of a catalog."""
        return self._json("GET", f"/v1/{noun}/{name}")

    def job_schema(self) -> Json:
        """The JSON Schema of job files, with this service's own names, arguments and settings."""
        return self._json("GET", "/v1/schemas/job")

    def health(self) -> Json:
        """That the process is alive; see `is_ready` for whether it can work."""
        return self._json("GET", "/healthz")

    def metrics_text(self) -> str:
        """Numbers of the service, as Prometheus reads them."""
        return self._send("GET", "/metrics").text

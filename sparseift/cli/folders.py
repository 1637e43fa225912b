"""What lies where below a data folder."""

from dataclasses import dataclass
from pathlib import Path

from sparseift.cli.failures import UsageProblem


@dataclass(frozen=True, slots=True)
class Folders:
    """A data folder's parts; all paths absolute, because the programs may run elsewhere."""

    data: Path

    @property
    def database(self) -> str:
        """Address of the database that is used where none is named."""
        return f"sqlite:///{self.data.resolve() / 'sparseift.db'}"

    @property
    def artifacts(self) -> Path:
        """Checkpoints."""
        return self.data.resolve() / "artifacts"

    @property
    def datasets(self) -> Path:
        """Data sets, fetched and decoded."""
        return self.data.resolve() / "datasets"

    @property
    def logs(self) -> Path:
        """One log per program."""
        return self.data.resolve() / "logs"

    def create(self) -> None:
        """Makes them.

        Raises:
            UsageProblem: the folder cannot be written.
        """
        try:
            for folder in (self.data, self.artifacts, self.datasets, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageProblem(f"The data folder {self.data} cannot be made: {error}.") from error

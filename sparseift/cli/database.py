"""`sparseift db upgrade` and `sparseift db check`: the database's revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sparseift.cli import programs
from sparseift.cli.folders import Folders
from sparseift.cli.options import DEFAULT_DATA, Data, Database, examples, out
from sparseift.errors import SparseIFTError

UPGRADE_EXAMPLES = examples(
    "sparseift db upgrade", "sparseift db upgrade --database postgresql+psycopg://me@localhost/sparseift"
)
CHECK_EXAMPLES = examples("sparseift db check", "sparseift db check --data /data/sparseift")


def upgrade(data: Data = DEFAULT_DATA, database: Database = None) -> None:
    """Make the database, or bring it to this version; what is in it stays."""
    folders = Folders(data)
    if database is None:
        folders.create()
    url = database or folders.database
    migrate(url)
    _say_revision(url)


def check(data: Data = DEFAULT_DATA, database: Database = None) -> None:
    """Check that the database is at this version; ends with code 1 and the command to run when it is not."""
    _say_revision(database or Folders(data).database)


def migrate(url: str) -> None:
    """Makes the database, or brings it to this version.

    Raises:
        WrongRevision: a newer version made it.
        SparseIFTError: it cannot be reached.
    """
    with _opened(url) as database:
        from alembic.util import CommandError

        try:
            programs.reach("store.migrate:upgrade")(url)
        except CommandError:  # a revision that this version has never heard of
            programs.reach("store.migrate:check_revision")(database)
            raise


def _say_revision(url: str) -> None:
    with _opened(url) as database:
        programs.reach("store.migrate:check_revision")(database)
        revision = programs.reach("store.migrate:current")(database)
    out.print(f"The database is at revision {revision}, as this version needs it.", highlight=False)


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    """The database; its driver's complaints as one sentence."""
    database: Any = programs.reach("store.sessions:Database")(url)
    from sqlalchemy.exc import OperationalError  # importable, since the store is

    try:
        yield database
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise SparseIFTError(f"The database {database} cannot be used: {reason}") from error
    finally:
        database.close()

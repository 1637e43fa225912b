"""`sparseift db upgrade` and `sparseift db check`: the database's revision."""

from typing import Any

from sparseift.cli import programs
from sparseift.cli.folders import Folders
from sparseift.cli.options import DEFAULT_DATA, AsJson, Data, Database, examples, out, show_json

UPGRADE_EXAMPLES = examples(
    "sparseift db upgrade", "sparseift db upgrade --database postgresql+psycopg://me@localhost/sparseift"
)
CHECK_EXAMPLES = examples("sparseift db check", "sparseift db check --data /data/sparseift")


def upgrade(data: Data = DEFAULT_DATA, database: Database = None, as_json: AsJson = False) -> None:
    """Make the database, or bring it to this version; what is in it stays."""
    folders = Folders(data)
    if database is None:
        folders.create()
    url = database or folders.database
    programs.reach("store.migrate:upgrade")(url)
    _say_revision(url, as_json)


def check(data: Data = DEFAULT_DATA, database: Database = None, as_json: AsJson = False) -> None:
    """Check that the database is at this version; ends with code 1 and the command to run when it is not."""
    _say_revision(database or Folders(data).database, as_json)


def _say_revision(url: str, as_json: bool) -> None:
    opened: Any = programs.reach("store.sessions:Database")(url)
    try:
        programs.reach("store.migrate:check_revision")(opened)
        revision = programs.reach("store.migrate:current")(opened)
    finally:
        opened.close()
    if as_json:
        show_json({"revision": revision})
        return
    out.print(f"The database is at revision {revision}, as this version needs it.")

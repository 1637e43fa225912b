"""`sparseift tokens`: make, list and revoke tokens, and keep this user's own."""

import getpass
import os
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from sparseift.cli import connection, programs
from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.options import DEFAULT_API, Api, AsJson, err, examples, out, show_json
from sparseift.client import Client

CREATE_EXAMPLES = examples(
    "sparseift tokens create operator --scope admin --database sqlite:///sparseift-data/sparseift.db",
    "sparseift tokens create nightly --scope submit --project vision --days 30",
)
LIST_EXAMPLES = examples("sparseift tokens list", "sparseift tokens list --json")
REVOKE_EXAMPLES = examples("sparseift tokens revoke tok_1k5x0z3w8qs7h2m4d9rt6b")
SAVE_EXAMPLES = examples("sparseift tokens save --url https://search.example.org", "sparseift tokens save < token.txt")


class Scope(StrEnum):
    """What a token may do; each includes those before it."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people: who or what carries it.")],
    scope: Annotated[Scope, typer.Option("--scope", help="read < submit < admin.")] = Scope.SUBMIT,
    project: Annotated[
        str | None, typer.Option("--project", help="Whose jobs it sees; without it every project's, for admins alone.")
    ] = None,
    days: Annotated[float, typer.Option("--days", min=0.0, help="Until it expires; 0 for never.")] = 90.0,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="Write to the database itself: the first token of a service."),
    ] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Make a token. It is printed once, alone on standard output; the service keeps only a hash of it."""
    if database is None:
        with connect(api) as client:
            made = client.create_token(name, scope.value, project, days or None)
    else:
        made = _at_the_database(database, name, scope.value, project, days or None)
    if as_json:
        show_json(made)
        return
    whose = f"project '{made['project']}'" if made["project"] else "every project"
    err.print(f"Token {made['id']} ('{name}', {scope.value}, {whose}). It is not shown again:")
    sys.stdout.write(f"{made['token']}\n")


def list_tokens(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """List tokens, newest first, with expired and revoked ones; never their secrets."""
    with connect(api) as client:
        found = list(client.tokens())
    if as_json:
        show_json(found)
        return
    table = Table("id", "name", "scope", "project", "expires", "last used", "revoked", box=None)
    for token in found:
        times = [_day(token[name]) for name in ("expires_at", "last_used_at", "revoked_at")]
        table.add_row(token["id"], token["name"], token["scope"], token["project"] or "every one", *times)
    out.print(table if found else "No tokens.")


def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, as `sparseift tokens list` shows it.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Revoke a token: it is refused from now on."""
    with connect(api) as client:
        client.revoke_token(token)
    if as_json:
        show_json({"id": token, "revoked": True})
    else:
        out.print(f"{token} is revoked.")


def save(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Keep your token for a service, in a file that only you can read; commands then send it by themselves.

    It is asked for at the terminal, or read from standard input. SPARSEIFT_TOKEN goes before what is kept.
    """
    given = (getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not given:
        raise UsageProblem("No token was given.")
    with Client(api, token=given) as client:
        me = client.me()
    file = connection.save(api, given, os.environ)
    if as_json:
        show_json({"name": me["name"], "url": api, "files": [str(file)]})
        return
    out.print(f"Kept the token '{me['name']}' for {api} in {file}.", soft_wrap=True)


def _at_the_database(url: str, name: str, scope: str, project: str | None, days: float | None) -> dict[str, Any]:
    opened: Any = programs.reach("store.sessions:Database")(url)
    try:
        programs.reach("store.migrate:check_revision")(opened)
        with opened.write() as session:
            row, given = programs.reach("store.tokens:create")(session, name, scope, project, days=days)
    finally:
        opened.close()
    return {"id": row.id, "name": row.name, "scope": row.scope, "project": row.project, "token": given}


def _day(at: str | None) -> str:
    return at[:10] if at else "—"

"""Keeps the database's password out of what Ray keeps: an actor's arguments stay in the memory of the cluster's head.

An attempt is told the URL without its password. It takes the whole one from its own machine: from the environment of
the node that runs it, where SPARSEIFT_DATABASE must be set for `ray start` (`runtime_env`, Ray's own way to set
variables, writes them into a dozen log files), or on Ray of our own from a file that nobody else may read. A URL
without a password (libpq then looks at PGPASSFILE and the like) is sent as it is.
"""

import os
from pathlib import Path

from sqlalchemy import make_url

from sparseift.errors import InvalidValue

VARIABLE = "SPARSEIFT_DATABASE"
HIDDEN = "left-out"  # where a password is really that, it is fetched from the node as well
SECRET_OPTIONS = ("password", "sslpassword")  # that libpq also takes behind the question mark


def hide(url: str) -> str:
    """The URL with "left-out" for its password; as it is where it has none."""
    parsed = make_url(url)
    secret = [option for option in SECRET_OPTIONS if option in parsed.query]
    if parsed.password is None and not secret:
        return url
    return parsed.difference_update_query(secret).set(password=HIDDEN).render_as_string(hide_password=False)


def is_hidden(url: str) -> bool:
    """Whether a URL of `hide` lacks its password."""
    return make_url(url).password == HIDDEN


def reveal(url: str, file: str | None) -> str:
    """The whole URL, on the machine where it is used.

    Args:
        url: of `hide`.
        file: that holds it; None: the environment does.

    Raises:
        InvalidValue: this machine does not know it, or knows another database's.
    """
    if not is_hidden(url):
        return url
    whole = Path(file).read_text() if file is not None else os.environ.get(VARIABLE, "")
    if not whole:
        raise InvalidValue(
            f"This node knows no password of the database; start it with {VARIABLE} set to the whole URL, as in "
            f"`{VARIABLE}=postgresql+psycopg://… ray start …`: the worker sends none through Ray."
        )
    asked, known = make_url(url).database, make_url(whole).database
    if known != asked:
        raise InvalidValue(f"{VARIABLE} of this node names the database '{known}'; the worker's is '{asked}'.")
    return whole


def missing(url: str) -> str:
    """Why `reveal` would fail here for want of the right environment; "" where it would not."""
    try:
        reveal(url, None)
    except InvalidValue as error:
        return str(error)
    return ""

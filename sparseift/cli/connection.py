"""The one place where commands find their token: SPARSEIFT_TOKEN, else what `sparseift tokens save` keeps.

The file is this user's alone and holds one token per service, so that none is ever sent to another service. A token is
no option of a command: every user of the machine can read command lines.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from sparseift.cli.failures import UsageProblem
from sparseift.client import Client

VARIABLE = "SPARSEIFT_TOKEN"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def connect(api: str) -> Client:
    """A client of the service at an address, with the token for it, if there is one.

    Raises:
        UsageProblem: a token file that others can read, or that is none.
    """
    return Client(api, token=token_for(api, os.environ))


def token_for(api: str, environment: Mapping[str, str]) -> str | None:
    """The token for a service; None: it is asked without."""
    given = environment.get(VARIABLE, "").strip()
    return given or _read(path(environment)).get(api.rstrip("/"))


def save(api: str, token: str, environment: Mapping[str, str]) -> Path:
    """Keep a token for a service, in place of the one before; returns the file, which only this user can read."""
    file = path(environment)
    kept = _read(file) | {api.rstrip("/"): token}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    # Made for this user alone from the first byte on, and put in place whole.
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump(kept, opened, indent=2)
    fresh.replace(file)
    return file


def path(environment: Mapping[str, str]) -> Path:
    """Where tokens are kept."""
    folder = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(folder) / "sparseift" / "tokens.json"


def _read(file: Path) -> dict[str, str]:
    try:
        with file.open() as opened:
            if os.fstat(opened.fileno()).st_mode & OTHERS:
                raise UsageProblem(f"Others can read the tokens in {file}; run: chmod 600 {file}")
            kept = json.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageProblem(f"The tokens in {file} cannot be read: {error}.") from error
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        raise UsageProblem(f"{file} holds no tokens; it is a JSON object from addresses to tokens.")
    return kept

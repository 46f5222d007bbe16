"""The secret that signs tokens, and where it came from.

In Airflow 3.3 it is ``[api_auth] jwt_secret``: from the environment, or from a command
(``AIRFLOW__API_AUTH__JWT_SECRET_CMD``). Only Stateroom reads it from a file too, because every user
of the machine can read an option's value in the process list.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .errors import SettingError

VARIABLE = "AIRFLOW__API_AUTH__JWT_SECRET"
FILE_VARIABLE = "STATEROOM_JWT_SECRET_FILE"
OPTION = "--jwt-secret"
FILE_OPTION = "--jwt-secret-file"
_SECONDS = 30  # that the command may take


class Secret(NamedTuple):
    """A secret, and the option or variable that it came from; both None where there is none."""

    text: str | None = None
    source: str | None = None


def find(environ: Mapping[str, str], given: str | None = None, path: str | None = None) -> Secret:
    """The first of: the option, the file's option, the variable, the command, the file's variable.

    :param given: the option's value.
    :param path: the value of the option that names a file.
    :raises SettingError: for an empty secret, and a file or command that cannot be read or run.
    """
    if given is not None:
        return _filled(given, OPTION, given)
    if path is not None:
        return _of_file(path, FILE_OPTION)
    if text := environ.get(VARIABLE):
        return _filled(text, VARIABLE, text)
    if command := environ.get(f"{VARIABLE}_CMD"):
        return _of_command(command)
    if path := environ.get(FILE_VARIABLE):
        return _of_file(path, FILE_VARIABLE)
    if name := environ.get(f"{VARIABLE}_SECRET"):
        expected = f"unset: no secrets backend is asked here; set {VARIABLE}_CMD or {FILE_VARIABLE}"
        raise SettingError(f"{VARIABLE}_SECRET", name, expected)
    return Secret()


def _filled(text: str, source: str, shown: str) -> Secret:
    if not text.strip():
        raise SettingError(source, shown, "a non-empty string")
    return Secret(text, source)


def _of_file(path: str, source: str) -> Secret:
    """The file's text without the line breaks at its end."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(source, path, f"a readable file with the secret ({error})") from None
    return _filled(text.rstrip("\r\n"), source, path)


def _of_command(command: str) -> Secret:
    """All that the command prints, a line break at its end too, as Airflow 3.3 takes it."""
    source = f"{VARIABLE}_CMD"
    try:
        result = subprocess.run(
            shlex.split(command), capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise SettingError(source, command, f"a command that prints the secret ({error})") from None
    return _filled(result.stdout, source, command)


def without(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which there is no secret, for a service whose calls need no token."""
    sources = {VARIABLE, f"{VARIABLE}_CMD", f"{VARIABLE}_SECRET", FILE_VARIABLE}
    return {name: value for name, value in environ.items() if name not in sources}

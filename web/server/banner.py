"""What a person reads when the service starts; it fits a terminal of 80 columns."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from urllib.parse import quote

from state import __version__
from state.process import DEFAULT_URL, service_path
from state.store import fixtures
from state.store.database.connections import MEMORY

from ..service import Service
from ..settings import is_loopback

_WIDTH, _MARGIN = 80, 12


def banner(made: Service, url: str, existed: bool, command: str) -> str:
    """Where it is, what it holds, who may do what, and what to try next.

    :param existed: whether the database file was there before.
    :param command: what calls the command line, as :func:`stateroom` says.
    """
    rows = [
        ("address", f"{url}  (workers: {url}/execution/)"),
        ("page", f"{url}/  in a browser"),
        ("database", _database(made, existed)),
        ("holds", _counts(made)),
        ("backend", _where_values_go(made)),
        *_access(made),
    ]
    lines = [f"Stateroom {__version__}, like Airflow {made.settings['compat']}"]
    lines += [_row(label, text) for label, text in rows]
    lines += [_row("try", call) for call in _next(made, url, command)]
    return "\n".join([*lines, _row("stop", "Ctrl-C")])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH - _MARGIN, break_long_words=False, break_on_hyphens=False)


def _row(label: str, text: str) -> str:
    return f"  {label:<{_MARGIN - 2}}" + text.replace("\n", "\n" + " " * _MARGIN)


def _database(made: Service, existed: bool) -> str:
    if made.store.path == MEMORY:
        return "in memory, gone when it stops"
    return f"{made.store.path} ({'opened' if existed else 'new'})"


def _counts(made: Service) -> str:
    held = fixtures.counts(made.store.namespace())
    return ", ".join(f"{count} {noun if count != 1 else noun[:-1]}" for noun, count in held.items())


def _where_values_go(made: Service) -> str:
    if made.backend.hooks is None:
        return "metastore: values stay in the database"
    return _wrapped(
        f"{made.backend.name}, for the gateway; "
        f"a call of it is given up after {made.backend.timeout:g} s"
    )


def _access(made: Service) -> list[tuple[str, str]]:
    where = "this machine" if is_loopback(made.settings["host"]) else "the network (--insecure)"
    if _is_open(made):
        return [
            ("access", _wrapped(f"open: anyone on {where} may do anything; --jwt-secret closes it"))
        ]
    control = f"open to anyone on {where}" if made.keys.takes_secrets() else "for admins"
    rows = [("access", _wrapped(f"by token, as in Airflow; /_stateroom is {control}"))]
    if _made_up_passwords(made):
        logins = ", ".join(f"{name}/{made.passwords[name]}" for name, _ in made.settings["users"])
        rows.append(("logins", _wrapped(f"{logins} (POST /auth/token)")))
    return rows


def _is_open(made: Service) -> bool:
    return made.keys.checking(made.store.namespace()) is None


def _made_up_passwords(made: Service) -> bool:
    """Whether there are any; those of a file are the user's own."""
    return made.settings["passwords_file"] is None and not made.settings["all_admins"]


def _next(made: Service, url: str, command: str) -> list[str]:
    """First calls that work as they stand when pasted into another terminal in the same folder."""
    listing = f"{command}{'' if url == DEFAULT_URL else f' --url {url}'} list"
    if not made.keys.takes_secrets():
        return [f"export STATEROOM_TOKEN=$({_login(made, url, command)})", listing]
    if not any(fixtures.counts(made.store.namespace()).values()):
        return [
            f"curl {url}/_stateroom/assets \\\n  -H 'Content-Type: application/json' "
            '-d \'{"name": "orders"}\''
        ]
    return [listing, f"curl {url}/api/v2/assets"] if _is_open(made) else [listing]


def _login(made: Service, url: str, command: str) -> str:
    """A call that prints an admin's token."""
    admins = [name for name, role in made.settings["users"] if role.lower() == "admin"]
    token = f"curl -s {url}/auth/token"
    if made.settings["all_admins"]:
        return f"{token} \\\n  | cut -d'\"' -f4"
    if admins and _made_up_passwords(made):
        form = f"-d username={quote(admins[0])} -d password={made.passwords[admins[0]]}"
        return f"{token} \\\n  {form} | cut -d'\"' -f4"
    return f"{command} token --role admin --jwt-secret …"


def stateroom() -> str:
    """How a shell in this folder calls the command line of this very Stateroom."""
    python = Path(sys.executable)
    script = python.with_name("stateroom")
    if script.exists():
        return _shortest(script)
    folder = service_path().parent  # a checkout that was not installed
    if folder == Path.cwd():
        return f"{_shortest(python)} -m state"
    return f"cd {shlex.quote(str(folder))} && {shlex.quote(str(python))} -m state"


def _shortest(program: Path) -> str:
    """A program's shortest name: on the PATH, within this folder, or all of it."""
    on_path = shutil.which(program.name)
    if on_path and Path(on_path) == program:
        return program.name
    if program.is_relative_to(Path.cwd()):
        return shlex.quote(str(program.relative_to(Path.cwd())))
    return shlex.quote(str(program))

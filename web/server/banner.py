"""The text that the service prints at start; it fits a terminal of 80 columns."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from state import __version__
from state.process import DEFAULT_URL, service_path
from state.store import fixtures
from state.store.database.connections import MEMORY
from state.words import count

from ..errors import Refused
from ..service import PAGES, Service
from ..settings import is_loopback

if TYPE_CHECKING:
    from ..proxy.front import Front

_WIDTH = 80  # columns
_MARGIN = 12  # of them for the labels
_TRIED = ("3.3.2",)  # versions of Airflow
_UNSEEN = (
    "Airflow's command line, the scheduler's own passes, the triggerer; their state "
    "stays in Airflow without state.airflow.StateroomBackend (docs/whole-airflow.md)"
)
_RARE = ("variable", "connection")  # counted only where there are any


def banner(
    service: Service, url: str, existed: bool, command: str, front: Front | None = None
) -> str:
    """The service's address, contents and access, and commands to try next.

    :param existed: whether the database file existed before.
    :param command: what runs the command line, from :func:`stateroom`.
    :param front: what passes calls on to an Airflow, if there is one behind the service.
    """
    pages = "/" if front is None else f"{PAGES}/"
    rows = [
        ("address", f"{url}  (workers: {url}/execution/)"),
        *_upstream(front),
        ("page", f"{url}{pages}  in a browser"),
        ("database", _database(service, existed)),
        *[("note", _wrapped(note)) for note in service.store.notes],
        ("holds", _counts(service)),
        ("backend", _backend(service)),
        *_access(service),
        *_bypass(service),
    ]
    lines = [f"Stateroom {__version__}, like Airflow {service.store.rules.airflow}"]
    lines += [_row(label, text) for label, text in rows]
    lines += [_row("try", call) for call in _examples(service, url, command)]
    return "\n".join([*lines, _row("stop", "Ctrl-C")])


def _upstream(front: Front | None) -> list[tuple[str, str]]:
    """The Airflow behind the service, and what of it passes by unseen."""
    if front is None:
        return []
    where = front.upstream.url
    try:
        version = front.upstream.version()
    except Refused as error:
        text = f"{error}; calls that are passed on fail until it does"
        return [("upstream", _wrapped(text)), ("unseen", _wrapped(_UNSEEN))]
    text = f"Airflow {version} at {where}, which gets all calls but those on state"
    if not version.startswith(_TRIED):
        text += f"; tried with {' and '.join(_TRIED)} only"
    return [("upstream", _wrapped(text)), ("unseen", _wrapped(_UNSEEN))]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH - _MARGIN, break_long_words=False, break_on_hyphens=False)


def _row(label: str, text: str) -> str:
    return f"  {label:<{_MARGIN - 2}}" + text.replace("\n", "\n" + " " * _MARGIN)


def _database(service: Service, existed: bool) -> str:
    if service.store.path == MEMORY:
        return "in memory, lost when it stops"
    if existed:
        return f"{service.store.path} (opened)"
    return f"{service.store.path} (new)"


def _counts(service: Service) -> str:
    counts = fixtures.counts(service.store.namespace())
    return ", ".join(
        count(number, noun) for noun, number in counts.items() if number or noun not in _RARE
    )


def _backend(service: Service) -> str:
    backend = service.backend
    if backend.hooks is None:
        return "metastore: values stay in the database"
    return _wrapped(
        f"{backend.name}, for the gateway; its calls time out after {backend.timeout:g} s"
    )


def _access(service: Service) -> list[tuple[str, str]]:
    where = "the network (--insecure)"
    if is_loopback(service.settings["host"]):
        where = "this machine"
    if _is_open(service):
        text = f"open: anyone on {where} may do anything; --jwt-secret-file closes it"
        return [("access", _wrapped(text))]
    control = "for admins"
    if not service.keys.guards_control:
        control = f"open to anyone on {where}"
    rows = [("access", _wrapped(f"by token, as in Airflow; /_stateroom is {control}"))]
    if service.settings["jwt_secret_from"] is not None:
        rows.append(("secret", f"from {service.settings['jwt_secret_from']}"))
    if _has_generated_passwords(service):
        logins = ", ".join(
            f"{name}/{service.passwords[name]}" for name, _ in service.settings["users"]
        )
        rows.append(("logins", _wrapped(f"{logins} (POST /auth/token)")))
    return rows


def _bypass(service: Service) -> list[tuple[str, str]]:
    """What needs no token although the Airflow behind the service asks for a login."""
    if service.settings["upstream_user"] is None or service.keys.start is not None:
        return []
    text = (
        "the Airflow's login does not guard what is answered here: all state, and "
        "/_stateroom with reset and export"
    )
    return [("note", _wrapped(text))]


def _is_open(service: Service) -> bool:
    return service.keys.start is None and not service.store.namespace().jwt_secret


def _has_generated_passwords(service: Service) -> bool:
    if service.settings["upstream"] is not None:  # its users log in there
        return False
    return service.settings["passwords_file"] is None and not service.settings["all_admins"]


def _examples(service: Service, url: str, command: str) -> list[str]:
    """First commands, to paste into another terminal in the same folder."""
    listing = f"{command} --url {url} list"
    if url == DEFAULT_URL:
        listing = f"{command} list"
    if service.keys.guards_control:
        return [f"export STATEROOM_TOKEN=$({_login(service, url, command)})", listing]
    if not any(fixtures.counts(service.store.namespace()).values()):
        options = "-H 'Content-Type: application/json' -d '{\"name\": \"orders\"}'"
        return [f"curl {url}/_stateroom/assets \\\n  {options}"]
    if _is_open(service):
        return [listing, f"curl {url}/api/v2/assets"]
    return [listing]


def _login(service: Service, url: str, command: str) -> str:
    """A command that prints an admin's token."""
    admins = [name for name, role in service.settings["users"] if role.lower() == "admin"]
    token = f"curl -s {url}/auth/token"
    if service.settings["all_admins"] and service.settings["upstream"] is None:
        return f"{token} \\\n  | cut -d'\"' -f4"
    if admins and _has_generated_passwords(service):
        form = f"-d username={quote(admins[0])} -d password={service.passwords[admins[0]]}"
        return f"{token} \\\n  {form} | cut -d'\"' -f4"
    return f"{command} token --role admin --jwt-secret-file …"


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

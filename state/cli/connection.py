"""Which service a command talks to: the options that say so, a client of it, the private service of
``--db``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from ..errors import Unreachable
from ..model import tokens
from ..process import DEFAULT_URL, ServerProcess

if TYPE_CHECKING:
    from ..client.http import StateroomClient

_PRIVATE = ["--host", "127.0.0.1", "--durable", "--log-level", "error", "--max-body", "4GiB"]
_NAMESPACE = "/ns/"  # in an address, before a namespace's name
_UNSEEN = ("STATEROOM_", "AIRFLOW__CORE__")  # variables that a private service does not see


def _remember(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if value:
        ctx.ensure_object(dict)[option.name] = value


def _option(flag: str, help: str, **more: Any) -> click.Option:
    return click.Option([flag], help=help, expose_value=False, callback=_remember, **more)


OPTIONS = (  # they stand before a command's name or after it
    _option("--url", f"Address of the service.  [env: STATEROOM_URL; default: {DEFAULT_URL}]"),
    _option("--db", "Database file, instead of an address."),
    _option(
        "--ns", "Namespace; without it, the address's own, or default.  [env: STATEROOM_NAMESPACE]"
    ),
    _option("--token", "Admin's token, where a secret is set.  [env: STATEROOM_TOKEN]"),
    _option("--json", "Print JSON for machines.", is_flag=True),
)


def given(name: str) -> Any:
    """One of :data:`OPTIONS` as it was given, or None."""
    return click.get_current_context().ensure_object(dict).get(name)


def as_json() -> bool:
    return bool(given("json"))


@contextmanager
def connected(create: bool = False, whole: bool = False) -> Iterator[StateroomClient]:
    """A client of the namespace that the options name; in a private service, if they name a file
    that nobody serves.

    :param create: whether a database file that is not there may be made.
    :param whole: of the service as a whole, whatever namespace they name.
    """
    if not given("db"):
        yield running(whole)
        return
    path = _database(create)
    from ..client.http import StateroomClient
    from ..store.database.ownership import alone

    with ExitStack() as stack:
        stack.enter_context(alone(path))
        if _owner_url(path):
            stack.close()
            yield running(whole)
        else:
            secret = secrets.token_hex(32)
            process = stack.enter_context(
                ServerProcess(["--db", str(path), *_PRIVATE], _environment(secret))
            )
            yield StateroomClient(_inside(process.url, whole), tokens.for_role(secret, "admin"))


def running(whole: bool = False) -> StateroomClient:
    """Like :func:`connected`, of a service that runs already.

    :raises Unreachable: if the options name a file that nobody serves.
    """
    from ..client.http import StateroomClient

    url = given("url") or os.environ.get("STATEROOM_URL") or DEFAULT_URL
    if given("db"):
        url = _owner_url(Path(given("db")))
        if url is None:
            raise Unreachable(f"nobody serves {given('db')}")
    return StateroomClient(_inside(url, whole), given("token") or os.environ.get("STATEROOM_TOKEN"))


def _inside(url: str, whole: bool) -> str:
    """The address of the namespace that is meant: an option's before the address's own before the
    environment's.
    """
    root, _, own = url.rstrip("/").partition(_NAMESPACE)
    name = "" if whole else given("ns") or own or os.environ.get("STATEROOM_NAMESPACE") or ""
    if name and not name.strip("."):
        raise click.UsageError(
            f"invalid namespace name {name!r}"
        )  # and HTTP clients would drop it from the path
    return root + _NAMESPACE + quote(name, safe="") if name else root


def _database(create: bool) -> Path:
    path = Path(given("db"))
    if given("url"):
        raise click.UsageError("--url and --db exclude each other")
    if not create and not path.exists():
        raise click.UsageError(f"there is no file {path}; only import makes one")
    return path


def _owner_url(path: Path) -> str | None:
    from ..store.database.ownership import owner

    who = owner(path)
    return str(who["url"]) if who and who["url"] else None


def _environment(secret: str) -> dict[str, str]:
    """That of a service which lives for one command and answers to nobody else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_UNSEEN)}
    return {**kept, "AIRFLOW__API_AUTH__JWT_SECRET": secret}

"""Connect a command to its service: the options, the client, the private service of ``--db``."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ... import jwt_secret
from ...errors import Unreachable
from ...model import env_secrets, tokens
from ...model.clock import from_text
from ...model.names import NAMESPACE_PREFIX, check_name
from ...process import DEFAULT_URL, ServerProcess

if TYPE_CHECKING:
    from ...client.http import StateroomClient

NOT_KEPT = "No service is running: state ends with this run; `stateroom serve` keeps it"
_OF_A_SERVICE = {  # options, and their variables
    "url": "STATEROOM_URL",
    "ns": "STATEROOM_NAMESPACE",
    "token": "STATEROOM_TOKEN",
}
_PRIVATE = ["--host", "127.0.0.1", "--durable", "--log-level", "error", "--max-body", "4GiB"]
_HIDDEN = ("STATEROOM_", "AIRFLOW__CORE__")  # variables that a private service does not see,
_SEEN = (*env_secrets.PREFIXES, "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES")  # except for these


def _remember(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if value:
        ctx.ensure_object(dict)[option.name] = value


class _Option(click.Option):
    """An option of every command, which only the help of all explains."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        if ctx.parent is not None:
            return None
        return super().get_help_record(ctx)


def _option(flag: str, help: str, **more: Any) -> click.Option:
    return _Option([flag], help=help, expose_value=False, callback=_remember, **more)


OPTIONS = (  # they stand before a command's name or after it
    _option("--url", f"Address of the service.  [env: STATEROOM_URL; default: {DEFAULT_URL}]"),
    _option("--db", "Database file, instead of --url."),
    _option(
        "--ns",
        "Namespace, instead of the one in --url.  [env: STATEROOM_NAMESPACE; default: default]",
    ),
    _option("--token", "Admin token, if the service has a secret.  [env: STATEROOM_TOKEN]"),
    _option("--json", "Print JSON.", is_flag=True),
    _option("--wide", "Print whole cells of tables, however long the lines.", is_flag=True),
)


def option_value(name: str) -> Any:
    """The value of one of :data:`OPTIONS`, or None if it is not on the command line."""
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    return context.ensure_object(dict).get(name)


def as_json() -> bool:
    """Whether --json is on the command line."""
    return bool(option_value("json"))


def show(document: Any, text: str) -> None:
    """Print a document with --json, else the text."""
    if as_json():
        text = json.dumps(document)
    click.echo(text)


@contextmanager
def connected(create: bool = False, whole: bool = False) -> Iterator[StateroomClient]:
    """A client of the namespace that the options name.

    For ``--db`` it calls the service that owns the file or, if there is none, a private service
    that ends with the block.

    :param create: whether a missing database file may be created.
    :param whole: a client of the whole service instead, with no namespace in its address.
    """
    if not option_value("db"):
        yield running(whole)
        return
    path = _database(create)
    from ...store.database.ownership import alone

    with ExitStack() as stack:
        stack.enter_context(alone(path))
        if _owner_url(path):
            stack.close()
            yield running(whole)
        else:
            yield stack.enter_context(_private(str(path), whole))


@contextmanager
def connected_or_private() -> Iterator[StateroomClient]:
    """Like :func:`connected`; where no service is named or running, a private one in memory."""
    with ExitStack() as stack:
        if _is_named() or _runs_at_default_address():
            client = stack.enter_context(connected())
        else:
            click.echo(NOT_KEPT, err=True)
            client = stack.enter_context(_private(":memory:"))
        yield client


def _is_named() -> bool:
    """Whether an option or a variable says which service is meant."""
    if option_value("db"):
        return True
    return any(
        option_value(option) or os.environ.get(variable)
        for option, variable in _OF_A_SERVICE.items()
    )


def _runs_at_default_address() -> bool:
    try:
        running(whole=True).call("GET", "/_stateroom/health")
    except Unreachable:
        return False
    return True


@contextmanager
def _private(db: str, whole: bool = False) -> Iterator[StateroomClient]:
    """A client of a service that ends with the block."""
    from ...client.http import StateroomClient

    secret = secrets.token_hex(32)
    with ServerProcess(["--db", db, *_PRIVATE], _environment(secret)) as process:
        yield StateroomClient(_namespace_url(process.url, whole), tokens.for_role(secret, "admin"))


def running(whole: bool = False) -> StateroomClient:
    """Like :func:`connected`, but only for a service that is already running.

    :raises Unreachable: if no service owns the file of ``--db``.
    """
    from ...client.http import StateroomClient

    url = option_value("url") or os.environ.get("STATEROOM_URL") or DEFAULT_URL
    if option_value("db"):
        url = _owner_url(Path(option_value("db")))
        if url is None:
            raise Unreachable(f"no service is running for {option_value('db')}")
    return StateroomClient(
        _namespace_url(url, whole), option_value("token") or os.environ.get("STATEROOM_TOKEN")
    )


def pages(
    client: StateroomClient, path: str, name: str, query: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """All rows of a list that the service sends in pages."""
    rows: list[dict[str, Any]] = []
    while True:
        page = client.ask("GET", path, params={**(query or {}), "limit": 1000, "offset": len(rows)})
        rows += page[name]
        if not page[name] or len(rows) >= page["total_entries"]:
            return rows


def now(client: StateroomClient) -> datetime:
    """The time of the namespace's clock."""
    return from_text(client.ask("GET", "/_stateroom/clock")["now"])


def _namespace_url(url: str, whole: bool) -> str:
    """The address of the namespace: from ``--ns``, else in the address, else in the environment.

    :raises InvalidName: for an invalid name of a namespace.
    """
    root, _, name_in_url = url.rstrip("/").partition(NAMESPACE_PREFIX)
    name = option_value("ns") or name_in_url or os.environ.get("STATEROOM_NAMESPACE")
    if whole or not name:
        return root
    return root + NAMESPACE_PREFIX + check_name(name, "namespace name")


def _database(create: bool) -> Path:
    path = Path(option_value("db"))
    if option_value("url"):
        raise click.UsageError("use --url or --db, not both")
    if not create and not path.exists():
        raise click.UsageError(f"file not found: {path}; `serve --db` and `import` create it")
    return path


def _owner_url(path: Path) -> str | None:
    from ...store.database.ownership import owner

    record = owner(path)
    if record is None or not record["url"]:
        return None
    return str(record["url"])


def _environment(secret: str) -> dict[str, str]:
    """The environment of a private service with a secret of its own."""
    return {**private_environment(), "AIRFLOW__API_AUTH__JWT_SECRET": secret}


def private_environment() -> dict[str, str]:
    """The environment of a private service, without settings of the user's and without a secret."""
    return {
        name: value
        for name, value in jwt_secret.without(os.environ).items()
        if name.startswith(_SEEN) or not name.startswith(_HIDDEN)
    }

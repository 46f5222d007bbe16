"""The command line: ``python -m state``, and ``stateroom`` once installed.

Commands talk to a running service (``--url``); with ``--db`` to the one that owns the file, or, if nobody does, to a
private one that lives as long as the command.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__, documents, tokens
from .cli_check import check
from .cli_faults import faults
from .errors import NotFound, ServiceError, StateError, Unreachable
from .process import ServerProcess, service_path
from .scopes import TaskScope

if TYPE_CHECKING:
    from .client import StateroomClient

DEFAULT_URL = "http://127.0.0.1:8103"
# exit statuses; 3 to 8 are those of a database that cannot be opened (state/errors.py)
NO, WRONG, REFUSED, NOBODY = 1, 2, 10, 11


class Group(click.Group):
    """A group whose commands end with a sentence and an exit status instead of a traceback.

    ``serve`` lives in ``app.py``, which hangs it on this group; it is imported only when it is asked for.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), "serve"})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "serve" and name not in self.commands:
            sys.path.insert(0, str(service_path().parent))
            importlib.import_module("app")
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StateError as error:
            click.echo(f"stateroom: {error}", err=True)
            sys.exit(_exit_status(error))
        except ValueError as error:
            click.echo(f"stateroom: {error}", err=True)
            sys.exit(WRONG)


def _exit_status(error: StateError) -> int:
    if isinstance(error, NotFound):
        return NO
    if isinstance(error, Unreachable):
        return NOBODY
    if isinstance(error, ServiceError):
        return REFUSED
    status: int | None = getattr(error, "exit_status", None)
    return status or NO


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", envvar="STATEROOM_URL", help=f"Address of the service.  [env: STATEROOM_URL; {DEFAULT_URL}]")
@click.option("--db", type=click.Path(dir_okay=False), help="Database file, instead of an address.")
@click.option("--token", envvar="STATEROOM_TOKEN", help="Admin's token, where a secret is set.  [env: STATEROOM_TOKEN]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of a table.")
@click.version_option(__version__, prog_name="stateroom")
@click.pass_context
def cli(ctx: click.Context, url: str | None, db: str | None, token: str | None, as_json: bool) -> None:
    """Keep Airflow task state and asset state in one small process.

    Exit status: 0 done, 1 not found or "no", 2 the call is wrong, 10 refused by the service, 11 nobody
    answers; with --db also 3 to 8, why the file cannot be opened.
    """
    if url and db:
        raise click.UsageError("--url and --db exclude each other")
    ctx.obj = {"url": url, "db": db, "token": token, "json": as_json}


@contextmanager
def connected(create: bool = False) -> Iterator[StateroomClient]:
    """A client of the service that the options name.

    :param create: whether a database file that is not there may be made.
    """
    from .client import StateroomClient  # here, because serve needs none: a quarter of its start

    options = click.get_current_context().obj
    if not options["db"]:
        yield StateroomClient(options["url"] or DEFAULT_URL, options["token"])
        return
    if not create and not Path(options["db"]).exists():
        raise click.UsageError(f"there is no file {options['db']}; only import makes one")
    url = _owner_url(Path(options["db"]))
    if url:
        yield StateroomClient(url, options["token"])
        return
    with ServerProcess(["--db", options["db"], "--log-level", "error"], _without_secret()) as process:
        yield StateroomClient(process.url)


def _owner_url(path: Path) -> str | None:
    from .store.opening import owner

    who = owner(path)
    return str(who["url"]) if who and who["url"] else None


def _without_secret() -> dict[str, str]:
    """The environment of a private service: it listens on loopback for this one command."""
    return {name: value for name, value in os.environ.items() if name != "AIRFLOW__API_AUTH__JWT_SECRET"}


def as_json() -> bool:
    return bool(click.get_current_context().obj["json"])


def scoped(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose state: a task instance's, or an asset's."""
    for option in (
        click.option("--asset", help="Name of the asset."),
        click.option("--map-index", type=int, default=-1, show_default=True, help="Index of a mapped task."),
        click.option("--task", "task_id", help="Task id."),
        click.option("--run", "run_id", help="Run id."),
        click.option("--dag", "dag_id", help="Dag id."),
    ):
        command = option(command)
    return command


def _keyspace(client: StateroomClient, where: dict[str, Any]) -> Any:
    names = ("dag_id", "run_id", "task_id")
    if where["asset"] is not None:
        if any(where[name] for name in names):
            raise click.UsageError("name a task instance (--dag, --run, --task) or an --asset, not both")
        return client.asset_by_id(_asset_id(client, where["asset"]))
    if not all(where[name] for name in names):
        raise click.UsageError("name a task instance with --dag, --run and --task, or an asset with --asset")
    return client.task_by_scope(TaskScope(where["dag_id"], where["run_id"], where["task_id"], where["map_index"]))


def _asset_id(client: StateroomClient, name: str) -> int:
    found = client.call("GET", "/api/v2/assets", params={"name_prefix_pattern": name, "order_by": "name"}).json()
    for asset in found["assets"]:
        if asset["name"] == name:
            return int(asset["id"])
    raise NotFound(f"Asset with name={name!r} not found")


@cli.command("list")
@scoped
def list_entries(**where: Any) -> None:
    """List what is stored: everything, or one task instance's or asset's."""
    with connected() as client:
        document = client.call("GET", "/_stateroom/fixture").json()
    rows = [row for row in documents.rows(document) if _wanted(row, where)]
    if as_json():
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo(documents.table(rows) if rows else "nothing is stored here; try: stateroom set --help")


def _wanted(row: dict[str, Any], where: dict[str, Any]) -> bool:
    names = [name for name in ("dag_id", "run_id", "task_id", "asset") if where[name] is not None]
    return all(row.get(name) == where[name] for name in names) and where["map_index"] in (-1, row.get("map_index"))


@cli.command("get")
@click.argument("key")
@scoped
def get_entry(key: str, **where: Any) -> None:
    """Print the value of KEY as JSON; exit status 1 if there is none."""
    with connected() as client:
        click.echo(json.dumps(_keyspace(client, where).get(key), ensure_ascii=as_json()))


@cli.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--days", type=float, help="Days until it expires; without it, never.")
@scoped
def set_entry(key: str, value: str, days: float | None, **where: Any) -> None:
    """Set KEY to VALUE, which is JSON; "-" reads it from standard input."""
    text = sys.stdin.read() if value == "-" else value
    try:
        parsed = json.loads(text)
    except ValueError as error:
        hint = json.dumps(text) if len(text) < 60 else '"…"'
        raise click.UsageError(f"VALUE is not JSON: {error}; a text needs quotes: '{hint}'") from None
    expires_at = datetime.now(timezone.utc) + timedelta(days=days) if days is not None else None
    if expires_at and where["asset"] is not None:
        raise click.UsageError("asset state does not expire; leave --days out")
    with connected() as client:
        _keyspace(client, where).set(key, parsed, expires_at)


@cli.command("delete")
@click.argument("key")
@scoped
def delete_entry(key: str, **where: Any) -> None:
    """Delete KEY; exit status 1 if there is none."""
    with connected() as client:
        keyspace = _keyspace(client, where)
        keyspace.get(key)
        keyspace.delete(key)


@cli.command()
@scoped
def clear(**where: Any) -> None:
    """Delete every key of a task instance or an asset."""
    with connected() as client:
        _keyspace(client, where).clear()


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
def clean(dry_run: bool) -> None:
    """Remove expired entries, as `airflow state-store clean` does."""
    with connected() as client:
        answer = client.call("POST", "/_stateroom/clean", params={"dry_run": "1"} if dry_run else {}).json()
    if as_json():
        click.echo(json.dumps(answer))
    else:
        (count,) = answer.values()
        click.echo(f"{count} expired entries {'would be' if dry_run else 'were'} removed")


@cli.command("export")
@click.argument("path", type=click.Path(dir_okay=False), default="-")
def export_document(path: str) -> None:
    """Write all that is held as a fixture document to PATH, or to standard output.

    PATH is replaced only once the new document is safely on the disk.
    """
    with connected() as client:
        text = documents.canonical(client.call("GET", "/_stateroom/fixture").json())
    if path == "-":
        click.echo(text, nl=False)
    else:
        documents.write(Path(path), text)


@cli.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def import_document(path: str) -> None:
    """Create or update what the fixture document in PATH names; all of it or nothing.

    PATH may be "-" for standard input. A --db that is not there is made.
    """
    document = documents.parse(sys.stdin.read(), "standard input") if path == "-" else documents.read(Path(path))
    with connected(create=True) as client:
        client.call("PUT", "/_stateroom/fixture", params={"strict": "1"}, json=document)


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PAGE = 100
_BAD = ("missing", "corrupt")


def _duration(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """``90s``, ``30m``, ``24h`` or ``7d``, in seconds."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit()) or unit not in _SECONDS:
        raise click.BadParameter(f"{text!r} is no duration; write 90s, 30m, 24h or 7d")
    return int(number) * _SECONDS[unit]


@cli.command("references")
@click.option("--check", is_flag=True, help="Look behind each reference first; exit status 1 if one is broken.")
@click.option("--orphans", is_flag=True, help="List the objects that no row points at.")
@click.option("--remove-orphans", is_flag=True, help="Remove those that are this database's and old enough.")
@click.option("--older-than", callback=_duration, default="24h", show_default=True, help="How old an orphan has to be.")
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
def list_references(check: bool, orphans: bool, remove_orphans: bool, older_than: int, yes: bool) -> None:
    """List the references to objects outside the database, with their health; credentials in them are masked."""
    with connected() as client:
        health = _check_references(client) if check else {}
        if remove_orphans:
            _remove_orphans(client, older_than, yes)
        elif orphans:
            found = _pages(client, "/_stateroom/references/orphans", "orphans", {"older_than": older_than})
            _show(found, documents.orphans_table, "there are no orphans")
        else:
            _show(_pages(client, "/_stateroom/references", "references"), documents.references_table, "no references")
    if any(health.get(word) for word in _BAD):
        sys.exit(NO)


def _show(rows: list[dict[str, Any]], table: Callable[[list[dict[str, Any]]], str], none: str) -> None:
    click.echo(json.dumps(rows, indent=1) if as_json() else table(rows) if rows else none)


def _pages(client: StateroomClient, path: str, name: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = client.call("GET", path, params={**(query or {}), "limit": 1000, "offset": len(rows)}).json()
        rows += page[name]
        if not page[name] or len(rows) >= page["total_entries"]:
            return rows


def _check_references(client: StateroomClient) -> dict[str, int]:
    """Check page by page, behind a progress bar; how many there are of each health."""
    counts: dict[str, int] = {}
    after: int | None = 0
    with click.progressbar(length=0, label="checking references", file=sys.stderr) as bar:
        while after is not None:
            body = {"after": after, "limit": _PAGE}
            page = client.call("POST", "/_stateroom/references/check", json=body).json()
            bar.length = bar.pos + page["checked"] + page["remaining"]
            bar.update(page["checked"])
            for word, count in page["health"].items():
                counts[word] = counts.get(word, 0) + count
            after = page["next"]
    click.echo(", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "nothing to check", err=True)
    return counts


def _remove_orphans(client: StateroomClient, older_than: int, yes: bool) -> None:
    found = _pages(client, "/_stateroom/references/orphans", "orphans", {"older_than": older_than})
    removable = [row for row in found if row["verdict"] == "removable"]
    if removable and not yes:
        click.echo(documents.orphans_table(removable), err=True)
        click.confirm(f"remove these {len(removable)} objects for good?", abort=True, err=True)
    removed: list[dict[str, Any]] = []
    left, more = [row for row in found if row not in removable], bool(removable)
    with click.progressbar(length=len(removable), label="removing orphans", file=sys.stderr) as bar:
        while more:
            body = {"older_than": older_than, "limit": _PAGE, "confirm": True}
            done = client.call("POST", "/_stateroom/references/orphans/remove", json=body).json()
            bar.update(len(done["removed"]))
            removed += done["removed"]
            left, more = done["left"], done["more"]
    _show([*removed, *left], documents.orphans_table, "there are no orphans")


@cli.command()
@click.option("--role", type=click.Choice(tokens.ROLES), help="A person's token, with this role.")
@click.option("--ti", "ti_id", type=click.UUID, help="A worker's token, for the task instance with this id.")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="Lifetime; a worker's is ten minutes, else a day."
)
@click.option(
    "--jwt-secret",
    envvar="AIRFLOW__API_AUTH__JWT_SECRET",
    required=True,
    help="Secret to sign with.  [env: AIRFLOW__API_AUTH__JWT_SECRET]",
)
def token(role: str | None, ti_id: Any, days: float | None, jwt_secret: str) -> None:
    """Print a token that the service with this secret takes."""
    if (role is None) == (ti_id is None):
        raise click.UsageError("give --role or --ti")
    lifetime = int(days * 86_400) if days else None
    if role:
        text = tokens.for_role(jwt_secret, role, lifetime=lifetime or tokens.CORE_LIFETIME)
    else:
        text = tokens.for_task_instance(jwt_secret, str(ti_id), lifetime or tokens.EXECUTION_LIFETIME)
    click.echo(json.dumps({"token": text}) if as_json() else text)


@cli.command()
@click.option("--wait", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Seconds to keep asking.")
def ready(wait: float) -> None:
    """Say whether the service is ready: exit status 0 if it is, 11 if nobody answers (for health checks)."""
    deadline = time.monotonic() + wait
    with connected() as client:
        while True:
            try:
                facts = client.call("GET", "/_stateroom/health").json()
                break
            except StateError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)
    click.echo(json.dumps(facts) if as_json() else f"{facts['status']}: {client.url}")


cli.add_command(check)
cli.add_command(faults)


def main() -> None:
    """The ``stateroom`` command."""
    cli(prog_name="stateroom")

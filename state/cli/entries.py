"""Commands on entries: list, get, set, delete, clear, clean."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import NotFound, ServiceError
from ..masking import masked
from ..model import envelope, fixture_files
from ..model.clock import from_text
from ..model.durations import MOST_DAYS
from ..model.scopes import TaskScope
from ..terminal import columns, printable, second, shortened
from ..words import count
from .connection import as_json, connected
from .numbers import Number
from .scope_options import scope_of, scoped

if TYPE_CHECKING:
    from ..client.http import HttpKeyspace, StateroomClient

_UNREADABLE = 422  # status of the Core API for a stored value that is not JSON


def _keyspace(client: StateroomClient, where: dict[str, Any]) -> HttpKeyspace:
    scope = scope_of(where)
    if isinstance(scope, TaskScope):
        return client.task_by_scope(scope)
    return client.asset_by_id(_asset_id(client, str(scope.name)))


def _asset_id(client: StateroomClient, name: str) -> int:
    query = {"name_prefix_pattern": name, "order_by": "name"}
    for asset in client.ask("GET", "/api/v2/assets", params=query)["assets"]:
        if asset["name"] == name:
            return int(asset["id"])
    raise NotFound(f"Asset with name={name!r} not found")


@click.command("list")
@scoped
def list_entries(**where: Any) -> None:
    """List keys and values: all, or those that match the options."""
    with connected() as client:
        document = client.ask("GET", "/_stateroom/fixture")
    filters = {name: value for name, value in where.items() if value is not None}
    rows = [
        row
        for row in fixture_files.rows(document)
        if all(row.get(name) == filters[name] for name in filters)
    ]
    if as_json():
        click.echo(json.dumps(rows, indent=1))
    elif rows:
        click.echo(table(rows))
    else:
        click.echo("no keys match; try: stateroom set --help", err=True)


@click.command("get")
@click.argument("key")
@scoped
def get_entry(key: str, **where: Any) -> None:
    """Print the value of KEY as JSON; exit status 1 if KEY is not found."""
    with connected() as client:
        click.echo(json.dumps(_keyspace(client, where).get(key), ensure_ascii=as_json()))


@click.command("set", context_settings={"ignore_unknown_options": True})  # so that VALUE may be -1
@click.argument("key")
@click.argument("value")
@click.option(
    "--days",
    type=Number(-MOST_DAYS, MOST_DAYS),
    help="Days until KEY expires, by the namespace's clock; default: never.",
)
@scoped
def set_entry(key: str, value: str, days: float | None, **where: Any) -> None:
    """Set KEY to VALUE, which is JSON.

    VALUE may be "-" for standard input.
    """
    if value == "-":
        value = sys.stdin.read()
    document = _parsed(value)
    if days is not None and where["asset"] is not None:
        raise click.UsageError("asset state does not expire; leave --days out")
    with connected() as client:
        expires_at = None
        if days is not None:
            expires_at = _in_days(client, days)
        _keyspace(client, where).set(key, document, expires_at)


def _in_days(client: StateroomClient, days: float) -> datetime:
    """The time after this many days, by the namespace's clock."""
    now = client.call("GET", "/_stateroom/clock").json()["now"]
    return from_text(now) + timedelta(days=days)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        hint = '"…"'
        if len(text) < 60:
            hint = json.dumps(text, ensure_ascii=False)
        raise click.UsageError(
            f"VALUE is not JSON: {error}; a string needs quotes: '{hint}'"
        ) from None


@click.command("delete")
@click.argument("key")
@scoped
def delete_entry(key: str, **where: Any) -> None:
    """Delete KEY; exit status 1 if it is not found."""
    with connected() as client:
        keyspace = _keyspace(client, where)
        try:
            keyspace.get(key)
        except ServiceError as error:
            if error.status != _UNREADABLE:
                raise
        keyspace.delete(key)


@click.command()
@scoped
def clear(**where: Any) -> None:
    """Delete every key of a task instance or an asset."""
    with connected() as client:
        _keyspace(client, where).clear()


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count them.")
def clean(dry_run: bool) -> None:
    """Remove expired entries, as `airflow state-store clean` does."""
    parameters = {}
    verb = "removed"
    if dry_run:
        parameters["dry_run"] = "1"
        verb = "to remove"
    with connected() as client:
        answer = client.ask("POST", "/_stateroom/clean", params=parameters)
    if as_json():
        click.echo(json.dumps(answer))
        return
    (number,) = answer.values()
    click.echo(f"{count(number, 'expired entry', 'expired entries')} {verb}")


COMMANDS = (list_entries, get_entry, set_entry, delete_entry, clear, clean)
_WIDEST_VALUE = 48


def table(entries: list[dict[str, Any]]) -> str:
    """Entries as a table for a terminal."""
    return columns(
        [("SCOPE", "KEY", "VALUE", "UPDATED", "EXPIRES"), *(_line(entry) for entry in entries)]
    )


def _line(entry: dict[str, Any]) -> tuple[str, ...]:
    value = entry["value"]
    ref = envelope.unwrap(value)
    if ref is not None:
        value = envelope.wrap(masked(ref))
    expires = ""
    if "asset" not in entry:
        expires = second(entry.get("expires_at")) or "never"
    return (
        scope_cell(entry),
        printable(entry["key"]),
        shortened(printable(json.dumps(value, ensure_ascii=False)), _WIDEST_VALUE),
        second(entry["updated_at"]),
        expires,
    )


def scope_cell(entry: dict[str, Any]) -> str:
    """The task instance or asset of an entry, for a terminal."""
    if "asset" in entry:
        return f"asset {printable(entry['asset'])}"
    task = f"{entry['dag_id']} {entry['run_id']} {entry['task_id']}"
    if entry["map_index"] >= 0:
        task += f" [{entry['map_index']}]"
    return printable(task)

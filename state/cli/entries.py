"""Commands on keys: list, get, set, delete, clear; and clean, on those that have expired."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ..errors import KeyNotFound, ServiceError
from ..model import fixture_files
from ..model.clock import second
from ..model.durations import MOST_DAYS
from ..model.scopes import StoreScope, TaskScope, label, scope_document
from ..words import count
from .shared.connection import as_json, connected, now
from .shared.destroying import asks, confirm, snapshot_before, take_snapshot, tell
from .shared.keys_table import entries_table
from .shared.numbers import Number
from .shared.scope_options import (
    asset_id_of,
    fitting_tasks,
    key_not_found,
    scope_of,
    scoped,
    tasks_query,
)

if TYPE_CHECKING:
    from ..client.http import HttpKeyspace, StateroomClient

_CLEAN = "/_stateroom/clean"
_UNREADABLE = 422  # status of the Core API for a stored value that is not JSON


def _keyspace(client: StateroomClient, scope: StoreScope) -> HttpKeyspace:
    if isinstance(scope, TaskScope):
        return client.task_by_scope(scope)
    return client.asset_by_id(asset_id_of(client, str(scope.name)))


@click.command("list")
@scoped
def list_entries(**where: Any) -> None:
    """List keys and values: all, or those that match the options."""
    with connected() as client:
        rows = _matching(client, where)
        if as_json():
            click.echo(json.dumps(rows, indent=1))
        elif rows:
            click.echo(entries_table(client, rows))
        else:
            click.echo("no keys match; try: stateroom set --help", err=True)


def _matching(client: StateroomClient, where: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries that match the options.

    :raises NotFound: if there is no task instance, or no asset, that they match.
    """
    filters = {name: value for name, value in where.items() if value is not None}
    exact = filters
    if "ti_id" in filters:
        exact = scope_document(scope_of(client, where))
    elif filters.get("run_id") is not None:
        exact = {**filters, "run_id": _runs(client, filters)}
    document = client.ask("GET", "/_stateroom/fixture")
    rows = [row for row in fixture_files.rows(document) if _fits(row, exact)]
    if not rows:
        _check(client, filters)
    return rows


def _runs(client: StateroomClient, filters: dict[str, Any]) -> list[str]:
    """The run ids that ``--run`` means: one, that of a Dag each for the latest, or those of which
    it is a part.
    """
    tasks = fitting_tasks(client, tasks_query(filters))
    return [task["run_id"] for task in tasks]


def _fits(row: dict[str, Any], exact: dict[str, Any]) -> bool:
    return all(
        row.get(name) in value if isinstance(value, list) else row.get(name) == value
        for name, value in exact.items()
    )


def _check(client: StateroomClient, filters: dict[str, Any]) -> None:
    """Complain about options that match no task instance or no asset at all.

    :raises NotFound: for those.
    """
    of_tasks = {name: value for name, value in filters.items() if name != "asset"}
    if "asset" in filters:
        asset_id_of(client, filters["asset"])
    if of_tasks:
        fitting_tasks(client, tasks_query(of_tasks))


@click.command("get")
@click.argument("key")
@click.option("--resolve", is_flag=True, help="Read a reference's value, by the service's backend.")
@scoped
def get_entry(key: str, resolve: bool, **where: Any) -> None:
    """Print the value of KEY as JSON; exit status 1 if KEY is not found."""
    with connected() as client:
        scope = scope_of(client, where, key)
        try:
            value = _resolved(client, scope, key) if resolve else _value(client, scope, key)
        except KeyNotFound:
            raise key_not_found(client, scope, key) from None
    click.echo(json.dumps(value, ensure_ascii=as_json()))


def _value(client: StateroomClient, scope: StoreScope, key: str) -> Any:
    return _keyspace(client, scope).get(key)


def _resolved(client: StateroomClient, scope: StoreScope, key: str) -> Any:
    """The value of a key as a task sees it."""
    values = "/_stateroom/values"
    if isinstance(scope, TaskScope):
        task = client.ask("GET", "/_stateroom/task-instances", params=scope_document(scope))
        return client.ask("GET", f"{values}/ti/{task['id']}", params={"key": key})["value"]
    query = {"name": scope.name, "key": key}
    return client.ask("GET", f"{values}/asset/by-name", params=query)["value"]


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
        scope = scope_of(client, where)
        expires_at = None
        if days is not None:
            expires_at = _in_days(client, days)
        _keyspace(client, scope).set(key, document, expires_at)
    sentence = f"set {key!r} of {label(scope)}"
    facts = {"set": 1, "key": key, "scope": scope_document(scope), "expires_at": None}
    if expires_at is not None:
        facts["expires_at"] = expires_at.isoformat().replace("+00:00", "Z")
        sentence += f", until {second(str(facts['expires_at']))}"
    tell(facts, sentence)


def _in_days(client: StateroomClient, days: float) -> datetime:
    """The time after this many days, by the namespace's clock."""
    return now(client) + timedelta(days=days)


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
    """Delete KEY; exit status 1 if it is not found. `history` keeps its value."""
    with connected() as client:
        scope = scope_of(client, where, key)
        keyspace = _keyspace(client, scope)
        try:
            keyspace.get(key)
        except KeyNotFound:
            raise key_not_found(client, scope, key) from None
        except ServiceError as error:
            if error.status != _UNREADABLE:
                raise
        keyspace.delete(key)
    facts = {"deleted": 1, "key": key, "scope": scope_document(scope)}
    tell(facts, f"deleted {key!r} of {label(scope)}")


@click.command()
@asks
@scoped
def clear(yes: bool, **where: Any) -> None:
    """Delete every key of a task instance or an asset, after a snapshot to return to."""
    with connected() as client:
        scope = scope_of(client, where)
        keyspace = _keyspace(client, scope)
        number = keyspace.count()
        snapshot = None
        if number:
            confirm(f"Clear {count(number, 'key')} of {label(scope)}?", yes)
            snapshot = snapshot_before(client, "clear")
            keyspace.clear()
    facts = {"cleared": number, "scope": scope_document(scope), "snapshot": snapshot}
    tell(facts, f"cleared {count(number, 'key')} of {label(scope)}", snapshot)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count them.")
def clean(dry_run: bool) -> None:
    """Remove expired keys, after a snapshot to return to; Airflow has `airflow state-store clean`.

    It does not ask, so that it can run every day; its snapshot is before-clean, which replaces the
    one of the last clean that removed something.
    """
    with connected() as client:
        (number,) = client.ask("POST", _CLEAN, params={"dry_run": "1"}).values()
        if dry_run:
            tell({"expired": number}, f"{count(number, 'expired key')} to remove")
            return
        snapshot = None
        if number:
            snapshot = take_snapshot(client, "before-clean")
            (number,) = client.ask("POST", _CLEAN).values()
    facts = {"removed": number, "snapshot": snapshot}
    tell(facts, f"removed {count(number, 'expired key')}", snapshot)


@click.command()
@click.option("--empty", is_flag=True, help="To nothing, instead of the fixture.")
@asks
def reset(empty: bool, yes: bool) -> None:
    """Return the namespace to the fixture that it began with, after a snapshot to return to."""
    parameters = {"to": "empty"} if empty else {}
    with connected() as client:
        keys = len(fixture_files.rows(client.ask("GET", "/_stateroom/fixture")))
        confirm(f"Reset the namespace, which has {count(keys, 'key')}?", yes)
        snapshot = snapshot_before(client, "reset")
        client.call("POST", "/_stateroom/reset", params=parameters)
        left = len(fixture_files.rows(client.ask("GET", "/_stateroom/fixture")))
    facts = {"removed": keys, "keys": left, "snapshot": snapshot}
    tell(facts, f"reset: {count(keys, 'key')} before, {left} now", snapshot)


COMMANDS = (list_entries, get_entry, set_entry, delete_entry, clear, clean, reset)

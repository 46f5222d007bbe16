"""``stateroom tasks``: create, list and show task instances."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ...model.scopes import TaskScope, label, scope_document, task_scope_from
from ...words import count
from ..shared.connection import as_json, connected, pages
from ..shared.destroying import asks, confirm, snapshot_before, tell
from ..shared.keys_table import entries_table
from ..shared.noun import Noun
from ..shared.scope_options import MAP_INDEX, fitting_tasks, scope_of, scoped, tasks_query

if TYPE_CHECKING:
    from ...client.http import StateroomClient


@click.group(cls=Noun)
def tasks() -> None:
    """Create, list, show and delete task instances, whose keys are their state."""


@tasks.command("list")
@scoped
def list_tasks(**where: Any) -> None:
    """List all task instances, or those that match.

    Those of the newest runs come first.
    """
    if where.pop("asset"):
        raise click.UsageError("tasks have no asset; see stateroom assets")
    with connected() as client:
        rows = fitting_tasks(client, tasks_query(where))
    if as_json():
        click.echo(json.dumps(rows, indent=1))
        return
    from ..shared.tables import echo_table, scope_cells

    cell = scope_cells(map(task_scope_from, rows))
    lines = [
        (
            cell(task_scope_from(row)),
            row["state"] or "",
            str(row["try_number"] or ""),
            str(row["keys"]),
            row["id"] or "",
        )
        for row in rows
    ]
    none = "no task instances; try: stateroom tasks create --help"
    echo_table(("SCOPE", "STATE", "TRY", "KEYS", "ID"), lines, none, optional=("ID",))


@tasks.command("show")
@scoped
def show_task(**where: Any) -> None:
    """Show one task instance, and its keys."""
    if where["asset"]:
        raise click.UsageError("tasks have no asset; see stateroom assets show")
    with connected() as client:
        scope = scope_of(client, where)
        assert isinstance(scope, TaskScope)
        (row,) = fitting_tasks(client, scope_document(scope))
        if as_json():
            click.echo(json.dumps(row, indent=1))
            return
        keys = _keys(client, scope_document(scope))
        click.echo(label(scope))
        for name in ("id", "try_number", "state"):
            click.echo(f"  {name}: {row[name]}")
        show_keys(client, keys)


def _keys(client: StateroomClient, scope: dict[str, Any]) -> list[dict[str, Any]]:
    rows = client.ask("GET", "/_stateroom/fixture")["task_state_store"]
    return [row for row in rows if all(row.get(name) == scope[name] for name in scope)]


def show_keys(client: StateroomClient, keys: list[dict[str, Any]]) -> None:
    """Print the keys of one task instance or asset, below its facts."""
    if keys:
        click.echo("\n" + entries_table(client, keys), color=True)
    else:
        click.echo("  no keys")


@tasks.command("create")
@click.option("--dag", "dag_id", required=True, help="Dag id.")
@click.option("--run", "run_id", help="Run id; default: a manual one, of now.")
@click.option("--task", "task_id", required=True, help="Task id.")
@click.option("--map-index", type=MAP_INDEX, help="Map index; default: a task that is not mapped.")
@click.option("--try", "try_number", type=click.IntRange(1), help="Try number; default: the next.")
def create_task(**members: Any) -> None:
    """Create a task instance, or its next attempt, and print its id."""
    body = {name: value for name, value in members.items() if value is not None}
    with connected() as client:
        row = client.ask("POST", "/_stateroom/task-instances", json=body)
    sentence = f"created attempt {row['try_number']} of {label(task_scope_from(row))}: {row['id']}"
    tell(row, sentence)


@tasks.command("delete")
@asks
@scoped
def delete_task(yes: bool, **where: Any) -> None:
    """Delete a task instance with its attempts and keys.

    A snapshot is taken before; the journal keeps the history of the keys.
    """
    if where["asset"]:
        raise click.UsageError("tasks have no asset; see stateroom assets delete")
    with connected() as client:
        scope = scope_of(client, where)
        (row,) = fitting_tasks(client, scope_document(scope))
        confirm(f"Delete {label(scope)} with {count(row['keys'], 'key')}?", yes)
        snapshot = snapshot_before(client, "delete")
        path = "/_stateroom/task-instances"
        removed = client.ask("DELETE", path, params=scope_document(scope))
    facts = {"deleted": 1, "scope": scope_document(scope), **removed, "snapshot": snapshot}
    counts = f"{count(removed['attempts'], 'attempt')}, {count(removed['keys'], 'key')}"
    tell(facts, f"deleted {label(scope)}: {counts}", snapshot)


@click.group(cls=Noun)
def assets() -> None:
    """Create, list, show and delete assets."""


@assets.command("list")
def list_assets() -> None:
    """List the active assets by name, with their number of keys."""
    with connected() as client:
        keys = _keys_of_assets(client)
        found = pages(client, "/api/v2/assets", "assets", {"order_by": "name"})
        rows = [{**row, "keys": len(keys.get(row["name"], ()))} for row in found]
    if as_json():
        click.echo(json.dumps(rows, indent=1))
        return
    from ..shared.tables import echo_table

    lines = [(str(row["id"]), row["name"], row["uri"], str(row["keys"])) for row in rows]
    none = "no assets; try: stateroom assets create NAME"
    echo_table(("ID", "NAME", "URI", "KEYS"), lines, none)


def _keys_of_assets(client: StateroomClient) -> dict[str, list[dict[str, Any]]]:
    keys: dict[str, list[dict[str, Any]]] = {}
    for row in client.ask("GET", "/_stateroom/fixture")["asset_state_store"]:
        keys.setdefault(row["asset"], []).append(row)
    return keys


@assets.command("show")
@click.argument("name")
def show_asset(name: str) -> None:
    """Show the asset NAME, and its keys."""
    from ..shared.scope_options import asset_id_of

    with connected() as client:
        row = client.ask("GET", f"/api/v2/assets/{asset_id_of(client, name)}")
        if as_json():
            click.echo(json.dumps(row, indent=1))
            return
        click.echo(f"asset {name}")
        for member in ("id", "uri"):
            click.echo(f"  {member}: {row[member]}")
        show_keys(client, _keys_of_assets(client).get(name, []))


@assets.command("create")
@click.argument("name")
@click.option("--uri", help="Its uri; default: its name.")
def create_asset(name: str, uri: str | None) -> None:
    """Create the asset NAME; an existing one is kept as it is."""
    body = {"name": name}
    if uri is not None:
        body["uri"] = uri
    with connected() as client:
        row = client.ask("POST", "/_stateroom/assets", json=body)
    tell(row, f"asset {row['name']} has id {row['id']}, uri {row['uri']}")


@assets.command("delete")
@click.argument("name")
@asks
def delete_asset(name: str, yes: bool) -> None:
    """Delete the asset NAME with its keys and events.

    A snapshot is taken before; the journal keeps the history of the keys.
    """
    from ..shared.scope_options import asset_id_of

    with connected() as client:
        asset_id_of(client, name)
        keys = len(_keys_of_assets(client).get(name, ()))
        confirm(f"Delete the asset {name} with {count(keys, 'key')}?", yes)
        snapshot = snapshot_before(client, "delete")
        removed = client.ask("DELETE", "/_stateroom/assets", params={"name": name})
    facts = {"deleted": 1, "asset": name, **removed, "snapshot": snapshot}
    tell(facts, f"deleted the asset {name}: {count(removed['keys'], 'key')}", snapshot)

"""``stateroom snapshots``: create, list, show, restore, compare and delete snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ...errors import NotFound
from ...model.clock import second
from ...model.names import check_name
from ...model.scopes import StoreScope, scope_from
from ...words import count, near
from ..shared.connection import as_json, connected
from ..shared.destroying import SNAPSHOTS, asks, confirm, snapshot_before, tell
from ..shared.noun import Noun

if TYPE_CHECKING:
    from ...client.http import StateroomClient


@click.group(cls=Noun)
def snapshots() -> None:
    """Create, list, restore and compare snapshots of state, clock, faults and configuration."""


def _path(name: str) -> str:
    return f"{SNAPSHOTS}/{check_name(name, 'snapshot name')}"


@snapshots.command("create")
@click.argument("name")
def create_snapshot(name: str) -> None:
    """Create the snapshot NAME, replacing one of this name."""
    with connected() as client:
        row = client.ask("PUT", _path(name))
    if row["keys"] == 0:
        tell(row, f"{name}: the snapshot is taken, but the namespace has no keys")
    else:
        tell(row, _facts(row))


def _facts(row: dict[str, Any]) -> str:
    return f"{row['name']}: {count(row['keys'], 'key')}, {row['size']} bytes"


@snapshots.command("list")
def list_snapshots() -> None:
    """List the snapshots by name."""
    with connected() as client:
        rows = _listed(client)
    if as_json():
        click.echo(json.dumps(rows, indent=1))
        return
    from ..shared.tables import echo_table

    lines = [
        (row["name"], second(row["taken_at"]), str(row["keys"]), str(row["size"])) for row in rows
    ]
    none = "no snapshots; try: stateroom snapshots create NAME"
    echo_table(("NAME", "CREATED", "KEYS", "SIZE"), lines, none)


def _listed(client: StateroomClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.ask("GET", SNAPSHOTS)["snapshots"]
    return rows


def _row(client: StateroomClient, name: str) -> dict[str, Any]:
    """One snapshot.

    :raises NotFound: if there is none of this name, with those that are alike.
    """
    check_name(name, "snapshot name")
    rows = {row["name"]: row for row in _listed(client)}
    if name not in rows:
        raise NotFound(f"snapshot {name!r} not found{near(name, list(rows))}")
    return rows[name]


@snapshots.command("show")
@click.argument("name")
def show_snapshot(name: str) -> None:
    """Show when the snapshot NAME was taken, and how much it holds."""
    with connected() as client:
        row = _row(client, name)
    tell(row, f"{_facts(row)}, taken at {second(row['taken_at'])}")


@snapshots.command("restore")
@click.argument("name")
@asks
def restore_snapshot(name: str, yes: bool) -> None:
    """Restore the snapshot NAME.

    A snapshot of what there is now is taken before; the journal and the other snapshots are kept.
    """
    with connected() as client:
        row = _row(client, name)
        keys = count(row["keys"], "key")
        confirm(f"Replace the namespace by the snapshot {name}, {keys}?", yes)
        before = snapshot_before(client, "restore")
        client.call("POST", f"{_path(name)}/restore")
    tell(
        {"restored": name, "keys": row["keys"], "snapshot": before},
        f"restored {name}: {keys}",
        before,
    )


@snapshots.command("delete")
@click.argument("name")
@asks
def delete_snapshot(name: str, yes: bool) -> None:
    """Delete the snapshot NAME, for ever."""
    with connected() as client:
        row = _row(client, name)
        keys = count(row["keys"], "key")
        confirm(f"Delete the snapshot {name}, {keys}, for ever?", yes)
        client.call("DELETE", _path(name))
    tell({"deleted": name, "keys": row["keys"]}, f"deleted the snapshot {name}: {keys}")


@snapshots.command("diff")
@click.argument("a")
@click.argument("b", required=False)
def diff_snapshots(a: str, b: str | None) -> None:
    """Show the keys that differ from snapshot A to B, or to now.

    They were added (+), removed (-) or changed (~).
    """
    with connected() as client:
        for name in filter(None, (a, b)):
            _row(client, name)
        differences = client.ask("GET", f"{SNAPSHOTS}/diff", params={"a": a, "b": b or None})
    if as_json():
        click.echo(json.dumps(differences, indent=1))
        return
    from ..shared.tables import scope_cells, table

    every = [item for items in differences.values() for item in items]
    cell = scope_cells(scope_from(item["scope"]) for item in every)
    lines = [_line(sign, item, cell) for sign, name in _SIGNS.items() for item in differences[name]]
    lines += [_line(_sign(item), item, cell, "XCom ") for item in differences.get("xcoms", ())]
    lines += [_line_of_attempt(item, cell) for item in differences.get("task_instances", ())]
    if not lines:
        click.echo("no differences")
        return
    click.echo(table(("", "SCOPE", "KEY", "CHANGE"), lines), color=True)


_SIGNS = {"+": "added", "-": "removed", "~": "changed"}


def _sign(item: dict[str, Any]) -> str:
    if "before" not in item:
        return "+"
    return "~" if "after" in item else "-"


_Cell = Callable[[StoreScope], str]


def _line(sign: str, item: dict[str, Any], cell: _Cell, kind: str = "") -> tuple[str, ...]:
    from ...client.timeline import value_summary
    from ..shared.tables import columns_there

    longest = columns_there()
    values = [item[name] for name in ("value", "before", "after") if name in item]
    scope = cell(scope_from(item["scope"]))
    key = f"{kind}{item['key']}"
    return sign, scope, key, " -> ".join(value_summary(value, longest) for value in values)


def _line_of_attempt(item: dict[str, Any], cell: _Cell) -> tuple[str, ...]:
    attempts = [item[name] for name in ("before", "after") if name in item]
    states = [f"attempt {each['try_number']} {each['state'] or 'none'}" for each in attempts]
    return _sign(item), cell(scope_from(item["scope"])), "", " -> ".join(states)

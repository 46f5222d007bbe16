"""``stateroom snapshot``: take, restore and compare snapshots of a namespace."""

from __future__ import annotations

import json
from typing import Any

import click

from ..model.names import check_name
from ..terminal import columns, printable, second
from ..words import count
from .connection import as_json, connected

_PATH = "/_stateroom/snapshots"


@click.group()
def snapshot() -> None:
    """Take, restore and compare snapshots of state, clock, faults and configuration."""


def _path(name: str) -> str:
    return f"{_PATH}/{check_name(name, 'snapshot name')}"


@snapshot.command("take")
@click.argument("name")
def take_snapshot(name: str) -> None:
    """Take the snapshot NAME, replacing one of this name."""
    with connected() as client:
        row = client.ask("PUT", _path(name))
    if as_json():
        click.echo(json.dumps(row))
        return
    if row["keys"] == 0:
        click.echo(f"{name}: the snapshot is taken, but the namespace has no keys")
    else:
        click.echo(f"{name}: {count(row['keys'], 'key')}, {row['size']} bytes")


@snapshot.command("list")
def list_snapshots() -> None:
    """List the snapshots by name."""
    with connected() as client:
        snapshots = client.ask("GET", _PATH)["snapshots"]
    if as_json():
        click.echo(json.dumps(snapshots, indent=1))
    elif snapshots:
        rows = [
            (row["name"], second(row["taken_at"]), str(row["keys"]), str(row["size"]))
            for row in snapshots
        ]
        click.echo(columns([("NAME", "TAKEN", "KEYS", "SIZE"), *rows]))
    else:
        click.echo("no snapshots; try: stateroom snapshot take NAME", err=True)


@snapshot.command("restore")
@click.argument("name")
def restore_snapshot(name: str) -> None:
    """Restore the snapshot NAME; the journal and the other snapshots are kept."""
    with connected() as client:
        client.call("POST", f"{_path(name)}/restore")


@snapshot.command("drop")
@click.argument("name")
def drop_snapshot(name: str) -> None:
    """Drop the snapshot NAME."""
    with connected() as client:
        client.call("DELETE", _path(name))


@snapshot.command("diff")
@click.argument("a")
@click.argument("b", required=False)
def diff_snapshots(a: str, b: str | None) -> None:
    """Show the keys added (+), removed (-) and changed (~) from snapshot A to B, or to now."""
    with connected() as client:
        differences = client.ask("GET", f"{_PATH}/diff", params={"a": a, "b": b or None})
    if as_json():
        click.echo(json.dumps(differences, indent=1))
        return
    lines = [_line(sign, item) for sign, name in _SIGNS.items() for item in differences[name]]
    lines += [_line(_sign(item), item, "XCom ") for item in differences.get("xcoms", ())]
    lines += [_line_of_attempt(item) for item in differences.get("task_instances", ())]
    if lines:
        click.echo(columns(lines))
    else:
        click.echo("no differences")


_SIGNS = {"+": "added", "-": "removed", "~": "changed"}


def _sign(item: dict[str, Any]) -> str:
    if "before" not in item:
        return "+"
    return "~" if "after" in item else "-"


def _line(sign: str, item: dict[str, Any], kind: str = "") -> tuple[str, ...]:
    from ..client.timeline import value_summary
    from ..model.scopes import label, scope_from

    values = [item[name] for name in ("value", "before", "after") if name in item]
    scope = printable(label(scope_from(item["scope"])))
    key = printable(f"{kind}{item['key']}")
    return sign, scope, key, " -> ".join(map(value_summary, values))


def _line_of_attempt(item: dict[str, Any]) -> tuple[str, ...]:
    from ..model.scopes import label, scope_from

    attempts = [item[name] for name in ("before", "after") if name in item]
    states = [f"attempt {each['try_number']} {each['state'] or 'none'}" for each in attempts]
    return _sign(item), printable(label(scope_from(item["scope"]))), "", " -> ".join(states)

"""``stateroom snapshot``: all that a namespace holds, under a name."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from ..terminal import columns, printable, second
from .connection import as_json, connected

_PATH = "/_stateroom/snapshots"


@click.group()
def snapshot() -> None:
    """Take, restore and compare snapshots of the namespace, with its clock, faults and
    configuration.
    """


def _path(name: str) -> str:
    if not name.strip("."):
        raise click.UsageError(
            f"{name!r} is no name of a snapshot"
        )  # and HTTP clients would drop it from the path
    return f"{_PATH}/{quote(name, safe='')}"


@snapshot.command("take")
@click.argument("name")
def take_snapshot(name: str) -> None:
    """Take the snapshot NAME, in place of one of that name."""
    with connected() as client:
        made = client.ask("PUT", _path(name))
    click.echo(
        json.dumps(made)
        if as_json()
        else f"{made['name']}: {_keys(made['keys'])}, {made['size']} bytes"
    )


def _keys(count: int) -> str:
    return f"{count} key{'' if count == 1 else 's'}"


@snapshot.command("list")
def list_snapshots() -> None:
    """List the snapshots by name."""
    with connected() as client:
        found = client.ask("GET", _PATH)["snapshots"]
    if as_json():
        click.echo(json.dumps(found, indent=1))
    elif found:
        rows = [
            (row["name"], second(row["taken_at"]), str(row["keys"]), str(row["size"]))
            for row in found
        ]
        click.echo(columns([("NAME", "TAKEN", "KEYS", "SIZE"), *rows]))
    else:
        click.echo("there are no snapshots; try: stateroom snapshot take NAME", err=True)


@snapshot.command("restore")
@click.argument("name")
def restore_snapshot(name: str) -> None:
    """Return to the snapshot NAME; the journal and the other snapshots stay."""
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
        found = client.ask("GET", f"{_PATH}/diff", params={"a": a, **({"b": b} if b else {})})
    if as_json():
        click.echo(json.dumps(found, indent=1))
        return
    lines = [_line(sign, item) for sign, name in _SIGNS.items() for item in found[name]]
    click.echo(columns(lines) if lines else "nothing changed")


_SIGNS = {"+": "added", "-": "removed", "~": "changed"}


def _line(sign: str, item: dict[str, Any]) -> tuple[str, ...]:
    from ..client.timeline import shown
    from ..model.scopes import label, scope_from

    values = [item[name] for name in ("value", "before", "after") if name in item]
    place = printable(label(scope_from(item["scope"])))
    return sign, place, printable(item["key"]), " -> ".join(map(shown, values))

"""``stateroom references``: list and check references, list and remove orphans."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..model import durations
from ..model.reference_facts import Verdict
from ..terminal import columns, printable, second
from .connection import as_json, connected
from .entries import scope_cell

if TYPE_CHECKING:
    from ..client.http import StateroomClient

_BROKEN = 1  # exit status
_PAGE = 100
_BAD = ("missing", "corrupt")


def _duration(ctx: click.Context, param: click.Parameter, text: str) -> int:
    """Read ``90s``, ``30m``, ``24h`` or ``7d`` as seconds."""
    try:
        seconds = int(durations.parse(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if seconds < 0:
        raise click.BadParameter(f"{text!r} is negative")
    return seconds


@click.command("references")
@click.option(
    "--check",
    is_flag=True,
    help="Check each object first; exit status 1 if one is missing or corrupt.",
)
@click.option("--orphans", is_flag=True, help="List orphans: objects that no key refers to.")
@click.option(
    "--remove-orphans",
    is_flag=True,
    help="Remove orphans of this database older than --older-than.",
)
@click.option(
    "--older-than",
    callback=_duration,
    default="24h",
    show_default=True,
    help="Minimum age of an orphan.",
)
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
def list_references(
    check: bool, orphans: bool, remove_orphans: bool, older_than: int, yes: bool
) -> None:
    """List references to objects outside the database and their health, credentials masked."""
    with connected() as client:
        health: dict[str, int] = {}
        if check:
            health = _check_references(client)
        if remove_orphans:
            _remove_orphans(client, older_than, yes)
        elif orphans:
            rows = _orphans(client, older_than)
            _show(rows, orphans_table, "no orphans")
        else:
            rows = _pages(client, "/_stateroom/references", "references")
            _show(rows, references_table, "no references")
    if any(health.get(word) for word in _BAD):
        sys.exit(_BROKEN)


def _show(
    rows: list[dict[str, Any]], table: Callable[[list[dict[str, Any]]], str], none: str
) -> None:
    if as_json():
        click.echo(json.dumps(rows, indent=1))
    elif rows:
        click.echo(table(rows))
    else:
        click.echo(none)


def _orphans(client: StateroomClient, older_than: int) -> list[dict[str, Any]]:
    query = {"older_than": older_than}
    return _pages(client, "/_stateroom/references/orphans", "orphans", query)


def _pages(
    client: StateroomClient, path: str, name: str, query: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = client.ask("GET", path, params={**(query or {}), "limit": 1000, "offset": len(rows)})
        rows += page[name]
        if not page[name] or len(rows) >= page["total_entries"]:
            return rows


def _check_references(client: StateroomClient) -> dict[str, int]:
    """Check all references, with a progress bar; return the number of each health."""
    counts: dict[str, int] = {}
    after: int | None = 0
    with click.progressbar(length=0, label="checking references", file=sys.stderr) as bar:
        while after is not None:
            body = {"after": after, "limit": _PAGE}
            page = client.ask("POST", "/_stateroom/references/check", json=body)
            bar.length = bar.pos + page["checked"] + page["remaining"]
            bar.update(page["checked"])
            for word, count in page["health"].items():
                counts[word] = counts.get(word, 0) + count
            after = page["next"]
    click.echo(
        ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
        or "no references to check",
        err=True,
    )
    return counts


def _remove_orphans(client: StateroomClient, older_than: int, yes: bool) -> None:
    orphans = _orphans(client, older_than)
    removable = [row for row in orphans if row["verdict"] == Verdict.REMOVABLE.value]
    if removable and not yes:
        click.echo(orphans_table(removable), err=True)
        click.confirm(f"permanently delete these {len(removable)} objects?", abort=True, err=True)
    removed: list[dict[str, Any]] = []
    remaining = [row for row in orphans if row not in removable]
    more = bool(removable)
    with click.progressbar(length=len(removable), label="removing orphans", file=sys.stderr) as bar:
        while more:
            body = {"older_than": older_than, "limit": _PAGE, "confirm": True}
            answer = client.ask("POST", "/_stateroom/references/orphans/remove", json=body)
            bar.update(len(answer["removed"]))
            removed += answer["removed"]
            remaining = answer["left"]
            more = answer["more"]
    _show([*removed, *remaining], orphans_table, "no orphans")


def references_table(rows: list[dict[str, Any]]) -> str:
    """References of the Control API as a table for a terminal."""
    head = ("SCOPE", "KEY", "HEALTH", "BACKEND", "SIZE", "WRITTEN", "REFERENCE")
    return columns([head, *(_reference_line(row) for row in rows)])


def _reference_line(row: dict[str, Any]) -> tuple[str, ...]:
    scope = "(deleted)"
    if row["scope"]:
        scope = scope_cell(row["scope"])
    size = ""
    if row["size"] is not None:
        size = str(row["size"])
    return (
        scope,
        printable(row["key"]),
        row["health"],
        row["backend"] or "unknown",
        size,
        second(row["written_at"]),
        printable(row["ref"]),
    )


def orphans_table(rows: list[dict[str, Any]]) -> str:
    """Orphans of the Control API as a table for a terminal."""
    head = ("WRITTEN", "SIZE", "VERDICT", "WHY", "REFERENCE")
    return columns([head, *(_orphan_line(row) for row in rows)])


def _orphan_line(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        second(row["written_at"]),
        str(row["size"] or ""),
        row["verdict"],
        printable(row["why"]),
        printable(row["ref"]),
    )

"""``stateroom references``: list and check them; ``stateroom orphans``: list and delete them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ...model import durations
from ...model.clock import second
from ...model.reference_facts import Verdict
from ...model.scopes import scope_from
from ...words import count, duration
from ..shared.connection import as_json, connected, pages
from ..shared.destroying import asks, confirm
from ..shared.noun import Noun
from ..shared.progress import progress

if TYPE_CHECKING:
    from ...client.http import StateroomClient

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


@click.group(cls=Noun)
def references() -> None:
    """List and check references to objects outside the database, credentials masked."""


@references.command("list")
def list_references() -> None:
    """List the references and their health, as far as it was checked."""
    with connected() as client:
        _show_references(client)


@references.command("check")
def check_references() -> None:
    """Read each object, then list the references.

    The exit status is 1 if one is missing or corrupt.
    """
    with connected() as client:
        health = _check_references(client)
        _show_references(client)
    if any(health.get(word) for word in _BAD):
        sys.exit(_BROKEN)


def _show_references(client: StateroomClient) -> None:
    rows = pages(client, "/_stateroom/references", "references")
    _show(rows, references_table, "no references")


@click.group(cls=Noun)
def orphans() -> None:
    """List and delete orphans: objects that no key refers to."""


_older_than = click.option(
    "--older-than",
    callback=_duration,
    default="24h",
    show_default=True,
    help="Minimum age of an orphan.",
)


@orphans.command("list")
@_older_than
def list_orphans(older_than: int) -> None:
    """List the orphans, and which of them can be deleted."""
    with connected() as client:
        _show(_orphans(client, older_than), orphans_table, _no_orphans(older_than))


@orphans.command("delete")
@_older_than
@asks
def delete_orphans(older_than: int, yes: bool) -> None:
    """Delete the objects of this database that no key refers to.

    They have to be old enough, and to belong to this database provably.
    """
    with connected() as client:
        _delete_orphans(client, older_than, yes)


def _show(
    rows: list[dict[str, Any]], table: Callable[[list[dict[str, Any]]], str], none: str
) -> None:
    if as_json():
        click.echo(json.dumps(rows, indent=1))
    elif rows:
        click.echo(table(rows), color=True)
    else:
        click.echo(none, err=True)


def _no_orphans(older_than: int) -> str:
    if not older_than:
        return "no orphans"
    return f"no orphans older than {duration(older_than)}; younger: --older-than 0s"


def _orphans(client: StateroomClient, older_than: int) -> list[dict[str, Any]]:
    query = {"older_than": older_than}
    return pages(client, "/_stateroom/references/orphans", "orphans", query)


def _check_references(client: StateroomClient) -> dict[str, int]:
    """Check all references, with a progress bar; return the number of each health."""
    counts: dict[str, int] = {}
    after: int | None = 0
    checked = 0
    with progress() as show:
        while after is not None:
            body = {"after": after, "limit": _PAGE}
            page = client.ask("POST", "/_stateroom/references/check", json=body)
            checked += page["checked"]
            show("checking references", checked, checked + page["remaining"])
            for word, count in page["health"].items():
                counts[word] = counts.get(word, 0) + count
            after = page["next"]
    click.echo(
        ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
        or "no references to check",
        err=True,
    )
    return counts


def _delete_orphans(client: StateroomClient, older_than: int, yes: bool) -> None:
    rows = _orphans(client, older_than)
    removable = [row for row in rows if row["verdict"] == Verdict.REMOVABLE.value]
    if removable:
        if not yes:
            click.echo(orphans_table(removable), err=True)
        confirm(f"Delete {count(len(removable), 'object')} for ever?", yes)
    removed: list[dict[str, Any]] = []
    remaining = [row for row in rows if row not in removable]
    more = bool(removable)
    with progress() as show:
        while more:
            body = {"older_than": older_than, "limit": _PAGE, "confirm": True}
            answer = client.ask("POST", "/_stateroom/references/orphans/remove", json=body)
            removed += answer["removed"]
            show("deleting orphans", len(removed), len(removable))
            remaining = answer["left"]
            more = answer["more"]
    _show([*removed, *remaining], orphans_table, _no_orphans(older_than))


def references_table(rows: list[dict[str, Any]]) -> str:
    """References of the Control API as a table for a terminal."""
    from ..shared.tables import scope_cells, table

    cell = scope_cells(scope_from(row["scope"]) for row in rows if row["scope"])
    lines = [
        (
            cell(scope_from(row["scope"])) if row["scope"] else "(deleted)",
            row["key"],
            row["health"],
            row["backend"] or "unknown",
            "" if row["size"] is None else str(row["size"]),
            second(row["written_at"]),
            row["ref"],
        )
        for row in rows
    ]
    head = ("SCOPE", "KEY", "HEALTH", "BACKEND", "SIZE", "WRITTEN", "REFERENCE")
    return table(head, lines, optional=("SIZE", "BACKEND", "WRITTEN"))


def orphans_table(rows: list[dict[str, Any]]) -> str:
    """Orphans of the Control API as a table for a terminal."""
    from ..shared.tables import table

    lines = [
        (
            second(row["written_at"]),
            str(row["size"] or ""),
            row["verdict"],
            row["why"],
            row["ref"],
        )
        for row in rows
    ]
    return table(("WRITTEN", "SIZE", "VERDICT", "WHY", "REFERENCE"), lines)

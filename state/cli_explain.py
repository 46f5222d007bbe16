"""``stateroom explain``: when a key goes, or why it is not there."""

from __future__ import annotations

import json
from typing import Any

import click

from . import documents
from .cli_scope import scope_of, scoped
from .cli_service import as_json, connected


@click.command()
@click.argument("key")
@click.option("--ti", "ti_id", type=click.UUID, help="The task instance that this attempt's id names, as workers do.")
@scoped
def explain(key: str, ti_id: Any, **where: Any) -> None:
    """Say when KEY goes and why it is still readable; or why it is not there, and where it is instead."""
    from .handle.places import label, query, scope_from

    if ti_id and any(value is not None for value in where.values()):
        raise click.UsageError("name a task instance by --ti, or by its coordinates, not both")
    asked = {"ti_id": str(ti_id)} if ti_id else query(scope_of(where))
    with connected() as client:
        told = client.ask("GET", "/_stateroom/explain", params={**asked, "key": key})
    if as_json():
        click.echo(json.dumps(told, indent=1))
        return
    click.echo(documents.printable(told["sentence"]))
    if len(told["near"]) > 1:
        rows = [(label(scope_from(miss["scope"])), miss["key"], miss["why"]) for miss in told["near"]]
        printed = [tuple(map(documents.printable, row)) for row in rows]
        click.echo("\n" + documents.columns([("NEAR", "KEY", "WHY"), *printed]))

"""``stateroom namespaces``: made, listed and dropped."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import click

from . import documents
from .cli_service import as_json, connected

_PATH = "/_stateroom/namespaces"
_COUNTS = ("dag_runs", "task_instances", "assets", "keys")


@click.group()
def namespaces() -> None:
    """Make, list and drop namespaces, each a whole Stateroom of its own; --ns then says which one is meant."""


@namespaces.command("list")
def list_namespaces() -> None:
    """List the namespaces by name, with what they hold."""
    with connected(whole=True) as client:
        found = client.ask("GET", _PATH)["namespaces"]
    if as_json():
        click.echo(json.dumps(found, indent=1))
        return
    rows = [(row["name"], documents.second(row["created_at"]), *(str(row[name]) for name in _COUNTS)) for row in found]
    click.echo(documents.columns([("NAME", "CREATED", "RUNS", "TASK INSTANCES", "ASSETS", "KEYS"), *rows]))


@namespaces.command("create")
@click.argument("name")
@click.option("--fixture", type=click.Path(exists=True, dir_okay=False), help="Document that it begins with.")
def create_namespace(name: str, fixture: str | None) -> None:
    """Make the namespace NAME, and print its address."""
    more = {"fixture": documents.read(Path(fixture))} if fixture else {}
    with connected(whole=True) as client:
        made = client.call("POST", _PATH, json={"name": name, **more}).json()
        click.echo(json.dumps(made) if as_json() else client.url + made["path"])


@namespaces.command("drop")
@click.argument("name")
def drop_namespace(name: str) -> None:
    """Drop the namespace NAME with all that it holds."""
    if not name.strip("."):
        raise click.UsageError(f"{name!r} is no name of a namespace")  # and HTTP clients would drop it from the path
    with connected(whole=True) as client:
        client.call("DELETE", f"{_PATH}/{quote(name, safe='')}")

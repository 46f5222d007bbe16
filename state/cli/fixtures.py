"""Commands on fixture documents: export and import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..model import fixture_files
from ..words import count
from .shared.connection import connected, show

_NOUNS = {"dag_runs": "run", "task_instances": "task instance", "assets": "asset"}


@click.command("export")
@click.argument("path", type=click.Path(dir_okay=False), default="-")
@click.option(
    "--with-secrets",
    is_flag=True,
    help="Export passwords and other secrets; else the names of environment variables for them.",
)
def export_document(path: str, with_secrets: bool) -> None:
    """Export all state as a fixture document.

    It goes to standard output, or to PATH; an existing file is replaced only after the whole
    document is on disk. Secrets of connections and variables are not in it, unless --with-secrets
    is given.
    """
    parameters = {"with_secrets": int(with_secrets)}
    with connected() as client:
        document = client.ask("GET", "/_stateroom/fixture", params=parameters)
    text = fixture_files.canonical(document)
    if path == "-":
        click.echo(text, nl=False)
    else:
        fixture_files.write(Path(path), text)
        _say("exported", path, document)


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def import_document(path: str) -> None:
    """Create or update everything in a fixture document; if part of it is invalid, nothing.

    PATH may be "-" for standard input. A --db file that does not exist is created.
    """
    if path == "-":
        document = fixture_files.parse(sys.stdin.read(), "standard input")
    else:
        document = fixture_files.read(Path(path))
    with connected(create=True) as client:
        answer = client.call("PUT", "/_stateroom/fixture", params={"strict": "1"}, json=document)
    if "Stateroom-Ignored" in answer.headers:
        click.echo(f"stateroom: ignored: {answer.headers['Stateroom-Ignored']}", err=True)
    _say("imported", path, document)


def _say(verb: str, path: str, document: dict[str, Any]) -> None:
    """Say how much a document has."""
    facts = {name: len(document.get(name) or ()) for name in _NOUNS}
    facts["keys"] = len(fixture_files.rows(document))
    nouns = {**_NOUNS, "keys": "key"}
    counts = ", ".join(count(number, nouns[name]) for name, number in facts.items())
    show({verb: path, **facts}, f"{verb} {path}: {counts}")


COMMANDS = (export_document, import_document)

"""Commands on fixture documents: export and import."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..model import fixture_files
from .connection import connected


@click.command("export")
@click.argument("path", type=click.Path(dir_okay=False), default="-")
def export_document(path: str) -> None:
    """Write all that is held as a fixture document.

    It goes to standard output, or to PATH, which is replaced only once the document is safely on
    the disk.
    """
    with connected() as client:
        text = fixture_files.canonical(client.ask("GET", "/_stateroom/fixture"))
    if path == "-":
        click.echo(text, nl=False)
    else:
        fixture_files.write(Path(path), text)


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def import_document(path: str) -> None:
    """Create or update what a fixture document names; all of it or nothing.

    PATH may be "-" for standard input. A --db that is not there is made.
    """
    document = (
        fixture_files.parse(sys.stdin.read(), "standard input")
        if path == "-"
        else fixture_files.read(Path(path))
    )
    with connected(create=True) as client:
        answer = client.call("PUT", "/_stateroom/fixture", params={"strict": "1"}, json=document)
    if "Stateroom-Ignored" in answer.headers:
        click.echo(f"stateroom: not taken: {answer.headers['Stateroom-Ignored']}", err=True)


COMMANDS = (export_document, import_document)

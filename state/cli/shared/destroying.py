"""What destroys asks first, takes a snapshot to return to, and says what it did."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ...errors import ServiceError
from ...model.names import name_before
from .connection import as_json, option_value

if TYPE_CHECKING:
    from ...client.http import StateroomClient

SNAPSHOTS = "/_stateroom/snapshots"
_FULL = 507  # status of a service whose disk is full


class NeedsYes(click.ClickException):
    """A question that nobody can answer."""

    exit_code = 2  # as for other wrong calls


def asks(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--yes``."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")(
        command
    )


def is_interactive() -> bool:
    """Whether somebody can answer: standard input is a terminal."""
    return sys.stdin.isatty()


def confirm(question: str, yes: bool) -> None:
    """Ask before something is lost.

    :param question: such as ``clear 2 keys of asset orders?``.
    :param yes: whether the answer was given on the command line.
    :raises NeedsYes: if nobody can answer: standard input is not a terminal.
    :raises click.Abort: if the answer is no.
    """
    if yes:
        return
    if not is_interactive():
        raise NeedsYes(f"{question} Nobody can answer without a terminal: add --yes")
    click.confirm(question, abort=True, err=True)


def snapshot_before(client: StateroomClient, what: str) -> str | None:
    """Take a snapshot of its own before something is destroyed; see :func:`take_snapshot`."""
    return take_snapshot(client, name_before(what))


def take_snapshot(client: StateroomClient, name: str) -> str | None:
    """Take a snapshot, to return to.

    :returns: its name; None if the disk is full, where what frees room must not fail.
    """
    try:
        client.call("PUT", f"{SNAPSHOTS}/{name}")
    except ServiceError as error:
        if error.status != _FULL:
            raise
        return None
    return name


def tell(document: dict[str, Any], sentence: str, snapshot: str | None = None) -> None:
    """Say what was done: the document with --json, else the sentence and how to undo it."""
    from .connection import show

    show(document, sentence)
    if snapshot is not None and not as_json():
        click.echo(f"undo: stateroom {_connection()}snapshots restore {snapshot}", err=True)


def _connection() -> str:
    """The options that lead to the same service and namespace again, but no token."""
    parts = [
        f"--{name} {option_value(name)} " for name in ("url", "db", "ns") if option_value(name)
    ]
    return "".join(parts)

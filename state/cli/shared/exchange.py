"""The options of ``pull`` and ``push``, the login at their peer, and what they print."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ...model import durations
from ...model.clock import from_text, in_utc
from ...terminal import printable
from .connection import as_json
from .numbers import Moment

if TYPE_CHECKING:
    from ...transfer.peer import Peer
    from ...transfer.report import Progress, Report
    from ...transfer.selection import Selection

TOKEN = "STATEROOM_PEER_TOKEN"
PASSWORD = "STATEROOM_PEER_PASSWORD"
_REFUSED = 10  # exit status
_MOST_CONNECTIONS = 64


class _Since(Moment):
    """A time, or a duration before now."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            before = timedelta(seconds=durations.parse(str(value)))
            return (datetime.now(timezone.utc) - before).isoformat()
        except (ValueError, OverflowError):  # no duration, or one beyond the calendar
            return super().convert(value, param, ctx)


def exchanges(preposition: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of both commands.

    :param preposition: ``from`` or ``to``.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            (
                click.option(
                    f"--{preposition}",
                    "peer_url",
                    required=True,
                    metavar="URL",
                    help="Address of the Airflow or the Stateroom.",
                ),
                click.option(
                    f"--{preposition}-token",
                    "peer_token",
                    metavar="TOKEN",
                    envvar=TOKEN,
                    help=f"Its bearer token.  [env: {TOKEN}]",
                ),
                click.option(
                    f"--{preposition}-user",
                    "user",
                    metavar="NAME",
                    help=f"Log in there as this user instead; the password is asked for.  "
                    f"[env of the password: {PASSWORD}]",
                ),
                click.option("--dag", "dag_id", help="Only this Dag."),
                click.option(
                    "--run",
                    "run_id",
                    help="Only runs with this in their run id; 'latest' for the newest run.",
                ),
                click.option("--task", "task_id", help="Only task instances of this task."),
                click.option("--asset", help="Only the asset of this name."),
                click.option(
                    "--since",
                    type=_Since(),
                    metavar="TIME",
                    help="Only runs after TIME, and keys of assets that were written after it; "
                    "a time, or 12h or 7d ago.",
                ),
                click.option("--dry-run", is_flag=True, help="Say what would be carried."),
                click.option(
                    "--refresh",
                    is_flag=True,
                    help="Also carry attempts that are finished there, or have a later one.",
                ),
                click.option(
                    "--with-journal",
                    is_flag=True,
                    help="Between Staterooms, also carry the journal, which is the history.",
                ),
                click.option(
                    "--with-secrets",
                    is_flag=True,
                    help="Between Staterooms, also carry connections and variables with secrets.",
                ),
                click.option(
                    "--connections",
                    type=click.IntRange(1, _MOST_CONNECTIONS),
                    default=8,
                    show_default=True,
                    help="Calls at a time.",
                ),
            )
        ):
            command = option(command)
        return command

    return add


@contextmanager
def connected_peer(peer_url: str, options: dict[str, Any]) -> Iterator[Peer]:
    """The peer of a command, and what people should know of the way to it."""
    from ...transfer.peer import Login, Peer

    login = Login(options["peer_token"], options["user"], _password(options["user"]))
    if login.user is not None and _is_typed("peer_token"):
        raise click.UsageError("give a token or a user, not both")
    if login.user is not None:
        login = login._replace(token=None)
    if _is_typed("peer_token"):
        click.echo(
            f"stateroom: users of this machine can read a token in the list of processes; {TOKEN} "
            "keeps it out of there",
            err=True,
        )
    with Peer(peer_url, login, options["connections"]) as peer:
        is_copy = options["with_secrets"] or options["with_journal"]
        if is_copy and not peer.has_control_api:
            message = "--with-secrets and --with-journal are for a Stateroom whose admin you are"
            raise click.UsageError(message)
        if not as_json():
            click.echo(f"connected to {printable(peer.what)}", err=True)
        if peer.is_stateroom and not peer.has_control_api:
            click.echo(
                "stateroom: only an admin may copy it as a whole: through its Core API, which has "
                "less, as that of an Airflow",
                err=True,
            )
        yield peer


def _is_typed(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is ParameterSource.COMMANDLINE


def _password(user: str | None) -> str | None:
    if user is None:
        return None
    password = os.environ.get(PASSWORD)
    if password is None:
        if not sys.stdin.isatty():
            raise click.UsageError(f"nobody can type a password without a terminal; set {PASSWORD}")
        password = str(click.prompt(f"password of {user}", hide_input=True, err=True))
    return password


def selection_of(options: dict[str, Any]) -> Selection:
    from ...transfer.selection import Selection

    since = options["since"]
    moment = None
    if since is not None:
        moment = in_utc(from_text(since))
    names = {name: options[name] for name in ("dag_id", "run_id", "task_id", "asset")}
    return Selection(**names, since=moment)


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A function that shows how many of how many are done, if there is a terminal; and the advice
    for a run that is interrupted.
    """
    is_hidden = not sys.stderr.isatty()
    bar = click.progressbar(length=0, label=label, file=sys.stderr, hidden=is_hidden, show_pos=True)

    def show(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    started = time.monotonic()
    try:
        with bar:
            yield show
    except BaseException:
        if bar.pos:
            what = f"{bar.pos:,} of {bar.length:,} after {time.monotonic() - started:.0f} s"
            click.echo(f"{label}: {what}; the same command goes on from there", err=True)
        raise


def tell(report: Report) -> None:
    """Print what came of it; the exit status is 10 if something was refused."""
    if as_json():
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        for line in report.sentences():
            click.echo(printable(line))
        for line in report.refusals():
            click.echo(printable(line), err=True)
    if report.refused:
        sys.exit(_REFUSED)

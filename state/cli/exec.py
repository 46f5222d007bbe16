"""``stateroom exec``: a command with a Stateroom of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from .. import jwt_secret
from ..errors import StateError
from ..process import ServerProcess
from ..signals import handle
from .shared.connection import option_value

# exit statuses, as in a shell
NOT_FOUND = 127
NOT_EXECUTABLE = 126
KILLED = 128  # plus the signal's number
_PRIVATE = ["--host", "127.0.0.1", "--log-level", "error"]
_FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.option(
    "--report",
    type=click.Path(file_okay=False),
    help="Write a report of what happened to this folder.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(report: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with a Stateroom of its own, and exit with the status of COMMAND.

    Environment variables direct workers, tests and this command to it: stateroom exec -- pytest.
    The exit status is 127 if COMMAND is not found, 126 if it cannot be run, and 128 plus the
    signal's number if a signal ends it. With --db before exec, state is kept in that file.
    """
    from ..client.stateroom import Stateroom

    environ = jwt_secret.without(os.environ)
    with ServerProcess(["--db", option_value("db") or ":memory:", *_PRIVATE], environ) as server:
        with Stateroom(server.url) as stateroom:
            variables = {**os.environ, **stateroom.env}
            if report:
                variables["STATEROOM_KEEP"] = "1"
            status = run(command, variables)
            if report is not None:
                report_status = _write_report(stateroom, Path(report))
                status = status or report_status
    sys.exit(status)


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command to its end and return its exit status, as a shell does."""
    with _Signals() as signals:
        try:
            child = subprocess.Popen(command, env=dict(environ))
        except FileNotFoundError:
            click.echo(f"stateroom: command not found: {command[0]}", err=True)
            return NOT_FOUND
        except OSError as error:
            click.echo(f"stateroom: cannot run {command[0]}: {error.strerror}", err=True)
            return NOT_EXECUTABLE
        signals.forward_to(child)
        status = child.wait()
    if status < 0:
        return KILLED - status
    return status


class _Signals:
    """Forwards signals to the child; those that arrive before it has started are kept for it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._pending: list[int] = []
        self._previous: dict[int, Any] = {}

    def forward_to(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        for number in self._pending:
            child.send_signal(number)

    def _forward(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and _terminal_signals_child():
            return
        if self._child is None:
            self._pending.append(number)
        else:
            self._child.send_signal(number)

    def __enter__(self) -> _Signals:
        for number in _FORWARDED:
            self._previous[number] = handle(number, self._forward)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def _terminal_signals_child() -> bool:
    """Whether the terminal sends Ctrl-C to the child too: both are in its foreground group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _write_report(stateroom: Any, folder: Path) -> int:
    """Write the report of each namespace; 1 if that fails, with the error on standard error."""
    from ..client.report import write

    try:
        write(stateroom, folder)
    except (StateError, OSError) as error:
        click.echo(f"stateroom: cannot write the report: {error}", err=True)
        return 1
    return 0

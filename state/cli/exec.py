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

from ..errors import StateError
from ..process import ServerProcess
from .connection import given

NOT_FOUND, NOT_EXECUTABLE, KILLED = 127, 126, 128  # exit statuses, as shells have them
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
    help="Write what happened to this folder afterwards.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(report: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with a Stateroom of its own, and end with its exit status.

    The variables that point workers, tests and this command there are set: stateroom exec --
    pytest. A signal that ends COMMAND is exit status 128 and its number, 127 is a command that is
    not there, 126 one that cannot be run. With --db before it, state is kept in that file.
    """
    from ..client.stateroom import Stateroom

    environ = {
        name: text for name, text in os.environ.items() if name != "AIRFLOW__API_AUTH__JWT_SECRET"
    }
    with ServerProcess(["--db", given("db") or ":memory:", *_PRIVATE], environ) as server:
        with Stateroom(server.url) as stateroom:
            status = run(
                command,
                {**os.environ, **stateroom.env, **({"STATEROOM_KEEP": "1"} if report else {})},
            )
            if report is not None:
                trouble = _reported(stateroom, Path(report))
                status = status or trouble
    sys.exit(status)


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command to its end; its exit status as a shell tells it."""
    with _Signals() as signals:
        try:
            child = subprocess.Popen(command, env=dict(environ))
        except FileNotFoundError:
            click.echo(f"stateroom: there is no command {command[0]}", err=True)
            return NOT_FOUND
        except OSError as error:
            click.echo(f"stateroom: {command[0]} cannot be run: {error.strerror}", err=True)
            return NOT_EXECUTABLE
        signals.hand_on_to(child)
        status = child.wait()
    return status if status >= 0 else KILLED - status


class _Signals:
    """Signals for the child, which alone decides what they mean."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def hand_on_to(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def _take(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and _terminal_tells_all():
            return
        if self._child is None:
            self._early.append(number)
        else:
            self._child.send_signal(number)

    def __enter__(self) -> _Signals:
        for number in _FORWARDED:
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _terminal_tells_all() -> bool:
    """Whether Ctrl-C goes to this process and the child alike, because both stand in a terminal's
    foreground.
    """
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


def _reported(stateroom: Any, folder: Path) -> int:
    """Write the report of each namespace; 1 if that fails, and why on standard error."""
    from ..client.report import write

    try:
        write(stateroom, folder)
    except (StateError, OSError) as error:
        click.echo(f"stateroom: the report cannot be written: {error}", err=True)
        return 1
    return 0

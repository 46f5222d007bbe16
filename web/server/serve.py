"""The command ``serve``: settings, log, listening, and the end."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from state.errors import SettingError, StateError
from state.masking import masked
from state.process import READY, WITH_STDIN
from state.store.database.connections import MEMORY

from .. import settings as rows
from ..service import Service
from ..settings import is_loopback
from .app import App
from .banner import banner, stateroom
from .serve_options import Serve, options
from .waitress import Server

CANNOT_LISTEN = 9  # exit status
_ALL_ADMINS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"


CreateApp = Callable[[Mapping[str, Any], Mapping[str, str]], App]


def serve(create_app: CreateApp) -> NoReturn:
    """Run the command ``serve`` with the arguments of this process.

    :param create_app: builds the app from settings and environment variables.
    """
    parent = click.get_current_context(silent=True)  # of the command line, where that runs app.py
    prog_name = parent.command_path if parent else "python app.py"
    command(obj=create_app, prog_name=prog_name)
    sys.exit(0)


@click.command("serve", cls=Serve, context_settings={"help_option_names": ["-h", "--help"]})
@options
@click.option(
    WITH_STDIN,
    "until_stdin_closes",
    is_flag=True,
    help="Stop when standard input ends, as its writer does.",
)
@click.pass_obj
def command(create_app: CreateApp, /, until_stdin_closes: bool, **given: Any) -> None:
    """Serve the Execution API, the Core API and Stateroom's own until stopped.

    An option wins over its environment variable.

    Exit status: 0 stopped, 2 a setting is wrong, 3 to 8 why the database cannot be opened, 9 cannot
    listen.
    """
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    try:
        _serve(create_app, {name: value for name, value in given.items() if value is not None})
    except StateError as error:
        _stop(f"{error}", getattr(error, "exit_status", 1))


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(message: str, status: int) -> NoReturn:
    click.echo(f"stateroom: {message}", err=True)
    sys.exit(status)


def _serve(create_app: CreateApp, given: dict[str, Any]) -> None:
    settings = rows.load(os.environ, given)
    _log(settings["log_level"])
    _check_exposure(settings)
    existed = settings["db"] == MEMORY or Path(settings["db"]).exists()
    app = create_app(settings, os.environ)
    made: Service = app.extensions["stateroom"]
    try:
        server = Server(
            app,
            settings["host"],
            settings["port"],
            settings["max_body"],
            app.lane,
            made.store.release,
        )
    except OSError as error:
        made.store.close()
        other = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
        place = f"{settings['host']}:{settings['port']}"
        _stop(f"cannot listen on {place}: {error.strerror}; give another {other}", CANNOT_LISTEN)
    try:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: sys.exit(0))
        made.store.announce(server.url)
        click.echo(banner(made, server.url, existed, stateroom()))
        # what a start made is no garbage: looking through it again would halt all requests for 30
        # ms
        gc.freeze()
        click.echo(READY + server.url)
        sys.stdout.flush()
        server.run()
    finally:
        made.store.close()


class MaskingFormatter(logging.Formatter):
    """Keeps credentials inside references out of the log, whoever writes them there."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _check_exposure(settings: dict[str, Any]) -> None:
    """Do not offer an open service to other machines by mistake."""
    if is_loopback(settings["host"]) or settings["insecure"]:
        return
    if settings["jwt_secret"] is None:
        expected = "an address of this machine only (127.0.0.1), or a --jwt-secret, or --insecure"
        raise SettingError("--host", settings["host"], expected)
    for name, opens in (
        ("--open-control", settings["open_control"]),
        (_ALL_ADMINS, settings["all_admins"]),
    ):
        if opens:
            raise SettingError(
                name, True, "a --host of this machine only (127.0.0.1), or --insecure"
            )

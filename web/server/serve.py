"""The command ``serve``: read the settings, set up the log, listen, stop."""

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

from state import jwt_secret
from state.errors import SettingError, StateError
from state.masking import masked
from state.process import CANNOT_LISTEN, READY, WITH_STDIN
from state.signals import handle
from state.store import snapshots
from state.store.database.connections import MEMORY

from .. import settings
from ..service import Service
from .app import App
from .banner import banner, stateroom
from .lanes import lane_of
from .serve_options import Serve, options
from .waitress import Server

_AFTER_START = 1.0  # seconds; the first answers are not kept waiting
_ALL_ADMINS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"


CreateApp = Callable[[Mapping[str, Any], Mapping[str, str]], App]


def serve(create_app: CreateApp) -> NoReturn:
    """Run the command ``serve`` with the arguments of this process.

    :param create_app: builds the app from settings and environment variables.
    """
    parent = click.get_current_context(silent=True)  # set when the command line runs app.py
    prog_name = "python app.py"
    if parent is not None:
        prog_name = parent.command_path
    command(obj=create_app, prog_name=prog_name)
    sys.exit(0)


@click.command("serve", cls=Serve, context_settings={"help_option_names": ["-h", "--help"]})
@options
@click.option(
    WITH_STDIN,
    "until_stdin_closes",
    is_flag=True,
    help="Stop at the end of standard input.",
)
@click.pass_obj
def command(create_app: CreateApp, /, until_stdin_closes: bool, **values: Any) -> None:
    """Serve the Execution API, the Core API and Stateroom's own until stopped.

    An option wins over its environment variable.

    Exit status: 0 stopped, 2 invalid setting, 3 to 8 and 12 why the database cannot be opened,
    9 cannot listen.
    """
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    try:
        _serve(create_app, {name: value for name, value in values.items() if value is not None})
    except StateError as error:
        _stop(f"{error}", getattr(error, "exit_status", 1))


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(message: str, status: int) -> NoReturn:
    click.echo(f"stateroom: {message}", err=True)
    sys.exit(status)


def _serve(create_app: CreateApp, values: dict[str, Any]) -> None:
    config = settings.load(os.environ, values)
    _log(config["log_level"])
    check_exposure(config)
    if config["jwt_secret_from"] == jwt_secret.OPTION:
        logging.getLogger("stateroom").warning(
            "others on this machine can read --jwt-secret in the process list; "
            "give --jwt-secret-file, or %s in the environment",
            jwt_secret.VARIABLE,
        )
    existed = config["db"] == MEMORY or Path(config["db"]).exists()
    app = create_app(config, os.environ)
    service: Service = app.extensions["stateroom"]
    try:
        server = Server(
            app,
            config["host"],
            config["port"],
            config["max_body"],
            lane_of(app),
            service.store.release,
            service.store.if_free,
        )
    except OSError as error:
        service.store.close()
        address = f"{config['host']}:{config['port']}"
        option = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
        message = f"cannot listen on {address}: {error.strerror}; give another {option}"
        _stop(message, CANNOT_LISTEN)
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handle(number, lambda *_: sys.exit(0))
        service.store.announce(server.url)
        click.echo(banner(service, server.url, existed, stateroom(), app.front))
        gc.freeze()  # collecting the objects made at start would halt all requests for 30 ms
        gc.enable()  # app.py disables it
        click.echo(READY + server.url)
        sys.stdout.flush()
        threading.Thread(
            target=snapshots.delete_leftovers,
            args=(service.store, _AFTER_START),
            name="stateroom-leftovers",
            daemon=True,
        ).start()
        server.run()
    finally:
        service.store.close()


class MaskingFormatter(logging.Formatter):
    """Masks the credentials of references in every line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def check_exposure(config: dict[str, Any]) -> None:
    """Refuse to listen beyond this machine without a secret, unless ``--insecure`` allows it."""
    if settings.is_loopback(config["host"]) or config["insecure"]:
        return
    if config["jwt_secret"] is None:
        expected = (
            "an address of this machine only (127.0.0.1), or a --jwt-secret-file, or --insecure"
        )
        raise SettingError("--host", config["host"], expected)
    for name, is_open in (
        ("--open-control", config["open_control"]),
        (_ALL_ADMINS, config["all_admins"]),
    ):
        if is_open:
            raise SettingError(
                name, True, "a --host of this machine only (127.0.0.1), or --insecure"
            )

"""Stateroom's service: ``create_app`` puts it together, ``serve`` runs it."""

from __future__ import annotations

import errno
import gc
import json
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask

from state import backends, documents
from state import settings as rows
from state.calls import Calls
from state.cli import cli
from state.cli_serve import Serve, options
from state.errors import BadBackend, BadDocument, SettingError, StateError, masked
from state.gateway import Backend
from state.process import READY, WITH_STDIN
from state.store import MEMORY, Store, fixtures
from state.store.namespaces import DEFAULT
from web import (
    App,
    Service,
    control_api,
    core_api,
    errors,
    execution_api,
    explain_api,
    faults,
    faults_api,
    journal_api,
    login,
    namespaces_api,
    not_emulated,
    openapi,
    pages,
    parsing,
    references_api,
    snapshots_api,
    values_api,
)
from web.auth import Keys
from web.banner import banner, stateroom
from web.entrance import is_loopback, keep_pages_away
from web.server import Server

CANNOT_LISTEN = 9  # exit status
_PASSWORDS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
_ALL_ADMINS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"


def create_app(config: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Flask:
    """Put the service together: settings → store → blueprints.

    :param config: settings by their names; what is not there comes from ``environ``, then from the defaults.
    :param environ: environment variables; none are read unless they are given.
    :raises SettingError: for a setting that cannot be.
    :raises StoreError: if the database cannot be opened.
    :raises BadBackend: if the backend cannot be loaded.
    """
    settings = rows.load(environ or {}, config)
    app = App(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = settings["max_body"]
    parsing.configure(app)
    errors.register(app)
    app.extensions["stateroom"] = _service(settings, environ or {})
    app.before_request(keep_pages_away)
    airflows = (execution_api, core_api, login)
    of_keys = (values_api, references_api, journal_api, explain_api)
    ours = (control_api, *of_keys, namespaces_api, snapshots_api, faults_api)
    for part in (*airflows, *ours, not_emulated, openapi):
        app.register_blueprint(part.bp)
    pages.register(app)
    faults.configure(app)
    return app


def _service(settings: dict[str, Any], environ: Mapping[str, str]) -> Service:
    fixture = _read_fixture(settings["fixture"])
    passwords = _passwords(settings)
    store = Store(settings["db"], settings["durable"], int(settings["journal_limit"] * 2**20))
    calls = Calls()

    def backend(name: str) -> Backend:
        return _backend(settings, environ, store, calls, name)

    try:
        default = backend(DEFAULT)
    except BaseException:
        store.close()
        raise
    made = Service(
        store=store,
        settings=settings,
        keys=Keys(settings["jwt_secret"], settings["open_control"]),
        allowed_hosts=frozenset([*settings["allow_host"], settings["host"].lower()]),
        passwords=passwords,
        backend=default,
        make_backend=backend,
        fixture=fixture,
    )
    try:
        _load(made, fixture)
    except BadDocument as error:
        made.store.close()
        raise _bad_fixture(settings["fixture"], f"{error.where}: {error}") from None
    return made


def _load(made: Service, fixture: dict[str, Any] | None) -> None:
    namespace = made.store.namespace()
    if fixture is not None and (made.settings["load_fixture"] or fixtures.is_empty(namespace)):
        fixtures.apply(namespace, fixture)
    elif fixture is not None:  # a secret is never stored, so that without this a second start would be an open one
        namespace.jwt_secret = fixture.get("config", {}).get("jwt_secret")


def _backend(
    settings: dict[str, Any], environ: Mapping[str, str], store: Store, calls: Calls, namespace: str
) -> Backend:
    """The backend that was named at start; a built-in one keeps to the namespace's own part of its base."""
    name = settings["backend"]
    options = backends.options_from(environ, name)
    if name in backends.BUILTIN:
        options["realm"] = f"{store.database_id}/{namespace}"
    try:
        hooks = backends.load(name, **options)
    except BadBackend as error:
        raise BadBackend(masked(str(error))) from error
    return Backend(hooks, calls, settings["backend_timeout"])


def _read_fixture(path: str | None) -> dict[str, Any] | None:
    """The fixture document given at start; members that no fixture has are refused."""
    if path is None:
        return None
    try:
        return control_api.load_fixture(documents.read(Path(path)), strict=True)[0]
    except (OSError, BadDocument, errors.InvalidInput) as error:
        raise _bad_fixture(path, f"{error}") from None


def _bad_fixture(path: str, why: str) -> SettingError:
    return SettingError("--fixture", path, f"the file of a fixture document: {why}")


def _passwords(settings: dict[str, Any]) -> dict[str, str]:
    """The users' passwords: from the file, or made up where a secret guards them, or their names where none does."""
    names = [name for name, _ in settings["users"]]
    if settings["passwords_file"] is None:
        return {name: secrets.token_urlsafe(9) if settings["jwt_secret"] else name for name in names}
    path = settings["passwords_file"]
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(_PASSWORDS, path, f"a readable JSON file ({error})") from None
    if not isinstance(found, dict) or not all(isinstance(word, str) for word in found.values()):
        raise SettingError(_PASSWORDS, path, "a JSON object of names and passwords")
    return found


@cli.command(cls=Serve, context_settings={"help_option_names": ["-h", "--help"]})
@options
@click.option(WITH_STDIN, "until_stdin_closes", is_flag=True, help="Stop when standard input ends, as its writer does.")
def serve(until_stdin_closes: bool, **given: Any) -> None:
    """Serve the Execution API, the Core API and Stateroom's own until stopped.

    An option wins over its environment variable.

    Exit status: 0 stopped, 2 a setting is wrong, 3 to 8 why the database cannot be opened, 9 cannot listen.
    """
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    try:
        _serve({name: value for name, value in given.items() if value is not None})
    except StateError as error:
        _stop(f"{error}", getattr(error, "exit_status", 1))


def _stop_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(message: str, status: int) -> NoReturn:
    click.echo(f"stateroom: {message}", err=True)
    sys.exit(status)


def _serve(given: dict[str, Any]) -> None:
    settings = rows.load(os.environ, given)
    _log(settings["log_level"])
    _check_exposure(settings)
    existed = settings["db"] == MEMORY or Path(settings["db"]).exists()
    app = create_app(settings, os.environ)
    made: Service = app.extensions["stateroom"]
    try:
        server = Server(app, settings["host"], settings["port"], settings["max_body"], made.waits, made.store.release)
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
        gc.freeze()  # what a start made is no garbage: looking through it again would halt all requests for 30 ms
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
    for name, opens in (("--open-control", settings["open_control"]), (_ALL_ADMINS, settings["all_admins"])):
        if opens:
            raise SettingError(name, True, "a --host of this machine only (127.0.0.1), or --insecure")


if __name__ == "__main__":
    serve(prog_name="python app.py")

"""Stateroom's service: ``create_app`` puts it together, ``serve`` runs it."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask

from state import __version__, documents
from state import settings as rows
from state.cli import DEFAULT_URL, cli
from state.errors import SettingError, StateError
from state.process import READY
from state.store import MEMORY, Store, fixtures
from web import App, Service, control_api, core_api, errors, execution_api, login, not_emulated, openapi, parsing
from web.auth import Keys, keep_pages_away
from web.server import Server

CANNOT_LISTEN = 9  # exit status


def create_app(config: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Flask:
    """Put the service together: settings → store → blueprints.

    :param config: settings by their names; what is not there comes from ``environ``, then from the defaults.
    :param environ: environment variables; none are read unless they are given.
    :raises SettingError: for a setting that cannot be.
    :raises StoreError: if the database cannot be opened.
    """
    settings = rows.load(environ or {}, config)
    app = App(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings["max_body"]
    parsing.configure(app)
    errors.register(app)
    app.extensions["stateroom"] = _service(settings)
    app.before_request(keep_pages_away)
    for part in (execution_api, core_api, login, control_api, not_emulated, openapi):
        app.register_blueprint(part.bp)
    return app


def _service(settings: dict[str, Any]) -> Service:
    fixture = _read_fixture(settings["fixture"])
    made = Service(
        store=Store(settings["db"], durable=settings["durable"]),
        settings=settings,
        keys=Keys(settings["jwt_secret"], settings["open_control"]),
        allowed_hosts=frozenset([*settings["allow_host"], settings["host"]]),
        passwords=_passwords(settings),
        fixture=fixture,
    )
    namespace = made.store.namespace()
    if fixture is not None and (settings["load_fixture"] or fixtures.is_empty(namespace)):
        fixtures.apply(namespace, fixture)
    return made


def _read_fixture(path: str | None) -> dict[str, Any] | None:
    """The fixture document given at start; members that no fixture has are refused."""
    if path is None:
        return None
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("--fixture", path, f"a readable JSON file ({error})") from None
    document, _ = control_api.load_fixture(documents.parse(text, path), strict=True)
    return document


def _passwords(settings: dict[str, Any]) -> dict[str, str]:
    """The users' passwords: from the file, or made up where a secret guards them, or their names where none does."""
    names = [name for name, _ in settings["users"]]
    if settings["passwords_file"] is None:
        return {name: secrets.token_urlsafe(9) if settings["jwt_secret"] else name for name in names}
    path = settings["passwords_file"]
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError("passwords_file", path, f"a readable JSON file ({error})") from None
    if not isinstance(found, dict) or not all(isinstance(word, str) for word in found.values()):
        raise SettingError("passwords_file", path, "a JSON object of names and passwords")
    return found


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each row of the settings that has one."""
    for row in reversed([row for row in rows.SETTINGS if row.option]):
        default = ",".join(row.default) if isinstance(row.default, tuple) else row.default
        shown = f"{row.help}  [env: {row.variable}; default: {default if default not in (None, '') else 'none'}]"
        if row.read is rows.truth:
            command = click.option(row.flag, row.name, is_flag=True, default=None, help=shown)(command)
        else:
            metavar = "TEXT" if row.read is str else row.expected.upper().replace(" ", "-")
            command = click.option(row.flag, row.name, metavar=metavar if len(metavar) < 16 else "TEXT", help=shown)(
                command
            )
    return command


@cli.command()
@options
def serve(**given: Any) -> None:
    """Serve the Execution API, the Core API and Stateroom's own until stopped."""
    try:
        _serve({name: value for name, value in given.items() if value is not None})
    except StateError as error:
        _stop(f"{error}", getattr(error, "exit_status", 1))


def _stop(message: str, status: int) -> NoReturn:
    click.echo(f"stateroom: {message}", err=True)
    sys.exit(status)


def _serve(given: dict[str, Any]) -> None:
    settings = rows.load(os.environ, given)
    logging.basicConfig(level=settings["log_level"].upper(), format="%(asctime)s %(levelname)s %(message)s")
    _check_exposure(settings)
    existed = settings["db"] == MEMORY or Path(settings["db"]).exists()
    app = create_app(settings)
    made: Service = app.extensions["stateroom"]
    try:
        server = Server(app, settings["host"], settings["port"], settings["max_body"])
    except OSError as error:
        made.store.close()
        _stop(
            f"cannot listen on {settings['host']}:{settings['port']}: {error.strerror}; give another --port",
            CANNOT_LISTEN,
        )
    try:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: sys.exit(0))
        made.store.announce(server.url)
        click.echo(banner(made, server.url, existed))
        click.echo(READY + server.url)
        sys.stdout.flush()
        server.run()
    finally:
        made.store.close()


def _check_exposure(settings: dict[str, Any]) -> None:
    """Do not offer an open service to other machines by mistake."""
    if _is_loopback(settings["host"]):
        return
    if settings["jwt_secret"] is None and not settings["insecure"]:
        expected = "an address of this machine only (127.0.0.1), or a --jwt-secret, or --insecure"
        raise SettingError("--host", settings["host"], expected)
    if settings["open_control"] and not settings["insecure"]:
        raise SettingError("--open-control", "given", "a --host of this machine only (127.0.0.1), or --insecure")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def banner(made: Service, url: str, existed: bool) -> str:
    """What a person reads at start: where it is, what it holds, who may do what, what to try next."""
    settings = made.settings
    held = fixtures.counts(made.store.namespace())
    file = "in memory, gone when it stops" if made.store.path == MEMORY else made.store.path
    state = "" if made.store.path == MEMORY else " (opened)" if existed else " (new)"
    counts = ", ".join(f"{count} {noun if count != 1 else noun[:-1]}" for noun, count in held.items())
    lines = [
        f"Stateroom {__version__}, like Airflow {settings['compat']}",
        f"  address   {url}  (workers: {url}/execution/)",
        f"  database  {file}{state}: {counts}",
        *(f"  access    {line}" for line in _access(made)),
        *(f"  try       {line}" for line in _next(made, url)),
        "  stop      Ctrl-C",
    ]
    return "\n".join(lines)


def _access(made: Service) -> list[str]:
    keys = made.keys
    where = "this machine" if _is_loopback(made.settings["host"]) else "the network (--insecure)"
    if keys.start is None:
        return [f"open: anyone on {where} may do anything; close it with --jwt-secret"]
    control = f"/_stateroom is open to anyone on {where}" if keys.open_control else "/_stateroom wants an admin's token"
    lines = [f"by token only (stateroom token --role admin); {control}"]
    if made.settings["passwords_file"] is None and not made.settings["all_admins"]:
        users = ", ".join(f"{name} / {made.passwords[name]}" for name, _ in made.settings["users"])
        lines.append(f"logins for POST /auth/token: {users}")
    return lines


def _next(made: Service, url: str) -> list[str]:
    """First calls that work here as they stand."""
    options = "" if url == DEFAULT_URL else f" --url {url}"
    if made.keys.start and not made.keys.open_control:
        token = "export STATEROOM_TOKEN=$(python -m state token --role admin --jwt-secret …)"
        return [token, f"python -m state{options} list"]
    if any(fixtures.counts(made.store.namespace()).values()):
        return [f"python -m state{options} list", f"curl {url}/api/v2/assets"]
    return [f"curl {url}/_stateroom/assets -H 'Content-Type: application/json' -d '{{\"name\": \"orders\"}}'"]


if __name__ == "__main__":
    serve(prog_name="python app.py")

"""Build the :class:`~web.service.Service` of an app from its settings."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from state.backends import loading
from state.errors import BadBackend, BadDocument, SettingError
from state.gateway.backend import Backend
from state.gateway.deadlines import Calls
from state.masking import masked
from state.model import fixture_files
from state.store import fixtures
from state.store.store import Store
from state.store.tables.namespaces import DEFAULT

from . import errors
from .keys import Keys
from .request.parsing import load_fixture
from .service import Service

_PASSWORDS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"


def build_service(settings: dict[str, Any], environ: Mapping[str, str]) -> Service:
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
    elif (
        fixture is not None
    ):  # a secret is never stored, so that without this a second start would be an open one
        namespace.jwt_secret = fixture.get("config", {}).get("jwt_secret")


def _backend(
    settings: dict[str, Any], environ: Mapping[str, str], store: Store, calls: Calls, namespace: str
) -> Backend:
    """The backend that was named at start; a built-in one keeps to the namespace's own part of its base."""
    name = settings["backend"]
    options = loading.options_from(environ, name)
    if name in loading.BUILTIN:
        options["realm"] = f"{store.database_id}/{namespace}"
    try:
        hooks = loading.load(name, **options)
    except BadBackend as error:
        raise BadBackend(masked(str(error))) from error
    return Backend(hooks, calls, settings["backend_timeout"])


def _read_fixture(path: str | None) -> dict[str, Any] | None:
    """The fixture document given at start; members that no fixture has are refused."""
    if path is None:
        return None
    try:
        return load_fixture(fixture_files.read(Path(path)), strict=True)[0]
    except (OSError, BadDocument, errors.InvalidInput) as error:
        raise _bad_fixture(path, f"{error}") from None


def _bad_fixture(path: str, why: str) -> SettingError:
    return SettingError("--fixture", path, f"the file of a fixture document: {why}")


def _passwords(settings: dict[str, Any]) -> dict[str, str]:
    """The users' passwords: from the file, or made up where a secret guards them, or their names where none does."""
    names = [name for name, _ in settings["users"]]
    if settings["passwords_file"] is None:
        return {
            name: secrets.token_urlsafe(9) if settings["jwt_secret"] else name for name in names
        }
    path = settings["passwords_file"]
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(_PASSWORDS, path, f"a readable JSON file ({error})") from None
    if not isinstance(found, dict) or not all(isinstance(word, str) for word in found.values()):
        raise SettingError(_PASSWORDS, path, "a JSON object of names and passwords")
    return found

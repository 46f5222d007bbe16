"""Build the :class:`~web.service.Service` of an app from its settings."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from state.backends import layout, loading
from state.backends.deadlines import Calls
from state.errors import BadBackend, BadDocument, SettingError
from state.gateway import forgetting
from state.gateway.backend import Backend
from state.gateway.place import Place
from state.masking import masked
from state.model import fixture_files
from state.model.compat import RULES
from state.store import fixtures
from state.store.store import Store
from state.store.tables.namespaces import DEFAULT

from . import errors
from .keys import Keys
from .request.parsing import load_fixture
from .service import Service

_PASSWORDS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"


def build_service(settings: dict[str, Any], environ: Mapping[str, str]) -> Service:
    """Open the store, load the backend, and load the fixture.

    :param settings: every setting, as :mod:`web.settings` reads them.
    :param environ: the environment, for the backend's options and the secrets of fixtures.
    :raises SettingError: for an invalid fixture or file of passwords.
    :raises BadBackend: if the backend cannot be loaded.
    :raises StoreError: if the database cannot be opened.
    """
    fixture = _read_fixture(settings["fixture"])
    passwords = _passwords(settings)
    store = Store(
        settings["db"],
        settings["durable"],
        int(settings["journal_limit"] * 2**20),
        RULES[settings["compat"]],
    )
    calls = Calls()
    place = Place(store)

    def backend(realm: str) -> Backend:
        return _backend(settings, environ, store, calls, place, realm)

    try:
        service = Service(
            store=store,
            settings=settings,
            keys=Keys(settings["jwt_secret"], settings["open_control"]),
            allowed_hosts=frozenset([*settings["allow_host"], settings["host"].lower()]),
            passwords=passwords,
            backend=backend(DEFAULT),
            make_backend=backend,
            environ=environ,
            fixture=fixture,
        )
        _load(service, fixture)
        if service.backend.hooks is not None:
            forgetting.start(store, service.backend_of)
    except BaseException:
        store.close()
        raise
    return service


def _load(service: Service, fixture: dict[str, Any] | None) -> None:
    namespace = service.store.namespace()  # health answers from it when the database is closed
    if fixture is None:
        return
    if service.settings["load_fixture"] or fixtures.is_empty(namespace):
        try:
            fixtures.apply(namespace, fixture, environ=service.environ)
        except BadDocument as error:
            path = service.settings["fixture"]
            raise _bad_fixture(path, f"{error.where}: {error}") from None
    else:
        # a secret is never stored: without this a second start would need no token
        namespace.jwt_secret = fixture.get("config", {}).get("jwt_secret")


def _backend(
    settings: dict[str, Any],
    environ: Mapping[str, str],
    store: Store,
    calls: Calls,
    place: Place,
    realm: str,
) -> Backend:
    """The backend named at start; a built-in one has a path of its own per namespace."""
    name = settings["backend"]
    options = loading.options_from(environ, name)
    if name in loading.BUILTIN:
        options["realm"] = f"{store.identity.database_id}/{realm}"
    try:
        hooks = loading.load(name, **options)
    except BadBackend as error:
        raise BadBackend(masked(str(error))) from error
    if hooks is not None:
        hooks.largest = settings["max_body"]
    if hooks is not None and name in loading.BUILTIN:
        hooks.backend.largest = settings["max_body"]
        former_ids = store.identity.former_ids
        hooks.backend.former_realms = [layout.realm(f"{id_}/{realm}") for id_ in former_ids]
        return Backend(hooks, calls, settings["backend_timeout"], place=place)
    return Backend(hooks, calls, settings["backend_timeout"])


def _read_fixture(path: str | None) -> dict[str, Any] | None:
    """The fixture document given at start; unknown members are refused."""
    if path is None:
        return None
    try:
        return load_fixture(fixture_files.read(Path(path)), strict=True)[0]
    except (OSError, BadDocument, errors.InvalidInput) as error:
        raise _bad_fixture(path, f"{error}") from None


def _bad_fixture(path: str, why: str) -> SettingError:
    return SettingError("--fixture", path, f"the file of a fixture document: {why}")


def _passwords(settings: dict[str, Any]) -> dict[str, str]:
    """The users' passwords, by their names.

    They come from the file. Without one they are random if there is a secret, else the names.
    """
    path = settings["passwords_file"]
    if path is None:
        names = [name for name, _ in settings["users"]]
        if settings["jwt_secret"]:
            return {name: secrets.token_urlsafe(9) for name in names}
        return {name: name for name in names}
    try:
        passwords = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(_PASSWORDS, path, f"a readable JSON file ({error})") from None
    is_object = isinstance(passwords, dict)
    if not is_object or not all(isinstance(word, str) for word in passwords.values()):
        raise SettingError(_PASSWORDS, path, "a JSON object of names and passwords")
    return dict(passwords)

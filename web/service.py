"""What one running app holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, g

from state.gateway.backend import Backend
from state.model.compat import Rules
from state.model.names import NAMESPACE_PREFIX
from state.store.namespace import Namespace
from state.store.store import Store
from state.store.tables.namespaces import DEFAULT

from .logins import Logins

if TYPE_CHECKING:
    from .keys import Keys

PREFIX = NAMESPACE_PREFIX
PAGES = "/_stateroom/pages"  # where the pages are in front of an Airflow, which has "/"
NAMESPACE = "stateroom.namespace"  # in environ: the namespace that the path names, if it does


@dataclass
class Service:
    """What one running app holds; ``app.extensions["stateroom"]``.

    :param settings: as :func:`web.settings.load` returns them.
    :param backend: of the namespace ``default``.
    :param make_backend: makes the backend of another namespace, by its realm.
    :param environ: the environment, for the secrets that a fixture document names.
    :param fixture: the document given at start, to which a reset returns.
    :param passwords: of the users, by their names.
    """

    store: Store
    settings: dict[str, Any]
    keys: Keys
    allowed_hosts: frozenset[str]
    passwords: dict[str, str]
    backend: Backend
    make_backend: Callable[[str], Backend]
    environ: Mapping[str, str]
    fixture: dict[str, Any] | None = None
    logins: Logins = field(default_factory=Logins)
    _backends: dict[str, Backend] = field(default_factory=dict)

    def backend_of(self, namespace: Namespace) -> Backend:
        """The backend of a namespace; a built-in one has a path of its own per namespace."""
        if namespace.name == DEFAULT:
            return self.backend
        backend = self._backends.get(namespace.realm)
        if backend is None:
            backend = self._backends.setdefault(namespace.realm, self.make_backend(namespace.realm))
        return backend


def service_of(app: Flask) -> Service:
    """The service of an app; while a request is handled it is ``g.service``."""
    return cast(Service, app.extensions["stateroom"])


def setting(name: str) -> Any:
    """A setting of the request's namespace, by default the service's."""
    config: dict[str, Any] = g.namespace.config
    if name in config:
        return config[name]
    return g.service.settings[name]


def rules() -> Rules:
    """The rules of the Airflow version that the service emulates."""
    return cast(Service, g.service).store.rules


def page_size(parameters: dict[str, Any]) -> int:
    """The number of rows of a page of the Core API, at most ``maximum_page_limit``."""
    return int(min(parameters["limit"], setting("maximum_page_limit")))

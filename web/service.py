"""What one running app holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app, g

from state.gateway.backend import Backend
from state.store.namespace import Namespace
from state.store.store import Store
from state.store.tables.namespaces import DEFAULT

if TYPE_CHECKING:
    from .keys import Keys

PREFIX = "/ns/"
NAMESPACE = "stateroom.namespace"  # where the request's environ says which, if the path did


@dataclass
class Service:
    """What one running app holds; ``app.extensions["stateroom"]``.

    :param settings: as :func:`state.settings.load` returns them.
    :param backend: where values of the namespace ``default`` go, for the gateway and for checks.
    :param make_backend: makes that of another namespace, by its name.
    :param fixture: the loaded document that reset returns to, if one was given at start.
    :param passwords: of the users that may log in.
    """

    store: Store
    settings: dict[str, Any]
    keys: Keys
    allowed_hosts: frozenset[str]
    passwords: dict[str, str]
    backend: Backend
    make_backend: Callable[[str], Backend]
    fixture: dict[str, Any] | None = None
    _backends: dict[str, Backend] = field(default_factory=dict)

    def backend_of(self, namespace: Namespace) -> Backend:
        """The backend of a namespace; a built-in one keeps to the namespace's own part of its base."""
        if namespace.name == DEFAULT:
            return self.backend
        found = self._backends.get(namespace.name)
        if found is None:
            found = self._backends.setdefault(namespace.name, self.make_backend(namespace.name))
        return found


def service() -> Service:
    """The service of the app that handles this request."""
    return service_of(current_app)


def service_of(app: Flask) -> Service:
    return cast(Service, app.extensions["stateroom"])


def setting(name: str) -> Any:
    """A setting as it holds in the request's namespace."""
    config: dict[str, Any] = g.namespace.config
    return config[name] if name in config else service().settings[name]

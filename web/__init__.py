"""Everything that speaks Flask. Here: what the views of one app share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Request, current_app, g
from werkzeug.routing import MapAdapter

from state.gateway import Backend
from state.store import Store
from state.store.namespaces import DEFAULT
from state.store.registry import Namespace

from .routes import Adapter, Routes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from .auth import Keys

PREFIX = "/ns/"
CUT = "stateroom.cut"  # in environ: bytes of the answer's body after which the server closes the connection
NOTHING = -1  # or that not even a status line is sent
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

    def waits(self, path: str) -> bool:
        """Whether a call may wait on purpose: one on the state of a namespace that has faults."""
        if not self.store.faulty:
            return False
        name = path.removeprefix(PREFIX).partition("/")[0] if path.startswith(PREFIX) else DEFAULT
        return name in self.store.faulty

    def backend_of(self, namespace: Namespace) -> Backend:
        """The backend of a namespace; a built-in one keeps to the namespace's own part of its base."""
        if namespace.name == DEFAULT:
            return self.backend
        found = self._backends.get(namespace.name)
        if found is None:
            found = self._backends.setdefault(namespace.name, self.make_backend(namespace.name))
        return found


class App(Flask):
    """Flask without looks at what no request of ours has: asynchronous views, and rules for one host only.

    ``/ns/<name>`` before any path moves into ``SCRIPT_NAME``: views, and links to them, never see it.
    """

    url_map_class = Routes

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PREFIX):
            name, slash, rest = environ["PATH_INFO"].removeprefix(PREFIX).partition("/")
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}{PREFIX}{name}"
            environ["PATH_INFO"] = slash + rest
            environ[NAMESPACE] = name.encode("latin-1").decode("utf-8", "replace")
        return super().wsgi_app(environ, start_response)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return super().create_url_adapter(None)
        host = request.environ.get("HTTP_HOST") or "localhost"  # which hosts are allowed is web.auth's to say
        query = request.query_string.decode("latin-1")
        return Adapter(self.url_map, host, request.root_path, "", request.scheme, request.path, request.method, query)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def service() -> Service:
    """The service of the app that handles this request."""
    return cast(Service, current_app.extensions["stateroom"])


def setting(name: str) -> Any:
    """A setting as it holds in the request's namespace."""
    config: dict[str, Any] = g.namespace.config
    return config[name] if name in config else service().settings[name]

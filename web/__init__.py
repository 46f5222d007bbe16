"""Everything that speaks Flask. Here: what the views of one app share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Request, current_app, g
from werkzeug.routing import MapAdapter

from state.gateway import Backend
from state.store import Store

if TYPE_CHECKING:
    from .auth import Keys


@dataclass
class Service:
    """What one running app holds; ``app.extensions["stateroom"]``.

    :param settings: as :func:`state.settings.load` returns them.
    :param backend: where values go, for the gateway and for checks.
    :param fixture: the loaded document that reset returns to, if one was given at start.
    :param passwords: of the users that may log in.
    """

    store: Store
    settings: dict[str, Any]
    keys: Keys
    allowed_hosts: frozenset[str]
    passwords: dict[str, str]
    backend: Backend
    fixture: dict[str, Any] | None = None


class App(Flask):
    """Flask without looks at what no request of ours has: asynchronous views, and rules for one host only."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return super().create_url_adapter(None)
        host = request.environ.get("HTTP_HOST") or "localhost"  # which hosts are allowed is web.auth's to say
        query = request.query_string.decode("latin-1")
        return MapAdapter(
            self.url_map, host, request.root_path, "", request.scheme, request.path, request.method, query
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def service() -> Service:
    """The service of the app that handles this request."""
    return cast(Service, current_app.extensions["stateroom"])


def setting(name: str) -> Any:
    """A setting as it holds in the request's namespace."""
    config: dict[str, Any] = g.namespace.config
    return config[name] if name in config else service().settings[name]

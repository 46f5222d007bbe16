"""The Flask class: namespaces in paths, and routes that are remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Request, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule

from state.store.tables.namespaces import DEFAULT

from .. import faults
from ..api import not_emulated
from ..operation import WAITING, Operation
from ..service import NAMESPACE, PREFIX, service_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_REMEMBERED = 4096  # paths
_LONG = 300  # letters; longer paths are looked up each time
Found = tuple[Rule, dict[str, Any]]


class Routes(Map):
    """Rules, which do not change once requests are served, and where the paths of late led."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[tuple[str, str], Found] = {}

    def remember(self, place: tuple[str, str], found: Found) -> None:
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known[place] = found


class Adapter(MapAdapter):
    """A look-up of one request in :class:`Routes`."""

    def match(self, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs != {"return_rule": True}:  # not how Flask asks for a request's own rule
            return super().match(*args, **kwargs)
        routes, place = cast(Routes, self.map), (self.default_method, self.path_info)
        found = routes.known.get(place)
        if found is None:
            found = cast(Found, super().match(return_rule=True))
            if len(self.path_info) <= _LONG:
                routes.remember(place, found)
        rule, values = found
        return rule, dict(values)


class App(Flask):
    """Flask with namespaces in paths, and with faults; without asynchronous views and rules for one
    host only.

    ``/ns/<name>`` before any path moves into ``SCRIPT_NAME``: views, and links to them, never see
    it.
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
        # which hosts are allowed is web.request.guard's to say
        host = request.environ.get("HTTP_HOST") or "localhost"
        query = request.query_string.decode("latin-1")
        return Adapter(
            self.url_map,
            host,
            request.root_path,
            "",
            request.scheme,
            request.path,
            request.method,
            query,
        )

    def lane(self, method: str, path: str, query: str) -> str | None:
        """Which threads answer a call, as its view says; None for those of the short calls.

        :param path: decoded as in WSGI, each byte a character.
        """
        name = DEFAULT
        if path.startswith(PREFIX):
            name, _, rest = path.removeprefix(PREFIX).partition("/")
            path = f"/{rest}"
        view = self._view(method, path)
        operation: Operation | None = getattr(view, "operation", None)
        if operation is not None:
            if operation.state_op in faults.OPS and name in service_of(self).store.faulty:
                return WAITING
            if operation.waits and f"&{operation.waits}=" in f"&{query}":
                return WAITING
        lane: str | None = getattr(view, "lane", None)
        return lane

    def _view(self, method: str, path: str) -> Any:
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "replace")
        known = cast(Routes, self.url_map).known.get((method, path[1:]))
        if known is None:
            adapter = Adapter(self.url_map, "localhost", "", "", "http", path, method)
            try:
                known = cast(Found, adapter.match(return_rule=True))
            except HTTPException:
                return None
        return self.view_functions[known[0].endpoint]

    def dispatch_request(self) -> Any:
        if request.routing_exception is not None:
            redirect = not_emulated.refuse()
            if redirect is not None:
                return redirect
        elif (namespace := g.get("namespace")) is not None and namespace.faults:
            return faults.dispatch(self, super().dispatch_request)
        return super().dispatch_request()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

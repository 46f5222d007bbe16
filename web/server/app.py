"""The Flask class: namespaces in paths, a cache of routes, and what goes before a view."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, Request, Response, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule

from ..apis import AIRFLOW_PATHS
from ..service import NAMESPACE, PAGES, PREFIX

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from ..proxy.front import Front

_REMEMBERED = 4096  # paths
_LONG = 300  # letters; longer paths are looked up each time
Match = tuple[Rule, dict[str, Any]]


class Routes(Map):
    """URL rules, with a cache of matched paths; they do not change once requests are served."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[tuple[str, str], Match] = {}

    def remember(self, method: str, path: str, match: Match) -> None:
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known[method, path] = match


class Adapter(MapAdapter):
    """A look-up of one request in :class:`Routes`."""

    def match(self, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs != {"return_rule": True}:  # not how Flask asks for a request's own rule
            return super().match(*args, **kwargs)
        routes = cast(Routes, self.map)
        match = routes.known.get((self.default_method, self.path_info))
        if match is None:
            match = cast(Match, super().match(return_rule=True))
            if len(self.path_info) <= _LONG:
                routes.remember(self.default_method, self.path_info, match)
        rule, values = match
        return rule, dict(values)


class PageSessions(SecureCookieSessionInterface):
    """Flask's sessions, for the pages only: a call of Airflow's paths has none."""

    def get_cookie_name(self, app: Flask) -> str:
        """The name with the port, because browsers share cookies among the ports of a host."""
        port = request.environ.get("HTTP_HOST", "").rpartition(":")[2]
        return f"stateroom-{port}".rstrip("-")

    def get_cookie_path(self, app: Flask) -> str:
        """All paths; in front of an Airflow only those of the pages, so that it is not sent the
        cookie.
        """
        if cast(App, app).front is None:
            return "/"
        if request.root_path.startswith(PREFIX):
            return PREFIX.rstrip("/")
        return PAGES

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.scheme == "https"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(AIRFLOW_PATHS):
            return None
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.accessed:
            super().save_session(app, session, response)


class App(Flask):
    """Flask with namespaces in paths; without rules for one host only.

    ``/ns/<name>`` before any path moves into ``SCRIPT_NAME``: views, and links to them, never see
    it.

    :param answer_unrouted: answers a request that no rule matches; None for Flask's own error.
    :param answer_with_faults: answers a request of a namespace that has faults; it is given the
        call of the view.
    :ivar front: what passes calls on to an Airflow; None where there is none behind it.
    """

    url_map_class = Routes
    session_interface = PageSessions()
    front: Front | None = None

    def __init__(
        self,
        name: str,
        answer_unrouted: Callable[[], Any] | None = None,
        answer_with_faults: Callable[[Callable[[], Any]], Any] | None = None,
    ) -> None:
        super().__init__(name, static_folder=None)
        self._answer_unrouted = answer_unrouted
        self._answer_with_faults = answer_with_faults
        # Flask looks at each function of each request anew
        vars(self)["ensure_sync"] = functools.cache(super().ensure_sync)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.front is not None:
            return self.front(environ, start_response)
        return super().__call__(environ, start_response)

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

    def view_of(self, method: str, path: str) -> Callable[..., Any] | None:
        """The view that answers a call, or None.

        :param path: below the namespace, decoded as in WSGI: each byte a character.
        """
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "replace")
        match = cast(Routes, self.url_map).known.get((method, path[1:]))
        if match is None:
            adapter = Adapter(self.url_map, "localhost", "", "", "http", path, method)
            try:
                match = cast(Match, adapter.match(return_rule=True))
            except HTTPException:
                return None
        return self.view_functions[match[0].endpoint]

    def dispatch_request(self) -> Any:
        if request.routing_exception is not None:
            if self._answer_unrouted and (answer := self._answer_unrouted()) is not None:
                return answer
        elif self._answer_with_faults and "namespace" in g and g.namespace.faults.rules:
            return self._answer_with_faults(super().dispatch_request)
        return super().dispatch_request()

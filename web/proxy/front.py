"""The WSGI application in front of an Airflow: which calls it answers, and how it passes one on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from state.errors import StateError
from state.model import tokens

from ..error_bodies import control_body
from ..errors import Refused, status_of
from ..request.auth import bearer_of, is_valid, token_of
from ..request.guard import is_allowed
from ..service import PAGES, Service
from . import effects, headers, routes
from .learning import Learning
from .upstream import Stream, Upstream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("stateroom")


class Front:
    """Answers the calls on state by an application, and passes all others on to an Airflow.

    :param app: answers what is answered here.
    """

    def __init__(self, app: WSGIApplication, service: Service, upstream: Upstream) -> None:
        self.upstream = upstream
        self._app = app
        self._hosts = service.allowed_hosts
        self._keys = service.keys
        self._learning = Learning(service, upstream)
        self._effects = effects.Effects(service, upstream, self._learning, app)

    def must_ask(self, method: str, path: str, query: str) -> bool:
        """Whether the upstream may have to be asked what a call on state is about."""
        if routes.is_written_by_a_task(method, path):  # its writer is in its token only
            return True
        subject = routes.subject_of(method, path, query)
        return subject is not None and not self._learning.is_remembered(subject)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        try:
            if routes.is_own(path):
                return self._answer(environ, start_response)
            return self._pass_on(environ, start_response)
        except StateError as error:
            return _refuse(error, start_response)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"]
        page = routes.below_pages(path)
        if page is not None:
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + PAGES
            environ["PATH_INFO"] = page
        if self._may_ask(environ):
            self._learn(environ, method, path)
        answer = self._app(environ, start_response)
        if routes.changes_what_is_known(method, path):
            self._learning.forget()
        return answer

    def _may_ask(self, environ: WSGIEnvironment) -> bool:
        """Whether the upstream is asked for this caller: where there is a secret, only for one with
        a valid token. Whether the token is the right one is checked with the call.
        """
        return self._keys.start is None or is_valid(token_of(environ), self._keys)

    def _learn(self, environ: WSGIEnvironment, method: str, path: str) -> None:
        """Learn what a call on state is about, and of the task that writes state of an asset."""
        subject = routes.subject_of(method, path, environ.get("QUERY_STRING", ""))
        if subject is not None:
            self._learning.learn(subject)
        if routes.is_written_by_a_task(method, path):
            writer = routes.attempt(tokens.unverified(bearer_of(environ) or "").get("sub"))
            if writer is not None:
                self._learning.learn(writer)

    def _pass_on(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _check(environ, self._hosts)
        method = environ["REQUEST_METHOD"]
        take_effect = self._effects.of(method, environ["PATH_INFO"])
        reporter = routes.reporter_of(method, environ["PATH_INFO"])
        if reporter is not None and self._may_ask(environ):
            self._learning.try_to_learn(reporter)
        body: Any = environ["wsgi.input"]
        if take_effect is not None:
            body = body.read()
        sent = headers.of_request(environ, self.upstream.host, take_effect is not None)
        start = time.monotonic()
        answer = self.upstream.send(method, target_of(environ), sent, body)
        status = f"{answer.status} {answer.reason or responses.get(answer.status, '')}".rstrip()
        received = headers.of_answer(answer.headers.items(), self.upstream.url, _origin(environ))
        stream: Iterable[bytes] = Stream(answer)
        if take_effect is not None and answer.status // 100 == 2:
            data = Stream(answer).read()
            seconds = time.monotonic() - start
            date = answer.headers.get("Date", "")
            take_effect(effects.Passed(environ, body, data, date, seconds))
            stream = [data]
        start_response(status, received)
        return stream


def target_of(environ: WSGIEnvironment) -> str:
    """Path and query as in the request line."""
    target: str = environ.get("REQUEST_URI", "")
    if target.startswith("/"):
        return target
    target = quote(environ["PATH_INFO"].encode("latin-1"))  # the request line names a host too
    if environ.get("QUERY_STRING"):
        target += f"?{environ['QUERY_STRING']}"
    return target


def _check(environ: WSGIEnvironment, allowed: frozenset[str]) -> None:
    """Refuse what is not passed on.

    :raises Refused: 421 for a Host that a foreign name server could point here, 400 for a
        connection that is to be another protocol's.
    """
    host = environ.get("HTTP_HOST")
    if host and not is_allowed(host, allowed):
        message = f"the host {host!r} is not allowed; name it with --allow-host"
        raise Refused(421, message, "host_not_allowed")
    if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
        message = "WebSockets are not passed on; ask the Airflow behind this address itself"
        raise Refused(400, message, "websocket_not_passed_on")


def _origin(environ: WSGIEnvironment) -> str:
    """The address that the client knows."""
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return f"{environ['wsgi.url_scheme']}://{host}"


def _refuse(error: StateError, start_response: StartResponse) -> Iterable[bytes]:
    status = status_of(error)
    body = json.dumps(control_body(error)).encode()
    log.warning("%s", error)
    sent = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {responses.get(status, 'Error')}", sent)
    return [body]

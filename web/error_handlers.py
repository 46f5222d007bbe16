"""Errors as answers: in the shape of each API, and a page for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.exceptions import NotFound as RouteNotFound
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import RequestRedirect

from state import errors
from state.masking import masked
from state.model.reference_facts import ZOMBIE

from .apis import EXECUTION, NO_API, current_api
from .error_bodies import control_body
from .errors import NotEmulated, Refused, status_of
from .request import version
from .request.state_call import note_refusal, told_as_zombie
from .responses import HEADERS, json_answer

log = logging.getLogger("stateroom")


def register(app: Flask) -> None:
    """Answer every error in the shape of the API it was met in, routing errors included."""
    app.register_error_handler(errors.StateError, _echoed(_answer))
    app.register_error_handler(HTTPException, _echoed(_answer_http))
    app.register_error_handler(Exception, _echoed(_answer_unexpected))


def _echoed(handler: Callable[[Any], Response]) -> Callable[[Any], Response]:
    """Echo the version where no route, and so no blueprint of the Execution API, is reached."""

    def answer(error: Any) -> Response:
        response = handler(error)
        if request.endpoint is None and current_api().is_versioned:
            version.echo(response)
        return response

    return answer


def register_pages(bp: Blueprint) -> None:
    """Answer every error of a blueprint's views with a page."""
    bp.register_error_handler(errors.StateError, _show)
    bp.register_error_handler(HTTPException, _show_http)
    bp.register_error_handler(Exception, _show_unexpected)


def _is_for_people() -> bool:
    """Whether a path without a view is asked by a browser, and in none of the APIs."""
    return (
        request.endpoint is None
        and current_api() is NO_API
        and "text/html" in request.headers.get("Accept", "")
    )


def _show(error: errors.StateError) -> Response:
    _log(error)
    return _page(status_of(error), str(error), getattr(error, "suggestions", ()))


def _show_http(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return _show(_body_too_large())
    return _page(error.code or 500, f"Page not found: {request.path}")


def _show_unexpected(error: Exception) -> Response:
    return _page(500, _bug(error))


def _page(status: int, message: str, suggestions: Sequence[str] = ()) -> Response:
    name = HTTP_STATUS_CODES.get(status, "Error")
    text = render_template(
        "error.html", status=status, name=name, message=masked(message), suggestions=suggestions
    )
    return Response(text, status, HEADERS, content_type="text/html; charset=utf-8")


def _answer(error: errors.StateError) -> Response:
    if _is_for_people():
        return _show(error)
    _log(error)
    answer = rendered(error)
    zombie = told_as_zombie(error)
    if zombie is not None:
        answer.headers[ZOMBIE] = zombie
    note_refusal(error, answer.status_code, zombie)
    return answer


def _log(error: errors.StateError) -> None:
    if isinstance(error, errors.StoreError):
        log.error("%s %s: %s", request.method, request.path, error)


def rendered(error: errors.StateError) -> Response:
    """An error in the shape of the API that the request asks."""
    body = current_api().error_body
    if isinstance(error, NotEmulated):
        body = control_body
    answer = json_answer(body(error), status_of(error))
    # the SDK takes a 404 of exactly application/json for a missing key
    if isinstance(error, errors.NamespaceNotFound):
        answer.content_type = "application/json; charset=utf-8"
    if isinstance(error, errors.BackendBusy | errors.ReferenceBusy):
        answer.headers["Retry-After"] = "1"
    if isinstance(error, Refused) and error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _answer_http(error: HTTPException) -> Response:
    if isinstance(error, RequestRedirect):
        return Response(status=error.code, headers={"Location": error.new_url})
    if _is_for_people():
        return _show_http(error)
    if isinstance(error, RequestEntityTooLarge):
        return _answer(_body_too_large())
    if current_api().is_control:
        message = f"{error.name}: {request.method} {request.path}; /openapi.json lists all paths"
        reason = error.name.lower().replace(" ", "_")
        return _answer_with(error, control_body(Refused(error.code or 500, message, reason)))
    if isinstance(error, RouteNotFound) and _is_there(path := with_or_without_slash()):
        return redirected(path)
    return _answer_with(error, {"detail": error.name})


def _body_too_large() -> Refused:
    limit = request.max_content_length
    return Refused(413, f"the body is larger than {limit} bytes (--max-body)", "body_too_large")


def _answer_with(error: HTTPException, document: Any) -> Response:
    answer = json_answer(document, error.code or 500)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = _allowed_method(sorted(error.valid_methods))
    return answer


def _allowed_method(allowed: list[str]) -> str:
    """The method of the first route that takes the path, which is all that Airflow names."""
    adapter = current_app.create_url_adapter(request)
    if adapter is not None and "HEAD" in allowed:
        # by identity, because rules of one path are equal
        methods = {id(adapter.match(None, method, True)[0]): method for method in allowed}
        rules = current_app.url_map.iter_rules()
        return next(methods[id(rule)] for rule in rules if id(rule) in methods)
    return "GET" if "GET" in allowed else allowed[0]


def with_or_without_slash() -> str:
    """The path without its last slashes or, if it has none, with one."""
    if request.path.endswith("/"):
        return request.path.rstrip("/")
    return f"{request.path}/"


def _is_there(path: str) -> bool:
    """Whether a path is one of the Execution API's."""
    if current_api() is not EXECUTION:
        return False
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and (
        adapter.test(path, request.method) or bool(adapter.allowed_methods(path))
    )


def redirected(path: str) -> Response:
    """Redirect to a path, as Airflow does from one with a slash too many or too few."""
    query = request.query_string.decode("latin-1")
    place = request.script_root + path + (f"?{query}" if query else "")
    return Response(status=307, headers={"Location": request.host_url.rstrip("/") + place})


def _answer_unexpected(error: Exception) -> Response:
    if _is_for_people():
        return _show_unexpected(error)
    return json_answer({"detail": {"reason": "internal_error", "message": _bug(error)}}, 500)


def _bug(error: Exception) -> str:
    """Log an unexpected error, and return the message about it."""
    log.exception("%s %s", request.method, request.path, exc_info=error)
    return f"{type(error).__name__}: {error}; this is a bug of Stateroom's, please report it"

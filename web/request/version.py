"""The version header of the Execution API: which routes it reaches, and what is echoed."""

from __future__ import annotations

from typing import Any

from flask import Response, g, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from schemas.fields import datetimes
from state.model.compat import RULES

from ..errors import Refused
from ..operation import current_operation
from ..service import rules
from .auth import refreshed_token
from .parsing import header_problem

WITH_STORE = "2026-06-30"  # the first version that has the state store
VERSION_HEADER = "Airflow-API-Version"
_FIRST_VERSION = "2025-04-11"
# the dates that need no check
_VERSIONS = frozenset({_FIRST_VERSION, *(known.execution_api for known in RULES.values())})


def check_version() -> None:
    """Route by the version header as Airflow does, which compares texts: older versions know no
    store.

    An invalid date is one problem of the request among those of its query and body, so it is listed
    when those are read.

    :raises NotFound: if the client's version has not the path.
    :raises MethodNotAllowed: if it has the path with other methods.
    """
    environ = request.environ
    newest = _newest()
    text: str = environ.get("HTTP_AIRFLOW_API_VERSION", newest)
    if text == newest:
        return
    is_store = environ["PATH_INFO"].startswith("/execution/store")
    if text < _FIRST_VERSION or (text < WITH_STORE and is_store):
        raise Refused(404, "Not Found")
    if text not in _VERSIONS:
        g.header_problems = _date_problems(text)
    _check_route(text)


def _check_route(text: str) -> None:
    operation = current_operation()
    if operation is None or text >= operation.since:
        return
    if operation.older_methods:
        raise MethodNotAllowed(operation.older_methods)
    raise NotFound()


def _newest() -> str:
    """The newest version of the API in the Airflow that is emulated."""
    version: str = g.service.store.rules.execution_api
    return version


def of_client() -> str:
    """The version of the API that the client speaks, a date as text."""
    version: str = request.environ.get("HTTP_AIRFLOW_API_VERSION", _newest())
    return version


def spoken() -> str:
    """The version of the API in which the client is answered: its own, or the newest there is."""
    return min(of_client(), _newest())


def is_admitted_first() -> bool:
    """Whether a call that is no read is refused before anything else of it is looked at, if the
    caller's attempt is not the current one.
    """
    since = rules().admission
    return since is not None and of_client() >= since


def has_variable_keys() -> bool:
    """Whether the caller's version has the list of the keys of variables."""
    return of_client() >= WITH_STORE


def _date_problems(text: str) -> list[dict[str, Any]]:
    try:
        moment = datetimes.from_string(text)
    except ValueError as error:
        message = f"Input should be a valid date or datetime, {error}"
        return [
            header_problem(
                VERSION_HEADER, text, "date_from_datetime_parsing", message, error=str(error)
            )
        ]
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        message = "Datetimes provided to dates should have zero time - e.g. be exact dates"
        return [header_problem(VERSION_HEADER, text, "date_from_datetime_inexact", message)]
    return []


def echo(response: Response) -> Response:
    """Send back the version and the correlation id, and a fresh token where one is due."""
    environ = request.environ
    response.headers.add("airflow-api-version", of_client())
    if correlation_id := environ.get("HTTP_CORRELATION_ID"):
        response.headers.add("correlation-id", correlation_id)
    if "claims" in g and (token := refreshed_token()):
        response.headers["Refreshed-API-Token"] = token
    return response

"""The APIs, each with all that its views have in common; the path of a call decides which it is.

The journal, the errors, ``/openapi.json`` and the routes read it here. A path and not a blueprint
decides, because a path that no view answers has an API too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request
from marshmallow import Schema

from schemas import errors
from state.errors import StateError

from .error_bodies import control_body, core_body, execution_body

Shapes = tuple[type[Schema], ...]
_TEXT = errors.HTTPExceptionResponse
_LIST = errors.HTTPValidationError
_REASON = errors.ReasonResponse
_CONTROL = errors.ControlResponse
# the server refuses some requests before they reach an API, always with a reason
_BY_SERVER: dict[int, Shapes] = {
    400: (_TEXT, _REASON),
    413: (_TEXT, _REASON),
    429: (_REASON,),
    500: (_TEXT, _REASON),
}


@dataclass(frozen=True, eq=False)
class Api:
    """What the views of an API have in common.

    :param prefix: of its paths, below the namespace.
    :param name: of the API in the journal.
    :param tag: its title in ``/openapi.json``.
    :param tokens: the kinds of token that are accepted, ``worker`` or ``person``.
    :param error_body: the body of an error, as JSON.
    :param error: the schema of an error whose status is not in ``errors``.
    :param errors: the schemas of errors, by their status.
    :param is_airflows: whether Airflow serves it.
    :param is_versioned: whether it reads and echoes the version header.
    :param phrases: the descriptions of errors, by their status, where they are its own.
    """

    prefix: str
    name: str
    tag: str
    tokens: tuple[str, ...]
    error_body: Callable[[StateError], Any]
    error: type[Schema]
    errors: Mapping[int, Shapes] = field(default_factory=dict)
    is_airflows: bool = False
    is_versioned: bool = False
    phrases: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_control(self) -> bool:
        """Whether it is, or is a part of, the Control API."""
        return self.error is _CONTROL


EXECUTION = Api(
    prefix="/execution",
    name="execution",
    tag="Execution API",
    tokens=("worker",),
    error_body=execution_body,
    error=_TEXT,
    errors={
        **_BY_SERVER,
        404: (_TEXT, _REASON),
        409: (_REASON,),
        410: (_REASON,),
        422: (_LIST, _REASON),
        500: (_REASON,),
        507: (_REASON,),
    },
    is_airflows=True,
    is_versioned=True,
)
CORE = Api(
    prefix="/api",
    name="core",
    tag="Core API",
    tokens=("person",),
    error_body=core_body,
    error=_TEXT,
    errors={**_BY_SERVER, 422: (_LIST, _TEXT)},
    is_airflows=True,
)
LOGIN = Api(
    prefix="/auth",
    name="core",
    tag="Login",
    tokens=("person",),
    error_body=core_body,
    error=_TEXT,
    errors={**CORE.errors, 429: (_TEXT, _REASON)},
    is_airflows=True,
    phrases={429: "Too many wrong passwords, or too many long calls at the same time"},
)
CONTROL = Api(
    prefix="/_stateroom",
    name="control",
    tag="Control API",
    tokens=("person",),
    error_body=control_body,
    error=_CONTROL,
)
GATEWAY = Api(
    prefix="/_stateroom/values",
    name="gateway",
    tag="Control API",
    tokens=("worker", "person"),
    error_body=control_body,
    error=_CONTROL,
)
# every other path: the pages, the description of the APIs, and what nothing answers
NO_API = Api(
    prefix="",
    name="control",
    tag="Stateroom",
    tokens=("person",),
    error_body=core_body,
    error=_TEXT,
    errors=CORE.errors,
)

_APIS = (EXECUTION, CORE, LOGIN, GATEWAY, CONTROL)  # the longer prefix first
AIRFLOW_PATHS = tuple(api.prefix for api in _APIS if api.is_airflows)


def api_of(path: str) -> Api:
    """The API of a path below the namespace, or of a rule for paths."""
    for api in _APIS:
        if path == api.prefix or path.startswith(f"{api.prefix}/"):
            return api
    return NO_API


def current_api() -> Api:
    """The API that the request asks."""
    return api_of(request.path)

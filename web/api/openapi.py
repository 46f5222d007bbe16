"""``/openapi.json``: the description of the three APIs, made at the first request for it.

apispec makes it from the schemas: unlike flask-smorest it leaves views, blueprints and errors
alone, and those have to answer exactly as Airflow does. Each view declares its query, body and
answer (:mod:`web.operation`). This module adds what follows from a call's API, path and method:
who may make it, and the status and shape of its errors.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app
from marshmallow import Schema
from werkzeug.routing import Rule

from schemas.base import BareBody
from schemas.fields.base import Field
from state import __version__
from state.model.compat import Rules

from ..apis import Api, api_of
from ..operation import SLOW, Body, Operation, Query, lane, operation_of
from ..responses import text_answer
from ..service import rules

bp = Blueprint("openapi", __name__)
_ABOUT = """Task state and asset state as Apache Airflow {release} serves them, and Stateroom's \
own Control API.

Routes of Airflow that are not described here are not emulated: they answer 400 with the reason \
`not_emulated`.
Without a secret (`--jwt-secret`) no call needs a token."""
_SECURITY = {
    "worker": "A task instance's token for the Execution API: `stateroom token --ti UUID`.",
    "person": (
        "A token from `POST /auth/token`, or `stateroom token --role admin`; "
        "the Control API needs an admin's."
    ),
}
_VERSION_HEADER = {
    "in": "header",
    "name": "Airflow-API-Version",
    "schema": {"type": "string", "format": "date"},
    "description": "The client's version of the API; those before 2026-06-30 have no state store.",
}
_ECHOED = {
    "airflow-api-version": "The version of the request.",
    "correlation-id": "The request's own, if it has one.",
    "Refreshed-API-Token": "A new token for a worker whose own expires soon.",
}
# from examples/demo.json, so that the examples of the description work with it
_EXAMPLES: dict[str, Any] = {
    "dag_id": "etl",
    "run_id": "scheduled__2026-01-02T00:00:00+00:00",
    "task_id": "submit",
    "task_instance_id": "01920000-0000-7000-8000-000000000002",
    "asset_id": 1,
    "key": "job_id",
    "name": "experiment",
    "fault_id": 1,
}
_SERVERS = [
    {"url": "/", "description": "the namespace `default`"},
    {
        "url": "/ns/{namespace}",
        "description": "another namespace",
        "variables": {"namespace": {"default": "default"}},
    },
]

# the names that generated clients know, where an operation has since moved
_FAMILY = re.compile(r"^(execution_api|core_api)\.\w+\.")  # of Airflow's APIs, left out
_KNOWN_AS = {
    "journal_api.explain_key": "explain_api.explain_key",
    "journal_api.get_history": "snapshots_api.get_history",
}
# the same for schemas: the first part of their names, by class or module
_PARTS = {
    "fixtures": "Control",
    "Change": "Snapshots",
    "History": "Snapshots",
    "Explanation": "Explain",
    "Miss": "Explain",
}


@bp.get("/openapi.json")
@lane(SLOW)
def get_openapi() -> Response:
    """Describe the three APIs."""
    return text_answer(_document(rules()))


@cache
def _document(rules: Rules) -> str:
    return json.dumps(describe(rules))


def describe(rules: Rules) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the running app.

    :param rules: of the Airflow version that it emulates.
    """
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin

    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    info = {"description": _ABOUT.format(release=rules.release)}
    spec = APISpec("Stateroom", __version__, "3.1.0", [plugin], info=info, servers=_SERVERS)
    assert plugin.converter is not None
    add_properties: Any = plugin.converter.add_attribute_function  # apispec has few types
    add_properties(_field_properties)
    for name, about in _SECURITY.items():
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about}
        spec.components.security_scheme(name, scheme)
    for rule in current_app.url_map.iter_rules():
        operation = operation_of(current_app, rule.endpoint)
        if operation is not None:
            operation = _in_version(rules, rule, operation)
            for path, query in _paths(rule.rule, operation):
                for method in _methods(rule):
                    described = _described(rule.endpoint, method, path, operation, query)
                    spec.path(path, operations={method.lower(): described})
    document: dict[str, Any] = spec.to_dict()
    return document


def _in_version(rules: Rules, rule: Rule, operation: Operation) -> Operation:
    """An operation as the Airflow version that is emulated has it."""
    if rules.has_regions and operation.regional is not None:
        also = (*operation.also, 400, 404, 409, 422)
        operation = replace(operation, query=operation.regional, also=also)
    if operation.newer is not None and rules.execution_api >= operation.newer[0]:
        operation = replace(operation, body=operation.newer[1])
    is_read = _methods(rule) <= {"GET", "HEAD"}
    if rules.admission is not None and api_of(rule.rule).is_versioned and not is_read:
        operation = replace(operation, also=(*operation.also, 410))
    return operation


def _methods(rule: Rule) -> set[str]:
    """The methods that a rule names; werkzeug adds HEAD to GET, and OPTIONS."""
    methods = (rule.methods or set()) - {"OPTIONS"}
    if "GET" in methods:
        return methods - {"HEAD"}
    return methods


def _schema_name(schema: Any) -> str:
    """``CoreTaskStateStoreResponse``: two APIs may have schemas of the same name."""
    cls = schema if isinstance(schema, type) else type(schema)
    *_, package, module = cls.__module__.split(".")
    if package in ("core", "execution"):  # Airflow's APIs
        module = package
    part = _PARTS.get(cls.__name__) or _PARTS.get(module) or module.capitalize()
    if cls.__name__.startswith(part):
        return cls.__name__
    return f"{part}{cls.__name__}"


def _field_properties(self: Any, field: Any, **_: Any) -> dict[str, Any]:
    """The JSON schema of one of our fields; an attribute function of apispec."""
    if not isinstance(field, Field):
        return {}
    properties = field.openapi()
    if isinstance(properties.get("items"), Schema):
        properties["items"] = self.resolve_nested_schema(properties["items"])
    if field.allow_none and isinstance(properties.get("type"), str):
        properties["type"] = [properties["type"], "null"]
    return properties


def _paths(rule: str, operation: Operation) -> list[tuple[str, Query | None]]:
    """A rule's paths in OpenAPI's syntax; a rule by name or by uri has two."""
    path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule)
    if operation.by is None:
        return [(path, operation.query)]
    return [(path.replace("{by}", by), query) for by, query in operation.by.items()]


def _described(
    endpoint: str, method: str, path: str, operation: Operation, query: Query | None
) -> dict[str, Any]:
    api = api_of(path)
    doc = current_app.view_functions[endpoint].__doc__ or ""
    described: dict[str, Any] = {
        "tags": [api.tag],
        "operationId": _operation_id(endpoint, path),
        "summary": doc.strip().split("\n")[0],
        "parameters": _path_parameters(path),
        "responses": _responses(api, method, path, operation),
        "security": [],
    }
    if query:
        described["parameters"].append({"in": "query", "schema": query})
    if not operation.open:
        described["security"] = [*({token: []} for token in api.tokens), {}]
    if api.is_versioned:
        described["parameters"].append(_VERSION_HEADER)
    if operation.body is not None:
        described["requestBody"] = {
            "required": not _is_optional(operation.body),
            "content": _content(operation),
        }
    return described


def _is_optional(body: Body) -> bool:
    return not isinstance(body, tuple) and issubclass(body, BareBody) and body().may_be_missing


def _operation_id(endpoint: str, path: str) -> str:
    own = _FAMILY.sub(r"\1.", endpoint.removeprefix("control."))
    name = _KNOWN_AS.get(own, own)
    for by in ("by_name", "by_uri"):
        if by.replace("_", "-") in path:
            name += f"_{by}"
    return re.sub(r"\W+", "_", name).strip("_")


def _path_parameters(path: str) -> list[dict[str, Any]]:
    kinds = {
        "asset_id": {"type": "integer"},
        "offset": {"type": "integer"},
        "fault_id": {"type": "integer", "minimum": 0},
        "task_instance_id": {"type": "string", "format": "uuid"},
    }
    parameters: list[dict[str, Any]] = []
    for name in re.findall(r"{(\w+)}", path):
        schema = kinds.get(name, {"type": "string", "minLength": 1})
        parameters.append({"in": "path", "name": name, "required": True, "schema": schema})
        if name in _EXAMPLES:
            parameters[-1]["example"] = _EXAMPLES[name]
    return parameters


def _content(operation: Operation) -> dict[str, Any]:
    schema: Any = operation.body
    if isinstance(schema, tuple):
        schema = {"anyOf": list(schema)}
    elif issubclass(schema, BareBody):
        schema = schema().fields["value"].openapi()
    content = {"application/json": {"schema": schema}}
    if operation.forms:
        content["application/x-www-form-urlencoded"] = {"schema": schema}
    return content


def _responses(api: Api, method: str, path: str, operation: Operation) -> dict[str, Any]:
    status, answer = operation.answer
    headers = dict(operation.headers or {})
    if api.is_versioned:
        headers = {**_ECHOED, **headers}
    done: dict[str, Any] = {"description": "done", "headers": _headers(headers)}
    if answer is not None:
        done["content"] = {"application/json": {"schema": answer}}
    responses = {str(status): done}
    if operation.preferred is not None:
        responses["200"] = {
            "description": "for `Prefer: return=representation`, where the headers lack room",
            "content": {"application/json": {"schema": operation.preferred}},
        }
    statuses = _error_statuses(api, method, path, operation)
    for code in operation.also:
        if code < 300:
            responses[str(code)] = {"description": "nothing had to be done"}
        else:
            statuses.add(code)
    return {**responses, **{str(code): _error(api, operation, code) for code in sorted(statuses)}}


def _error_statuses(api: Api, method: str, path: str, operation: Operation) -> set[int]:
    """The statuses of errors that follow from a call's API, path and method."""
    statuses = {421, 500}
    if not operation.open:
        statuses |= {401, 403}
    if method not in ("GET", "HEAD"):
        statuses |= {403, 507}
    if method in ("POST", "PUT", "PATCH"):
        statuses |= {400, 413, 422, 429}
        if api.is_control:
            statuses.add(415)
    if "{" in path or operation.query or operation.by:
        statuses.add(422)
    if api.is_versioned:
        statuses |= {404, 422}
    if api.is_control:  # its calls may be long
        statuses.add(429)
    if "{" in path:
        statuses.add(404)
    return statuses


def _error(api: Api, operation: Operation, code: int) -> dict[str, Any]:
    shapes = api.errors.get(code, (api.error,))
    if operation.errors and code in operation.errors:
        shapes = operation.errors[code]
    schema: Any = shapes[0]
    if len(shapes) > 1:
        schema = {"anyOf": list(shapes)}
    headers = {}
    if code in (429, 503):
        headers["Retry-After"] = "Seconds to wait."
    return {
        "description": api.phrases.get(code) or _PHRASES.get(code) or HTTPStatus(code).phrase,
        "headers": _headers(headers),
        "content": {"application/json": {"schema": schema}},
    }


def _headers(about: dict[str, str]) -> dict[str, Any]:
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in about.items()
    }


_PHRASES = {
    401: "No token, or one that has expired",
    403: "Not allowed with this token, or from another site's page",
    413: "The body is longer than --max-body",
    421: "The host is not allowed (--allow-host)",
    429: "Too many long calls at the same time",
    507: "The disk is full; nothing was changed",
}

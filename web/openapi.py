"""``/openapi.json``: the three APIs described from their schemas, made when it is first asked for.

apispec writes it: unlike flask-smorest it leaves views, blueprints and errors alone, and those have to answer exactly
as Airflow does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app
from marshmallow import Schema

from schemas import control, core, execution
from schemas.fields import Text
from state import __version__

from .errors import text_answer

bp = Blueprint("openapi", __name__)
_TAGS = {"execution_api": "Execution API", "core_api": "Core API", "login": "Core API", "control_api": "Control API"}
_NO_BODY = (204, None)
# statuses that any call of an API can end with, beside its own
_ALWAYS = {
    "execution_api": (400, 401, 403, 404, 413, 421, 422, 429, 507),
    "core_api": (400, 401, 403, 404, 413, 421, 422, 429, 507),
    "login": (400, 401, 403, 413, 415, 421, 422, 429),
    "control_api": (400, 401, 403, 404, 413, 415, 421, 422, 429, 507),
}


@dataclass(frozen=True)
class Operation:
    """What a view takes and gives.

    :param answer: its status, and the schema of its body, a bare JSON schema, or None for no body.
    :param also: further statuses of its own.
    """

    answer: tuple[int, type[Schema] | dict[str, Any] | None]
    query: type[Schema] | None = None
    body: type[Schema] | tuple[type[Schema], ...] | None = None
    also: tuple[int, ...] = ()


_OBJECT: dict[str, Any] = {"type": "object"}
_BY = {"name": execution.AssetKeyByNameQuery, "uri": execution.AssetKeyByUriQuery}
_STATES = tuple(type(schema) for schema in execution.TI_STATE_UPDATE.values())


class FixtureOptions(Schema):
    """How strictly a fixture is read."""

    strict = Text()


class ResetOptions(Schema):
    """What to return to."""

    to = Text()


class CleanOptions(Schema):
    """Whether only to count."""

    dry_run = Text()


OPERATIONS: dict[str, Operation] = {
    "execution_api.health": Operation((200, _OBJECT)),
    "execution_api.get_task_state_store": Operation((200, execution.TaskStateStoreResponse)),
    "execution_api.set_task_state_store": Operation(_NO_BODY, body=execution.TaskStateStorePutBody),
    "execution_api.delete_task_state_store": Operation(_NO_BODY),
    "execution_api.clear_task_state_store": Operation(_NO_BODY),
    "execution_api.ti_update_state": Operation(_NO_BODY, body=_STATES, also=(200, 409)),
    "execution_api.get_asset_state_store": Operation((200, execution.AssetStateStoreResponse)),
    "execution_api.set_asset_state_store": Operation(_NO_BODY, body=execution.AssetStateStorePutBody),
    "execution_api.delete_asset_state_store": Operation(_NO_BODY),
    "execution_api.clear_asset_state_store": Operation(_NO_BODY),
    "core_api.list_task_state_store": Operation((200, core.TaskStateStoreCollectionResponse), core.TaskListQuery),
    "core_api.get_task_state_store": Operation((200, core.TaskStateStoreResponse), core.TaskScopeQuery),
    "core_api.set_task_state_store": Operation(_NO_BODY, core.TaskScopeQuery, core.TaskStateStoreBody),
    "core_api.patch_task_state_store": Operation(
        (200, {"nullable": True, "enum": [None]}), core.TaskScopeQuery, core.TaskStateStorePatchBody
    ),
    "core_api.delete_task_state_store": Operation(_NO_BODY, core.TaskScopeQuery),
    "core_api.clear_task_state_store": Operation(_NO_BODY, core.ClearQuery),
    "core_api.list_asset_state_store": Operation((200, core.AssetStateStoreCollectionResponse), core.Pagination),
    "core_api.get_asset_state_store": Operation((200, core.AssetStateStoreResponse)),
    "core_api.set_asset_state_store": Operation(_NO_BODY, body=core.AssetStateStoreBody),
    "core_api.delete_asset_state_store": Operation(_NO_BODY),
    "core_api.clear_asset_state_store": Operation(_NO_BODY),
    "core_api.get_assets": Operation((200, core.AssetCollectionResponse), core.AssetsQuery),
    "core_api.get_version": Operation((200, core.VersionInfo)),
    "core_api.get_health": Operation((200, _OBJECT)),
    "login.create_token": Operation((201, core.LoginResponse), body=core.LoginBody),
    "login.create_token_cli": Operation((201, core.LoginResponse), body=core.LoginBody),
    "login.create_token_all_admins": Operation((201, core.LoginResponse)),
    "control_api.health": Operation((200, _OBJECT), also=(503,)),
    "control_api.reset": Operation(_NO_BODY, ResetOptions),
    "control_api.get_fixture": Operation((200, control.Fixture)),
    "control_api.put_fixture": Operation(_NO_BODY, FixtureOptions, control.Fixture),
    "control_api.create_task_instance": Operation((201, _OBJECT), body=control.TaskInstanceBody),
    "control_api.create_asset": Operation((201, _OBJECT), body=control.AssetBody),
    "control_api.clean": Operation((200, _OBJECT), CleanOptions),
}
_ERROR = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]}},
}
_ANY = {"description": "any JSON value but null", "anyOf": [
    {"type": kind} for kind in ("string", "number", "boolean", "object", "array")
]}  # fmt: skip
_MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]}
# how our own fields read, by the name of their class
_FIELDS: dict[str, dict[str, Any]] = {
    "JsonValue": _ANY,
    "UtcDateTime": _MOMENT,
    "ExpiresAt": {"anyOf": [*_MOMENT["anyOf"], {"type": "string", "enum": ["default"]}]},
    "Integer": {"type": "integer"},
    "Truth": {"type": "boolean"},
    "Texts": {"type": "array", "items": {"type": "string"}},
    "Text": {"type": "string"},
    "Word": {"type": "string"},
    "Uuid4": {"type": "string", "format": "uuid"},
    "OneOf": {"type": "string"},
    "Members": {"type": "array", "items": {"type": "object"}},
    "Mapping": {"type": "object"},
    "Number": {"type": "number"},
    "Duration": {},
    "Whole": {"type": "integer"},
    "Flag": {"type": "boolean"},
    "Raw": {},
}


# of what examples/demo.json holds, so that an example in the description is one that works there
_EXAMPLES: dict[str, Any] = {
    "dag_id": "etl",
    "run_id": "scheduled__2026-01-02T00:00:00+00:00",
    "task_id": "submit",
    "task_instance_id": "01920000-0000-7000-8000-000000000002",
    "asset_id": 1,
    "key": "job_id",
}


@bp.get("/openapi.json")
def get_openapi() -> Response:
    """Describe the three APIs."""
    return text_answer(_document())


@cache
def _document() -> str:
    return json.dumps(describe())


def describe() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the running app."""
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin

    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec("Stateroom", __version__, "3.1.0", [plugin], info={"description": __doc__})
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_field_properties)  # type: ignore[no-untyped-call]  # apispec has few
    spec.components.schema("Error", _ERROR)
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for rule in current_app.url_map.iter_rules():
        operation = OPERATIONS.get(rule.endpoint)
        if operation is not None:
            for path, query in _paths(rule.rule, operation):
                _add(spec, path, rule.endpoint, rule.methods or set(), operation, query)
    document: dict[str, Any] = spec.to_dict()
    return document


def _schema_name(schema: Any) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    part = cls.__module__.rsplit(".", 1)[-1].capitalize()
    return f"{part}{cls.__name__}"


def _field_properties(self: Any, field: Any, **_: Any) -> dict[str, Any]:
    """An attribute function of apispec's: the JSON schema of one of our fields."""
    name = type(field).__name__
    if type(field).__module__.startswith("marshmallow") and name != "Raw":
        return {}
    found = dict(_FIELDS[name])
    if field.allow_none and "anyOf" not in found and "type" in found:
        found["type"] = [found["type"], "null"]
    elif field.allow_none and "anyOf" in found:
        found["anyOf"] = [*found["anyOf"], {"type": "null"}]
    least = getattr(field, "least", None)
    if least is not None:
        found["minLength" if name == "Text" else "minimum"] = least
    if name == "OneOf":
        found["enum"] = list(field.states)
    return found


def _paths(rule: str, operation: Operation) -> list[tuple[str, type[Schema] | None]]:
    """A rule's paths in OpenAPI's spelling; one that goes by name or by uri is two."""
    path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule)
    if "{by}" not in path:
        return [(path, operation.query)]
    queries = _BY if path.endswith("value") else {"name": execution.AssetByNameQuery, "uri": execution.AssetByUriQuery}
    return [(path.replace("{by}", by), query) for by, query in queries.items()]


def _add(
    spec: Any, path: str, endpoint: str, methods: set[str], operation: Operation, query: type[Schema] | None
) -> None:
    view = current_app.view_functions[endpoint]
    part, name = endpoint.split(".")
    tag = _TAGS[part]
    described: dict[str, Any] = {
        "tags": [tag],
        "operationId": re.sub(r"\W+", "_", f"{part} {name} {_suffix(path)}").strip("_"),
        "summary": (view.__doc__ or "").strip().split("\n")[0],
        "parameters": [*_path_parameters(path), *([{"in": "query", "schema": query}] if query else [])],
        "responses": _responses(part, operation),
        "security": [{}, {"bearer": []}],
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body(operation.body)}},
        }
    for method in methods - {"HEAD", "OPTIONS"}:
        spec.path(path, operations={method.lower(): described})


def _suffix(path: str) -> str:
    return "by_name" if "by-name" in path else "by_uri" if "by-uri" in path else ""


def _path_parameters(path: str) -> list[dict[str, Any]]:
    kinds = {"asset_id": {"type": "integer"}, "task_instance_id": {"type": "string", "format": "uuid"}}
    return [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": kinds.get(name, {"type": "string", "minLength": 1}),
            "example": _EXAMPLES[name],
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _body(body: Any) -> Any:
    return {"anyOf": list(body)} if isinstance(body, tuple) else body


def _responses(part: str, operation: Operation) -> dict[str, Any]:
    status, answer = operation.answer
    errors = {str(code): _error(code) for code in (*_ALWAYS[part], *operation.also) if code >= 400}
    empty = {str(code): {"description": "nothing had to be done"} for code in operation.also if code < 300}
    content = {} if answer is None else {"content": {"application/json": {"schema": answer}}}
    return {str(status): {"description": "done", **content}, **empty, **errors}


def _error(code: int) -> dict[str, Any]:
    content = {"application/json": {"schema": "Error"}}
    return {"description": HTTPStatus(code).phrase, "content": content}

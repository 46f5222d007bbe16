"""Variables, which all tasks share, under ``/variables``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g

from schemas.execution import variables as schemas
from state.masking import masked_variable
from state.store.tables import variables
from state.store.views import shared
from state.words import count

from ...operation import NO_BODY, Operation
from ...request import version
from ...request.parsing import body, path, query, read
from ...request.state_call import note_read
from ...responses import NO_CONTENT, json_answer
from ...service import setting

bp = Blueprint("variables", __name__, url_prefix="/variables")
_PATH = schemas.VariablePath()
_QUERY = schemas.VariableKeysQuery()
_KEY = "/<key:variable_key>"


@bp.get("/keys")
@Operation(
    (200, schemas.VariableKeysResponse),
    query=schemas.VariableKeysQuery,
    state_op="list_variables",
)
def get_variable_keys() -> Response:
    """List the keys of variables; before 2026-06-30 this was the variable ``keys``."""
    if not version.has_variable_keys():
        return get_variable("keys")
    (asked,) = read(query(_QUERY))
    keys, total = shared.variable_keys(
        g.namespace, asked["prefix"], asked["limit"], asked["offset"]
    )
    note_read(f"{len(keys)} of {count(total, 'variable')}")
    return json_answer({"keys": keys, "total_entries": total})


@bp.get(_KEY)
@Operation((200, schemas.VariableResponse), state_op="get_variable")
def get_variable(variable_key: str) -> Response:
    """Get a variable."""
    (place,) = read(path(_PATH, variable_key=variable_key))
    key = place["variable_key"]
    value = variables.value_of(g.namespace, key)
    note_read()
    return json_answer({"key": key, "value": value})


@bp.put(_KEY)
@Operation((201, schemas.VariableSetResponse), body=schemas.VariablePostBody)
def put_variable(variable_key: str) -> Response:
    """Create or overwrite a variable."""
    schema = schemas.variable_body(g.body)
    place, payload = read(path(_PATH, variable_key=variable_key), body(schema))
    key = place["variable_key"]
    value = str(payload["val"])  # null becomes the text "None", as in Airflow
    shown = masked_variable(key, value, setting("sensitive_var_conn_names"))
    variables.set_variable(g.namespace, key, value, payload["description"], g.writer, shown)
    return json_answer({"message": "Variable successfully set"}, 201)


@bp.delete(_KEY)
@Operation(NO_BODY)
def delete_variable(variable_key: str) -> Any:
    """Delete a variable; an unknown one is no error."""
    (place,) = read(path(_PATH, variable_key=variable_key))
    variables.delete_variable(g.namespace, place["variable_key"], g.writer)
    return NO_CONTENT

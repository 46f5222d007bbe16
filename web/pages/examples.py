"""The ``curl`` and Python lines that do what a page just did."""

from __future__ import annotations

import json
import shlex
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from flask import g

from .urls import address

_LONGEST = 600  # characters of a value in a line


class _Call(NamedTuple):
    """A call as the lines need it.

    :param client_call: what follows ``StateroomClient(…).`` in the Python line.
    :param members: of the body, beside ``value``.
    """

    path: str
    query: dict[str, Any]
    client_call: str
    members: dict[str, Any]


def recipe(
    verb: str,
    owner: dict[str, Any],
    key: str | None = None,
    text: str | None = None,
    in_row: bool = False,
    **more: Any,
) -> dict[str, str]:
    """The ``curl`` and the ``python`` line for ``get``, ``set``, ``delete`` or ``clear``.

    :param text: the value's JSON; a long one is left to a file.
    :param in_row: whether the value is stored in its row, without the backend.
    :param more: further members of the body, such as ``expires_at``.
    """
    service = g.service
    needs_token = service.keys.guards_control
    has_backend = service.backend_of(g.namespace).hooks is not None
    is_reachable = owner["asset_id"] is not None or owner.get("id")
    if has_backend and not in_row and is_reachable and verb in ("get", "set", "delete"):
        call = _gateway(verb, owner, str(key), text, more)
    else:
        call = _core(verb, owner, key, text, more)
    arguments = f'"{address()}"'
    if needs_token:
        arguments += ", token"
    return {
        "curl": _curl(verb, address(), call, text, needs_token),
        "python": f"StateroomClient({arguments}).{call.client_call}",
    }


def set_command(owner: dict[str, Any]) -> str:
    """The command that stores a first key of a task instance."""
    parts = ["stateroom", "set", "cursor", '{"page": 1}', "--url"]
    parts.append(address())
    for name in ("dag", "run", "task"):
        parts += [f"--{name}", owner[f"{name}_id"]]
    if owner["map_index"] != -1:
        parts += ["--map-index", str(owner["map_index"])]
    return shlex.join(parts)


def _core(
    verb: str, owner: dict[str, Any], key: str | None, text: str | None, more: dict[str, Any]
) -> _Call:
    query: dict[str, Any] = {}
    if owner["asset_id"] is not None:
        path = f"/api/v2/assets/{owner['asset_id']}/state-store"
        keyspace = f"asset_by_id({owner['asset_id']})"
    else:
        names = [_segment(owner[name]) for name in ("dag_id", "run_id", "task_id")]
        path = "/api/v2/dags/{}/dagRuns/{}/taskInstances/{}/state-store".format(*names)
        if owner["map_index"] != -1:
            query["map_index"] = owner["map_index"]
        scope = ", ".join(repr(owner[name]) for name in ("dag_id", "run_id", "task_id", *query))
        keyspace = f"task_by_scope(TaskScope({scope}))"
    arguments = []
    if key is not None:
        path += f"/{_segment(key)}"
        arguments.append(repr(key))
    if text is not None:
        arguments.append(_python_literal(text))
        if more.get("expires_at"):
            moment = more["expires_at"].replace("Z", "+00:00")
            arguments.append(f"datetime.fromisoformat({moment!r})")
    return _Call(path, query, f"{keyspace}.{verb}({', '.join(arguments)})", more)


def _gateway(
    verb: str, owner: dict[str, Any], key: str, text: str | None, more: dict[str, Any]
) -> _Call:
    path = f"/_stateroom/values/ti/{owner.get('id')}"
    query = {"key": key}
    if owner["asset_id"] is not None:
        path = "/_stateroom/values/asset/by-name"
        query = {"name": owner["asset"], "key": key}
    members = {name: value for name, value in more.items() if name == "retention"}
    method = {"get": "GET", "set": "PUT", "delete": "DELETE"}[verb]
    json_argument = ""
    if text is not None:
        json_argument = f', json={{"value": {_python_literal(text)}}}'
    client_call = f"call({method!r}, {path!r}, params={query!r}{json_argument})"
    return _Call(path, query, client_call, members)


def _curl(verb: str, address: str, call: _Call, text: str | None, needs_token: bool) -> str:
    method = {"get": "", "set": "-X PUT ", "delete": "-X DELETE ", "clear": "-X DELETE "}[verb]
    url = address + call.path
    if call.query:
        url += f"?{urlencode(call.query)}"
    parts = [f"curl {method}{shlex.quote(url)}"]
    if "/../" in f"{call.path}/" or "/./" in f"{call.path}/":
        parts.append("--path-as-is")
    if needs_token:
        parts.append('-H "Authorization: Bearer $STATEROOM_TOKEN"')
    if text is not None:
        members = "".join(
            f", {json.dumps(name)}: {json.dumps(value)}" for name, value in call.members.items()
        )
        body = f'{{"value": {text}{members}}}'
        data = "@body.json"
        if len(body) <= _LONGEST:
            data = shlex.quote(body)
        parts.append(f"-H 'Content-Type: application/json' -d {data}")
    return " ".join(parts)


def _segment(text: str) -> str:
    return quote(text, safe="")


def _python_literal(text: str) -> str:
    """A JSON text as a Python literal; for a long one the name of a variable, ``value``."""
    if len(text) > _LONGEST:
        return "value"
    return repr(json.loads(text))

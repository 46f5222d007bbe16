"""The same from a shell and from Python: the lines that do what the page did."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import quote, urlencode

from flask import g, request

from ..service import service
from .session import needs_login

_LONGEST = 600  # characters of a value in a line


def recipe(
    verb: str, place: dict[str, Any], key: str | None = None, text: str | None = None, **more: Any
) -> Any:
    """The ``curl`` and the ``python`` line for ``get``, ``set``, ``delete`` or ``clear``.

    :param text: the value's JSON; a long one is left to a file.
    :param more: further members of the body, such as ``expires_at``.
    """
    through_gateway = service().backend_of(g.namespace).hooks is not None and verb in (
        "get",
        "set",
        "delete",
    )
    if through_gateway and (place["asset_id"] is not None or place.get("id")):
        return _gateway(verb, place, str(key), text, more)
    return _core(verb, place, key, text, more)


def origin() -> str:
    """The address of this namespace."""
    return request.host_url.rstrip("/") + request.script_root


def _core(
    verb: str, place: dict[str, Any], key: str | None, text: str | None, more: dict[str, Any]
) -> Any:
    if place["asset_id"] is not None:
        path, query = f"/api/v2/assets/{place['asset_id']}/state-store", {}
        keyspace = f"asset_by_id({place['asset_id']})"
    else:
        names = [_segment(place[name]) for name in ("dag_id", "run_id", "task_id")]
        path = "/api/v2/dags/{}/dagRuns/{}/taskInstances/{}/state-store".format(*names)
        query = {"map_index": place["map_index"]} if place["map_index"] != -1 else {}
        scope = ", ".join(repr(place[name]) for name in ("dag_id", "run_id", "task_id", *query))
        keyspace = f"task_by_scope(TaskScope({scope}))"
    path += f"/{_segment(key)}" if key is not None else ""
    given = ([_python(key)] if key is not None else []) + (
        [_python_of(text)] if text is not None else []
    )
    if more.get("expires_at") and text is not None:
        given.append(f"datetime.fromisoformat({more['expires_at'].replace('Z', '+00:00')!r})")
    return {
        "curl": _curl(verb, path, query, text, more),
        "python": _client(f"{keyspace}.{verb}({', '.join(given)})"),
    }


def _gateway(
    verb: str, place: dict[str, Any], key: str, text: str | None, more: dict[str, Any]
) -> Any:
    if place["asset_id"] is not None:
        path, query = "/_stateroom/values/asset/by-name", {"name": place["asset"], "key": key}
    else:
        path, query = f"/_stateroom/values/ti/{place['id']}", {"key": key}
    body = {"retention": more["retention"]} if "retention" in more else {}
    method = {"get": "GET", "set": "PUT", "delete": "DELETE"}[verb]
    given = f', json={{"value": {_python_of(text)}}}' if text is not None else ""
    call = f"call({method!r}, {path!r}, params={query!r}{given})"
    return {"curl": _curl(verb, path, query, text, body), "python": _client(call)}


def _curl(
    verb: str, path: str, query: dict[str, Any], text: str | None, more: dict[str, Any]
) -> str:
    method = {"get": "", "set": "-X PUT ", "delete": "-X DELETE ", "clear": "-X DELETE "}[verb]
    url = origin() + path + (f"?{urlencode(query)}" if query else "")
    parts = [f"curl {method}{shlex.quote(url)}"]
    if "/../" in f"{path}/" or "/./" in f"{path}/":
        parts.append("--path-as-is")
    if needs_login():
        parts.append('-H "Authorization: Bearer $STATEROOM_TOKEN"')
    if text is not None:
        members = "".join(
            f", {json.dumps(name)}: {json.dumps(value)}" for name, value in more.items()
        )
        body = f'{{"value": {text}{members}}}'
        data = shlex.quote(body) if len(body) <= _LONGEST else "@body.json"
        parts.append(f"-H 'Content-Type: application/json' -d {data}")
    return " ".join(parts)


def _client(call: str) -> str:
    token = ", token" if needs_login() else ""
    return f'StateroomClient("{origin()}"{token}).{call}'


def _segment(text: str) -> str:
    return quote(text, safe="")


def _python(value: Any) -> str:
    return repr(value)


def _python_of(text: str | None) -> str:
    """A JSON text as Python; a long one as what was read before."""
    return repr(json.loads(text)) if text is not None and len(text) <= _LONGEST else "value"

"""Connections as people write them: as a URI, as JSON, or as their members."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_MEMBERS = ("conn_type", "host", "schema", "login", "password", "port", "extra", "description")
_EXTRA = "__extra__"  # the parameter of a URI that holds the whole extra as JSON
_WRITE = (
    "write a URI such as postgres://user:password@host:5432/schema?sslmode=require, or JSON such "
    'as {"conn_type": "postgres", "host": "localhost"}'
)


def connection(conn_id: str, value: str | Mapping[str, Any]) -> dict[str, Any]:
    """The members of a connection, as a fixture document has them.

    A URI is read as the Task SDK reads one in ``AIRFLOW_CONN_…`` (Airflow 3.3.2): the parts are
    percent-decoded, the parameters are the extra.

    :param value: a URI, the text of a JSON object, or the members.
    :raises ValueError: if it cannot be read; the message does not repeat it, for its secrets.
    """
    if not isinstance(value, str | Mapping):
        raise _invalid(conn_id, f"it is of the type {type(value).__name__}")
    if not isinstance(value, str):
        return {"conn_id": conn_id, **_checked(conn_id, value)}
    if value.lstrip().startswith("{"):
        try:
            members = json.loads(value)
        except ValueError as error:
            raise _invalid(conn_id, f"it is not JSON: {error}") from None
        return {"conn_id": conn_id, **_checked(conn_id, members)}
    return {"conn_id": conn_id, **_from_uri(conn_id, value)}


def _invalid(conn_id: str, why: str) -> ValueError:
    return ValueError(f"invalid connection {conn_id!r}: {why}; {_WRITE}")


def _checked(conn_id: str, members: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [name for name in members if name not in _MEMBERS]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise _invalid(conn_id, f"unknown member {names} (the members: {', '.join(_MEMBERS)})")
    if not members.get("conn_type"):
        raise _invalid(conn_id, "it has no conn_type")
    extra = members.get("extra")
    if isinstance(extra, Mapping):
        return {**members, "extra": json.dumps(extra)}
    return dict(members)


def _from_uri(conn_id: str, uri: str) -> dict[str, Any]:
    scheme, separator, rest = uri.partition("://")
    if not separator or not scheme:
        raise _invalid(conn_id, "it is neither a URI nor a JSON object")
    protocol, inner, _ = rest.partition("://")  # http://https://host: a host with its protocol
    if inner and not set(protocol) & set("/?@"):
        uri = rest
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise _invalid(conn_id, str(error)) from None
    host = unquote(parts.hostname or "")
    if uri == rest:
        host = f"{protocol}://{host}"
    members = {
        "conn_type": _conn_type(scheme),
        "host": host,
        "schema": unquote(parts.path[1:]),
        "login": _decoded(parts.username),
        "password": _decoded(parts.password),
        "port": port,
        "extra": _extra(parts.query),
    }
    return {name: value for name, value in members.items() if value is not None}


def _conn_type(scheme: str) -> str:
    name = scheme.lower().replace("-", "_")
    return {"postgresql": "postgres"}.get(name, name)


def _decoded(text: str | None) -> str | None:
    if text is None:
        return None
    return unquote(text)


def _extra(query: str) -> str | None:
    if not query:
        return None
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if _EXTRA in parameters:
        return parameters[_EXTRA]
    return json.dumps(parameters)

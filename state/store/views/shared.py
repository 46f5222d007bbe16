"""Variables and connections as lists: for workers, for fixture documents and for pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from ...masking import masked, masked_variable
from ...model.env_secrets import Placeholders
from ..database.budget import spend
from ..database.sql import in_range, rows
from ..namespace import Namespace
from ..tables.connections import COLUMNS

_LONGEST = 64 * 1024  # characters of a value that a page shows
_SKIPPED = 16  # bytes of a call's budget that take as long to read as a key to be counted


def variable_keys(
    namespace: Namespace, prefix: str, limit: int, offset: int
) -> tuple[list[str], int]:
    """A page of the keys that begin with a prefix, in their order, and the total.

    Letters from A to Z match in either case, as in an Airflow on SQLite.

    :raises OutOfRange: for an offset beyond 64 bits.
    """
    source = "FROM variables WHERE ns = ? AND substr(key, 1, ?) = ? COLLATE NOCASE"
    parameters = (namespace.ns, len(prefix), prefix)
    page = (limit, in_range("offset", offset))
    with namespace.database.snapshot() as db:
        (total,) = db.execute(f"SELECT count(*) {source}", parameters).fetchone()
        spend((total + offset) * _SKIPPED)
        keys = db.execute(
            f"SELECT key {source} ORDER BY key LIMIT ? OFFSET ?", (*parameters, *page)
        ).fetchall()
    return [key for (key,) in keys], total


def exported(
    db: sqlite3.Connection, ns: int, with_secrets: bool, sensitive: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
    """The parts ``variables`` and ``connections`` of a fixture document, without empty ones and
    without members that are null.

    :param with_secrets: give the secrets; else the names of environment variables that a service
        needs to load the document.
    :param sensitive: further words in names of secrets, as for :func:`masked_variable`.
    """
    variables = rows(
        db, "SELECT key, value, description FROM variables WHERE ns = ? ORDER BY key", (ns,)
    )
    connections = rows(
        db, f"SELECT {COLUMNS} FROM connections WHERE ns = ? ORDER BY conn_id", (ns,)
    )
    if not with_secrets:
        _put_placeholders(variables, connections, sensitive)
    parts = {"variables": variables, "connections": connections}
    return {
        name: [
            {member: value for member, value in item.items() if value is not None} for item in part
        ]
        for name, part in parts.items()
        if part
    }


def _put_placeholders(
    variables: list[dict[str, Any]], connections: list[dict[str, Any]], sensitive: Iterable[str]
) -> None:
    """Put names of environment variables in place of secrets; an empty one is none."""
    placeholders = Placeholders()
    for variable in variables:
        key = variable["key"]
        value = variable["value"]
        if value and masked_variable(key, value, sensitive) != value:
            variable["value"] = placeholders.of_variable(key)
    for connection in connections:
        for member in _secrets(connection):
            connection[member] = placeholders.of_connection(connection["conn_id"], member)


def _secrets(connection: dict[str, Any]) -> list[str]:
    """The members of a connection that hold secrets; its host does if it is a URL with a
    password.
    """
    members = [member for member in ("password", "extra") if connection[member]]
    host = connection["host"]
    if host and masked(host) != host:
        members.append("host")
    return members


def variables_without_secrets(
    namespace: Namespace, most: int, sensitive: Iterable[str]
) -> tuple[list[dict[str, Any]], int]:
    """The first variables by key as a person may see them, and the number of all.

    :returns: ``key``, ``value`` (None if it is too long), ``size`` in characters, ``description``.
    :param sensitive: as for :func:`masked_variable`.
    """
    with namespace.database.snapshot() as db:
        sql = "SELECT count(*) FROM variables WHERE ns = ?"
        (total,) = db.execute(sql, (namespace.ns,)).fetchone()
        variables = rows(
            db,
            f"""SELECT key, CASE WHEN length(value) <= {_LONGEST} THEN value END AS value,
                length(value) AS size, description
            FROM variables WHERE ns = ? ORDER BY key LIMIT ?""",
            (namespace.ns, most),
        )
    for variable in variables:
        if variable["value"] is not None:
            variable["value"] = masked_variable(variable["key"], variable["value"], sensitive)
    return variables, total


def connections_without_secrets(
    namespace: Namespace, most: int
) -> tuple[list[dict[str, Any]], int]:
    """The first connections by id as a person may see them, and the number of all.

    :returns: all members but ``password`` and ``extra``, and a ``host`` without credentials;
        ``secrets`` names the members that are hidden.
    """
    with namespace.database.snapshot() as db:
        sql = "SELECT count(*) FROM connections WHERE ns = ?"
        (total,) = db.execute(sql, (namespace.ns,)).fetchone()
        connections = rows(
            db,
            f"SELECT {COLUMNS} FROM connections WHERE ns = ? ORDER BY conn_id LIMIT ?",
            (namespace.ns, most),
        )
    for connection in connections:
        connection["secrets"] = _secrets(connection)
        del connection["password"], connection["extra"]
        if connection["host"]:
            connection["host"] = masked(connection["host"])
    return connections, total

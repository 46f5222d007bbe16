"""The tables of asset events, and of the aliases that stand for assets."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from ...errors import BadOutletEvent, InvalidPartitionKey
from ...model import values
from ...model.clock import to_text
from ..database.sql import in_range, row_as_dict, upsert
from ..namespace import Namespace
from .assets import put_asset

_LONGEST_PARTITION_KEY = 250  # characters, of a column of Airflow's
_SOURCE = ("source_dag_id", "source_task_id", "source_run_id", "source_map_index")
_COLUMNS = ("asset_pk", "timestamp", "extra", *_SOURCE, "partition_key")
_PUT = upsert("asset_events", ("ns", "id"), _COLUMNS) + " RETURNING event_pk"
_LINK = """INSERT INTO asset_event_aliases (event_pk, alias_pk)
    SELECT ?, alias_pk FROM asset_aliases WHERE ns = ? AND name = ?"""


def put_alias(
    db: sqlite3.Connection,
    namespace: Namespace,
    name: str,
    group: str,
    assets: Iterable[int] | None,
) -> None:
    """Create or update an alias by its name.

    :param assets: the rows of the assets that it stands for; None to leave them as they are.
    """
    (pk,) = db.execute(
        """INSERT INTO asset_aliases (ns, id, name, group_name) VALUES (:ns,
        (SELECT coalesce(max(id), 0) + 1 FROM asset_aliases WHERE ns = :ns), :name, :group)
        ON CONFLICT (ns, name) DO UPDATE SET group_name = excluded.group_name RETURNING alias_pk""",
        {"ns": namespace.ns, "name": name, "group": group},
    ).fetchone()
    if assets is not None:
        db.execute("DELETE FROM asset_alias_assets WHERE alias_pk = ?", (pk,))
        sql = "INSERT INTO asset_alias_assets (alias_pk, asset_pk) VALUES (?, ?)"
        db.executemany(sql, [(pk, asset_pk) for asset_pk in dict.fromkeys(assets)])


def put_event(
    db: sqlite3.Connection,
    namespace: Namespace,
    event: dict[str, Any],
    aliases: Iterable[str] = (),
    runs: Iterable[int] = (),
) -> int:
    """Create or update an asset event by its id, which is the next one by default.

    :param event: ``asset_pk`` and the columns of the event, as they are stored.
    :param aliases: the names of the aliases that it came from; unknown ones are ignored.
    :param runs: the rows of the dag runs that consumed it.
    :returns: its id.
    :raises OutOfRange: if an event has the highest possible id.
    """
    row = {**dict.fromkeys(_SOURCE), "partition_key": None, **event, "ns": namespace.ns}
    if row["source_map_index"] is None:
        row["source_map_index"] = -1  # as Airflow's column has it
    if "id" not in event:
        sql = "SELECT coalesce(max(id), 0) + 1 FROM asset_events WHERE ns = ?"
        (row["id"],) = db.execute(sql, (namespace.ns,)).fetchone()
    in_range("id", row["id"])
    (pk,) = db.execute(_PUT, row).fetchone()
    db.execute("DELETE FROM asset_event_aliases WHERE event_pk = ?", (pk,))
    links = [(pk, namespace.ns, alias) for alias in dict.fromkeys(aliases)]
    db.executemany(_LINK, links)
    db.execute("DELETE FROM asset_event_runs WHERE event_pk = ?", (pk,))
    consumers = [(pk, run_pk) for run_pk in dict.fromkeys(runs)]
    db.executemany("INSERT INTO asset_event_runs (event_pk, run_pk) VALUES (?, ?)", consumers)
    return int(row["id"])


def remove_all(db: sqlite3.Connection, ns: int) -> None:
    """Remove the aliases of a namespace, inside the caller's transaction; the events go with their
    assets.
    """
    db.execute("DELETE FROM asset_aliases WHERE ns = ?", (ns,))


# ---------------------------------------------------------------- what a task's success makes


class Outlets(NamedTuple):
    """What a task that has succeeded says of its outlets, as it was sent.

    :param outlets: a ``name``, a ``uri`` and a ``type`` each: ``Asset``, ``AssetNameRef``,
        ``AssetUriRef`` or ``AssetAlias``.
    :param events: ``dest_asset_key``, ``extra``, and by way of an alias ``source_alias_name``.
    """

    outlets: list[dict[str, Any]]
    events: list[dict[str, Any]]

    def of_type(self, type_: str, *members: str) -> list[Any]:
        """What the outlets of a type have as these members, in order; an outlet without one of them
        is left out.
        """
        found = [
            tuple(outlet.get(member) for member in members)
            for outlet in self.outlets
            if outlet["type"] == type_
        ]
        return [texts for texts in dict.fromkeys(found) if all(texts)]


AssetKey = tuple[str, str]  # name and uri


class _Payload(NamedTuple):
    extra: str
    partition_key: str | None


class Change(NamedTuple):
    """An event to be made.

    :param asset_extra: of an asset that does not exist yet, as JSON text; None if it has to exist.
    """

    asset: AssetKey
    extra: str
    partition_key: str | None
    aliases: tuple[str, ...] = ()
    asset_extra: str | None = None


class Changes(NamedTuple):
    """What a task's success does to assets.

    :param inactive: the outlets that make no event, since no active asset is meant, as text.
    """

    events: list[Change]
    inactive: list[str]


def check_partition_keys(outlets: Outlets) -> None:
    """Check the partition keys of a task's events.

    :raises InvalidPartitionKey: if one is blank, longer than 250 characters or no Unicode text.
    """
    for event in outlets.events:
        key = event.get("partition_key")
        if key is None:
            continue
        if not isinstance(key, str):
            raise InvalidPartitionKey(f"must be a string; got {key!r}.")
        if values.broken_text(key, names=False):
            raise InvalidPartitionKey(f"must be Unicode text; {values.LONE_SURROGATE}.")
        if not key.strip():
            raise InvalidPartitionKey(f"must not be empty or whitespace-only; got {key!r}.")
        if len(key) > _LONGEST_PARTITION_KEY:
            rule = f"must be at most {_LONGEST_PARTITION_KEY} characters; got {len(key)}."
            raise InvalidPartitionKey(rule)


def changes(
    db: sqlite3.Connection, namespace: Namespace, outlets: Outlets, run_key: str | None
) -> Changes:
    """What a task's success does to assets, by Airflow's rules; an outlet that is not active makes
    no event, and an event of no outlet is ignored.

    :param run_key: the partition key of the dag run, which an event without one inherits.
    :raises BadOutletEvent: if an event is malformed, which makes the task instance failed.
    """
    payloads: dict[AssetKey, list[_Payload]] = {}
    for index, event in enumerate(outlets.events):
        if "source_alias_name" not in event:
            key = _asset_key(event, f"outlet_events[{index}]")
            partition_key = event.get("partition_key")
            if partition_key is None:
                partition_key = run_key
            payloads.setdefault(key, []).append(_Payload(_extra(event), partition_key))
    found: list[Change] = []
    inactive: list[str] = []
    for asset, label in _outlet_assets(db, namespace, outlets):
        if asset is None:
            inactive.append(label)
            continue
        found += [Change(asset, *each) for each in payloads.get(asset, [_Payload("{}", run_key)])]
    return Changes(found + _changes_by_alias(outlets, run_key), inactive)


def _asset_key(event: dict[str, Any], where: str) -> AssetKey:
    key = event.get("dest_asset_key")
    if not isinstance(key, dict) or sorted(key) != ["name", "uri"]:
        raise BadOutletEvent(f"{where} has no dest_asset_key of a name and a uri")
    if any(isinstance(text, dict | list) for text in key.values()):
        raise BadOutletEvent(f"{where}.dest_asset_key has a name or a uri that is not a string")
    if "extra" not in event:
        raise BadOutletEvent(f"{where} has no extra")
    return key["name"], key["uri"]


def _extra(event: dict[str, Any]) -> str:
    return values.dumps(event["extra"] or {})


def _outlet_assets(
    db: sqlite3.Connection, namespace: Namespace, outlets: Outlets
) -> list[tuple[AssetKey | None, str]]:
    """The asset that each outlet means, None if it is not active, and the outlet as text."""
    found: list[tuple[AssetKey | None, str]] = []
    for type_, members in _MEMBERS.items():
        condition = " AND ".join(f"{member} = ?" for member in members)
        sql = f"SELECT name, uri FROM assets WHERE ns = ? AND active AND {condition}"
        for texts in outlets.of_type(type_, *members):
            asset = db.execute(sql, (namespace.ns, *texts)).fetchone()
            found.append((None if asset is None else tuple(asset), repr(texts[0])))
    return found


_MEMBERS = {"Asset": ("name", "uri"), "AssetNameRef": ("name",), "AssetUriRef": ("uri",)}


def _changes_by_alias(outlets: Outlets, run_key: str | None) -> list[Change]:
    """The events by way of aliases; those that differ in their aliases alone are one event."""
    declared = {name for (name,) in outlets.of_type("AssetAlias", "name")}
    aliases: dict[tuple[AssetKey, str, str], list[str]] = {}
    for index, event in enumerate(outlets.events):
        alias = event.get("source_alias_name")
        if not isinstance(alias, str) or alias not in declared:
            continue
        key = _asset_key(event, f"outlet_events[{index}]")
        asset_extra = json.dumps(event.get("dest_asset_extra") or {}, sort_keys=True)
        extra = json.dumps(event["extra"] or {}, sort_keys=True)
        aliases.setdefault((key, asset_extra, extra), []).append(alias)
    return [
        Change(key, extra, run_key, tuple(names), asset_extra)
        for (key, asset_extra, extra), names in aliases.items()
    ]


def make(
    db: sqlite3.Connection, namespace: Namespace, scope_id: int, events: Iterable[Change]
) -> None:
    """Make the events of a task instance, and the assets that it made up by way of an alias, which
    are not active.

    :param scope_id: the row of the task instance's scope.
    """
    source = row_as_dict(
        db,
        """SELECT r.dag_id AS source_dag_id, s.task_id AS source_task_id, r.run_id AS source_run_id,
            s.map_index AS source_map_index
        FROM scopes s JOIN dag_runs r USING (run_pk) WHERE s.scope_id = ?""",
        (scope_id,),
    )
    for change in events:
        asset_pk = _asset_pk(db, namespace, change)
        event = {
            **source,
            "asset_pk": asset_pk,
            "timestamp": to_text(namespace.clock.now()),
            "extra": change.extra,
            "partition_key": change.partition_key,
        }
        _link_aliases(db, namespace, asset_pk, change.aliases)
        put_event(db, namespace, event, change.aliases)


def _asset_pk(db: sqlite3.Connection, namespace: Namespace, change: Change) -> int:
    name, uri = change.asset
    sql = """SELECT asset_pk FROM assets WHERE ns = ? AND name = ? AND uri = ?
        ORDER BY active DESC, id LIMIT 1"""
    row = db.execute(sql, (namespace.ns, name, uri)).fetchone()
    if row is None:
        (last,) = db.execute(
            "SELECT coalesce(max(id), 0) FROM assets WHERE ns = ?", (namespace.ns,)
        ).fetchone()
        asset = {"id": in_range("id", last + 1), "name": name, "uri": uri, "active": False}
        asset["extra"] = values.loads(change.asset_extra or "{}")
        put_asset(db, namespace, asset, "")
        row = db.execute(sql, (namespace.ns, name, uri)).fetchone()
    return int(row[0])


def _link_aliases(
    db: sqlite3.Connection, namespace: Namespace, asset_pk: int, names: Iterable[str]
) -> None:
    """Let aliases stand for an asset too; an alias that there is not is made."""
    for name in names:
        known = "SELECT 1 FROM asset_aliases WHERE ns = ? AND name = ?"
        if db.execute(known, (namespace.ns, name)).fetchone() is None:
            put_alias(db, namespace, name, "", None)
        db.execute(
            """INSERT INTO asset_alias_assets (alias_pk, asset_pk)
            SELECT alias_pk, ? FROM asset_aliases WHERE ns = ? AND name = ?
            ON CONFLICT DO NOTHING""",
            (asset_pk, namespace.ns, name),
        )

"""What a fixture document says of assets and of what tasks ask: Dags, aliases, events, and the
reschedules of attempts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from ..errors import BadDocument, OutOfRange
from ..model import values
from ..model.clock import to_text, to_wire
from .database.sql import each_row, in_range, rows
from .namespace import Namespace
from .tables import dag_runs
from .tables.asset_events import put_alias, put_event
from .tables.dags import NEW_DAG, put_dag
from .tables.task_reschedules import put_reschedule, remove_reschedules

Document = dict[str, Any]
# the lists of a document that are read here
LISTS = (
    *("former_attempts", "task_instances", "assets"),
    *("dags", "asset_aliases", "asset_events", "task_reschedules"),
)


def apply(
    db: sqlite3.Connection, namespace: Namespace, document: dict[str, list[Document]]
) -> None:
    """Create or update these parts of a document, inside the caller's transaction and after its
    runs, task instances and assets.

    :param document: the :data:`LISTS` of the document, with moments as they are stored.
    :raises BadDocument: with the path, if it refers to an asset, a run or a task instance that does
        not exist.
    """
    assets = AssetReferences(db, namespace.ns, document["assets"])
    for index, dag in enumerate(document["dags"]):
        put_dag(db, namespace, assets.in_dag(dag, f"dags[{index}]"))
    for index, alias in enumerate(document["asset_aliases"]):
        _put_alias(db, namespace, alias, assets, f"asset_aliases[{index}]")
    for index, event in enumerate(document["asset_events"]):
        numbered = {"id": index + 1, **event}
        _put_event(db, namespace, numbered, assets, f"asset_events[{index}]")
    _put_reschedules(db, namespace, document)


class AssetReferences:
    """The assets that a document's references mean: one of its own by its ``ref``, else one of the
    namespace by its name, the active one first, or by its id.
    """

    def __init__(self, db: sqlite3.Connection, ns: int, assets: list[Document]) -> None:
        self.db = db
        self.ns = ns
        self.refs: dict[str | int, int] = {
            asset["ref"]: asset["id"] for asset in assets if "ref" in asset
        }

    def asset(self, reference: str | int | Document, where: str) -> tuple[int, str, str]:
        """The row of an asset, its name and its uri.

        :raises BadDocument: if there is none.
        """
        condition = "name = :name"
        parameters: Document = {"ns": self.ns}
        if isinstance(reference, dict):
            condition = "name = :name AND uri = :uri"
            parameters |= reference
        elif isinstance(reference, int) or reference in self.refs:
            condition = "id = :id"
            asset_id = self.refs[reference] if isinstance(reference, str) else reference
            try:
                parameters["id"] = in_range("id", asset_id)
            except OutOfRange as error:
                raise BadDocument(where, str(error)) from None
        else:
            parameters["name"] = reference
        row = self.db.execute(
            f"""SELECT asset_pk, name, uri FROM assets WHERE ns = :ns AND {condition}
                ORDER BY active DESC, id LIMIT 1""",
            parameters,
        ).fetchone()
        if row is None:
            raise BadDocument(where, f"there is no asset {reference!r}; add it to assets")
        return row[0], row[1], row[2]

    def in_dag(self, dag: Document, where: str) -> Document:
        """A Dag whose tasks have the names and uris of their inlets and outlets."""
        if dag.get("tasks") is None:
            return dag
        return {
            **dag,
            "tasks": [
                self._in_task(task, f"{where}.tasks[{index}]")
                for index, task in enumerate(dag["tasks"])
            ],
        }

    def _in_task(self, task: Document, where: str) -> Document:
        assets: Document = {
            member: [
                self._key(reference, f"{where}.{member}[{index}]")
                for index, reference in enumerate(task[member])
            ]
            for member in ("inlets", "outlets")
            if member in task
        }
        return assets | {"task_id": task["task_id"]}

    def _key(self, reference: str | int | Document, where: str) -> Document:
        if isinstance(reference, dict):  # what a Dag file names need not be known
            return reference
        _, name, uri = self.asset(reference, where)
        return {"name": name, "uri": uri}


def _put_alias(
    db: sqlite3.Connection,
    namespace: Namespace,
    item: Document,
    assets: AssetReferences,
    where: str,
) -> None:
    pks = None
    if "assets" in item:
        pks = [
            assets.asset(reference, f"{where}.assets[{index}]")[0]
            for index, reference in enumerate(item["assets"])
        ]
    put_alias(db, namespace, item["name"], item.get("group", "asset"), pks)


def _put_event(
    db: sqlite3.Connection,
    namespace: Namespace,
    item: Document,
    assets: AssetReferences,
    where: str,
) -> None:
    runs = []
    for index, (dag_id, run_id) in enumerate(item.get("created_dagruns", ())):
        path = f"{where}.created_dagruns[{index}]"
        runs.append(dag_runs.pk_of(db, namespace.ns, dag_id, run_id, path))
    event = {
        "timestamp": to_text(namespace.clock.now()),
        **item,
        "asset_pk": assets.asset(item["asset"], f"{where}.asset")[0],
        "extra": values.dumps(item.get("extra", {})),
    }
    put_event(db, namespace, event, item.get("source_aliases", ()), runs)


def _put_reschedules(
    db: sqlite3.Connection, namespace: Namespace, document: dict[str, list[Document]]
) -> None:
    attempts = document["former_attempts"] + document["task_instances"]
    refs = {attempt["ref"]: attempt["id"] for attempt in attempts if "ref" in attempt}
    replaced: set[int] = set()
    for index, item in enumerate(document["task_reschedules"]):
        ti_id = refs.get(item["ti"], item["ti"])
        sql = "SELECT ti_pk FROM task_instances WHERE ns = ? AND id = ?"
        row = db.execute(sql, (namespace.ns, ti_id)).fetchone()
        if row is None:
            message = f"there is no task instance {item['ti']!r}; add it to task_instances"
            raise BadDocument(f"task_reschedules[{index}].ti", message)
        if row[0] not in replaced:
            remove_reschedules(db, row[0])
            replaced.add(row[0])
        put_reschedule(db, row[0], item["start_date"], item["end_date"], item["reschedule_date"])


def export(db: sqlite3.Connection, ns: int) -> dict[str, Iterator[Document]]:
    """These parts of a namespace in a stable order, read as they are asked for."""
    sql = """SELECT asset_pk, id, name FROM assets WHERE ns = ? ORDER BY active, id DESC"""
    assets = rows(db, sql, (ns,))
    meant = {asset["name"]: asset["id"] for asset in assets}  # by a name alone
    references = {
        asset["asset_pk"]: asset["name"] if meant[asset["name"]] == asset["id"] else asset["id"]
        for asset in assets
    }
    return {
        "dags": _exported_dags(db, ns),
        "asset_aliases": _exported_aliases(db, ns, references),
        "asset_events": _exported_events(db, ns, references),
        "task_reschedules": _exported_reschedules(db, ns),
    }


def _exported_dags(db: sqlite3.Connection, ns: int) -> Iterator[Document]:
    sql = "SELECT dag_id, facts FROM dags WHERE ns = ? ORDER BY dag_id"
    for dag_id, text in db.execute(sql, (ns,)):
        facts = {name: fact for name, fact in values.loads(text).items() if fact != NEW_DAG[name]}
        if "next_dagrun_logical_date" in facts:
            facts["next_dagrun_logical_date"] = to_wire(facts["next_dagrun_logical_date"])
        yield {"dag_id": dag_id, **facts}


def _exported_aliases(
    db: sqlite3.Connection, ns: int, references: dict[int, str | int]
) -> Iterator[Document]:
    sql = """SELECT alias_pk, name, group_name FROM asset_aliases WHERE ns = ? ORDER BY id"""
    links = """SELECT asset_pk FROM asset_alias_assets JOIN assets USING (asset_pk)
        WHERE alias_pk = ? ORDER BY id"""
    for alias_pk, name, group in db.execute(sql, (ns,)):
        pks = [pk for (pk,) in db.execute(links, (alias_pk,))]
        alias = {"name": name, "assets": [references[pk] for pk in pks]}
        if group != "asset":
            alias["group"] = group
        yield alias


def _exported_events(
    db: sqlite3.Connection, ns: int, references: dict[int, str | int]
) -> Iterator[Document]:
    sql = """SELECT event_pk, asset_pk, id, timestamp, extra, source_dag_id, source_task_id,
        source_run_id, source_map_index, partition_key
        FROM asset_events WHERE ns = ? ORDER BY id"""
    aliases = """SELECT name FROM asset_event_aliases JOIN asset_aliases USING (alias_pk)
        WHERE event_pk = ? ORDER BY id"""
    runs = """SELECT dag_id, run_id FROM asset_event_runs JOIN dag_runs USING (run_pk)
        WHERE event_pk = ? ORDER BY 1, 2"""
    for row in each_row(db, sql, (ns,)):
        event_pk = row.pop("event_pk")
        asset = references[row.pop("asset_pk")]
        if row["source_map_index"] == -1:
            del row["source_map_index"]
        event = {
            **row,
            "asset": asset,
            "timestamp": to_wire(row["timestamp"]),
            "extra": values.loads(row["extra"]),
            "source_aliases": [name for (name,) in db.execute(aliases, (event_pk,))],
            "created_dagruns": list(map(list, db.execute(runs, (event_pk,)))),
        }
        yield {name: fact for name, fact in event.items() if fact not in _MISSING}


_MISSING: tuple[Any, ...] = (None, [], {})


def _exported_reschedules(db: sqlite3.Connection, ns: int) -> Iterator[Document]:
    sql = """SELECT t.id AS ti, r.start_date, r.end_date, r.reschedule_date
        FROM task_reschedules r JOIN task_instances t USING (ti_pk)
        WHERE t.ns = ? ORDER BY t.id, reschedule_pk"""
    for row in each_row(db, sql, (ns,)):
        yield {name: text if name == "ti" else to_wire(text) for name, text in row.items()}

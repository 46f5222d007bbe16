"""Ids: task-instance UUID, coordinates, asset id, name or uri → scope. Runs, attempts and assets come from here."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..errors import AssetNotFound, InvalidTransition, TaskInstanceNotFound
from ..model.clock import Clock, to_text
from ..model.scopes import API_WRITER, CONTROL, StoreScope, TaskScope, Writer
from .database.sql import in_range
from .faults import Faults
from .journal.journal import Event, Journal
from .journal.places import scope_id_of
from .tables.assets import put_asset
from .tables.entries import Keyspace, Lookup
from .tables.scopes import _ASSET, _BY_COORDINATES, _BY_ID, _REMEMBER_ASSETS, _REMEMBER_TASKS
from .tables.task_instances import _attempt, new_id, put_attempt, put_run, put_scope

if TYPE_CHECKING:
    from .store import Store


class Namespace:
    """A whole Stateroom of its own inside one database: runs, assets, state, configuration and clock.

    :param config: the configuration as the JSON text of its row; members override the settings given at start.
    :param fixture: the document that a reset returns to, as JSON text, if it was made with one.
    """

    def __init__(
        self,
        store: Store,
        ns: int,
        name: str,
        config: str,
        clock: Clock,
        fixture: str | None = None,
        created_at: str | None = None,
    ) -> None:
        self.store, self.ns, self.name, self.clock, self.created_at = (
            store,
            ns,
            name,
            clock,
            created_at or "",
        )
        self.fixture: dict[str, Any] | None = json.loads(fixture) if fixture else None
        self.config: dict[str, Any] = json.loads(config)
        self.jwt_secret: str | None = None  # in memory only: never stored, never exported
        self.journal = Journal(self)
        self.faults = Faults(self)

    def task_instance(self, ti_id: str, writer: Writer = API_WRITER) -> Keyspace:
        """The keyspace of a task instance by its UUID, as workers name it; a superseded attempt's is unknown."""
        lookup = Lookup(_BY_ID, (self.ns, ti_id), lambda: TaskInstanceNotFound.by_id(ti_id))
        return Keyspace(self, "Task", lookup, writer)

    def task(self, scope: TaskScope, writer: Writer = API_WRITER) -> Keyspace:
        """The keyspace of a task instance by its coordinates, as people name it."""
        row = (
            self.ns,
            scope.dag_id,
            scope.run_id,
            scope.task_id,
            in_range("map_index", scope.map_index),
        )
        return Keyspace(
            self,
            "Task",
            Lookup(
                _BY_COORDINATES, row, lambda: TaskInstanceNotFound.by_coordinates(**asdict(scope))
            ),
            writer,
        )

    def asset(
        self,
        asset_id: int | None = None,
        *,
        name: str | None = None,
        uri: str | None = None,
        writer: Writer = API_WRITER,
    ) -> Keyspace:
        """The keyspace of an asset: by id also of an inactive one, by name or uri of the active one only."""
        if asset_id is not None:
            row: tuple[Any, ...] = (self.ns, in_range("asset_id", asset_id))
            lookup = Lookup(_ASSET + "a.id = ?", row, lambda: AssetNotFound.by_id(asset_id))
        else:
            attribute, value = ("name", name) if name is not None else ("uri", uri)
            lookup = Lookup(
                _ASSET + f"a.{attribute} = ? AND a.active",
                (self.ns, value),
                lambda: AssetNotFound.by(attribute, str(value)),
            )
        return Keyspace(self, "Asset", lookup, writer)

    def asset_by(self, attribute: str, value: str) -> dict[str, str]:
        """The name and the uri of an active asset.

        :param attribute: ``name`` or ``uri``.
        :raises AssetNotFound: if there is none.
        """
        sql = {
            name: f"SELECT name, uri FROM assets WHERE ns = ? AND {name} = ? AND active"
            for name in ("name", "uri")
        }
        with self.store.reading() as db:
            row = db.execute(sql[attribute], (self.ns, value)).fetchone()
        if row is None:
            raise AssetNotFound.unknown(attribute, value)
        return {"name": row[0], "uri": row[1]}

    def scope_id(
        self,
        *,
        ti_id: str | None = None,
        scope: StoreScope | None = None,
        asset_id: object = None,
        name: str | None = None,
        uri: str | None = None,
    ) -> int | None:
        """The row of a scope however it is named, a superseded attempt's too; None if there is none."""
        with self.store.reading() as db:
            if scope is not None:
                return scope_id_of(db, self.ns, scope)
            if ti_id is not None:
                sql, value = "SELECT scope_id FROM task_instances WHERE ns = ? AND id = ?", ti_id
            else:
                column = "id" if asset_id is not None else "name" if name is not None else "uri"
                sql, value = (
                    f"{_ASSET}a.{column} = ? ORDER BY a.active DESC",
                    str(asset_id or name or uri),
                )
            row = db.execute(sql, (self.ns, value)).fetchone()
        return None if row is None else int(row[0])

    def place(self, scope_id: int) -> dict[str, Any]:
        """The coordinates of a scope, or its ``asset``; empty if there is none of this row."""
        with self.store.reading() as db:
            row = db.execute(
                """SELECT r.dag_id, r.run_id, s.task_id, s.map_index, a.name FROM scopes s
                LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk) WHERE s.scope_id = ?""",
                (scope_id,),
            ).fetchone()
        names = ("dag_id", "run_id", "task_id", "map_index", "asset")
        return {
            name: value for name, value in zip(names, row or (), strict=False) if value is not None
        }

    def scope_of(self, ti_id: str) -> TaskScope:
        """The coordinates of a task instance by the UUID of its current attempt.

        :raises TaskInstanceNotFound: if there is none.
        """
        with self.store.reading() as db:
            row = db.execute(
                f"""SELECT r.dag_id, r.run_id, s.task_id, s.map_index
                FROM scopes s JOIN dag_runs r USING (run_pk) WHERE s.scope_id = ({_BY_ID})""",
                (self.ns, ti_id),
            ).fetchone()
        if row is None:
            raise TaskInstanceNotFound.by_id(ti_id)
        return TaskScope(*row)

    def assets(
        self,
        active: bool,
        where: str,
        parameters: tuple[Any, ...],
        order: str,
        limit: int,
        offset: int,
    ) -> tuple[list[sqlite3.Row], int]:
        """Assets as rows (id, name, uri, active, created_at, updated_at), and how many there are in all.

        :param where: further conditions in SQL over ``name`` and ``uri``, beginning with AND, or nothing.
        :param order: an ORDER BY clause's terms.
        """
        source = f"FROM assets WHERE ns = ? {'AND active' if active else ''} {where}"
        with self.store.snapshot() as db:
            (total,) = db.execute(f"SELECT count(*) {source}", (self.ns, *parameters)).fetchone()
            cursor = db.execute(
                f"SELECT id, name, uri, active, created_at, updated_at {source} ORDER BY {order} LIMIT ? OFFSET ?",
                (self.ns, *parameters, limit, in_range("offset", offset)),
            )
            cursor.row_factory = sqlite3.Row
            return cursor.fetchall(), total

    def set_state(
        self,
        ti_id: str,
        state: str,
        clear_on_success: bool,
        writer: Writer = CONTROL,
        retry_delay: float | None = None,
    ) -> bool:
        """Report a task instance's new state; True if it changed, False if it had this state already.

        One that is up for retry has a new id from then on, as in Airflow: the old one is unknown, its state stays.

        :param clear_on_success: drop its entries in the same transaction when the state is ``success``.
        :param retry_delay: seconds until the next attempt, if the worker says.
        :raises TaskInstanceNotFound: if there is none of this id.
        :raises InvalidTransition: if it is not running.
        """
        with self.store.transaction() as db:
            row = db.execute(
                """SELECT ti_pk, scope_id, state, try_number FROM task_instances
                WHERE ns = ? AND id = ? AND superseded_at IS NULL""",
                (self.ns, ti_id),
            ).fetchone()
            if row is None:
                raise TaskInstanceNotFound("Task Instance not found")
            if row[2] == state:
                return False
            if row[2] != "running":
                raise InvalidTransition(row[2])
            db.execute(
                "UPDATE task_instances SET state = ?, retry_delay = ? WHERE ti_pk = ?",
                (state, retry_delay, row[0]),
            )
            seq = self.journal.write(
                db, Event("state", writer, row[1], status=204, note=f"{row[2]} → {state}")
            )
            if state == "up_for_retry":
                put_attempt(
                    db, self, row[1], {"id": new_id(), "try_number": row[3], "state": state}
                )
            if state == "success" and clear_on_success:
                self.journal.removals(db, seq, writer, "e.scope_id = ?", (row[1],))
                db.execute("DELETE FROM entries WHERE scope_id = ?", (row[1],))
        return True

    def create_task_instance(
        self, scope: TaskScope, try_number: int | None = None
    ) -> dict[str, Any]:
        """Make a running attempt of a task instance, and its dag run if need be; known coordinates get the next one.

        :returns: ``id`` (a UUID of version 7, as Airflow's), the coordinates and ``try_number``.
        :raises OutOfRange: if the last attempt had the highest number that there is.
        """
        attempt = {
            "id": new_id(),
            "state": "running",
            **({"try_number": try_number} if try_number else {}),
        }
        with self.store.transaction() as db:
            run_pk = put_run(db, self, {"dag_id": scope.dag_id, "run_id": scope.run_id})
            scope_id = put_scope(db, run_pk, scope.task_id, scope.map_index)
            made = put_attempt(db, self, scope_id, attempt)
            by = replace(CONTROL, ti_id=str(attempt["id"]))
            self.journal.write(
                db, Event("create", by, scope_id, status=201, note=f"attempt {made}")
            )
        return _attempt(str(attempt["id"]), scope, made)

    def current_task_instance(self, scope: TaskScope) -> dict[str, Any]:
        """The current attempt of a task instance, as :meth:`create_task_instance` returns it.

        :raises TaskInstanceNotFound: if there is none.
        """
        with self.store.reading() as db:
            row = db.execute(
                "SELECT id, try_number FROM task_instances WHERE scope_id = ? AND superseded_at IS NULL",
                (scope_id_of(db, self.ns, scope),),
            ).fetchone()
        if row is None:
            raise TaskInstanceNotFound.by_coordinates(**asdict(scope))
        return _attempt(row[0], scope, row[1])

    def create_asset(self, name: str, uri: str | None = None) -> dict[str, Any]:
        """Make an active asset, or return the active one of this name.

        :raises BadDocument: if the name or the uri belongs to another active asset.
        :raises OutOfRange: if an asset has the highest id that there is.
        """
        with self.store.transaction() as db:
            row = db.execute(
                "SELECT id, uri FROM assets WHERE ns = ? AND name = ? AND active", (self.ns, name)
            ).fetchone()
            if row is not None and uri in (None, row[1]):
                return {"id": row[0], "name": name, "uri": row[1]}
            (last,) = db.execute(
                "SELECT coalesce(max(id), 0) FROM assets WHERE ns = ?", (self.ns,)
            ).fetchone()
            asset_id = in_range("id", last + 1)
            asset = {
                "id": asset_id,
                "name": name,
                "uri": uri if uri is not None else name,
                "active": True,
            }
            scope_id = put_asset(db, self, asset, "")
            self.journal.write(
                db, Event("create", CONTROL, scope_id, status=201, note=f"asset {name}")
            )
        return {name: asset[name] for name in ("id", "name", "uri")}

    def put_config(self, config: dict[str, Any], db: sqlite3.Connection) -> None:
        """Write the configuration, inside the caller's transaction; :attr:`config` is the caller's to set after it."""
        db.execute("UPDATE namespaces SET config = ? WHERE ns = ?", (json.dumps(config), self.ns))

    def clean(self, dry_run: bool, batch_size: int) -> int:
        """Remove the entries whose moment has passed; how many there were.

        :param batch_size: rows per transaction, 0 for all at once, so that writers get their turn.
        """
        expired = """FROM entries e JOIN scopes s USING (scope_id)
            LEFT JOIN dag_runs r USING (run_pk) LEFT JOIN assets a USING (asset_pk)
            WHERE coalesce(r.ns, a.ns) = ? AND e.expires_at < ?"""
        parameters = (self.ns, to_text(self.clock.now()))
        if dry_run:
            with self.store.reading() as db:
                (total,) = db.execute(f"SELECT count(*) {expired}", parameters).fetchone()
                return int(total)
        removed, seq = 0, None
        while True:
            with self.store.transaction() as db:
                batch = f"SELECT e.entry_id {expired} LIMIT {batch_size or -1}"
                if seq is None:
                    (total,) = db.execute(f"SELECT count(*) {expired}", parameters).fetchone()
                    seq = self.journal.write(
                        db, Event("clean", CONTROL, status=200, note=f"{total} expired")
                    )
                self.journal.removals(db, seq, CONTROL, f"e.entry_id IN ({batch})", parameters)
                count = db.execute(
                    f"DELETE FROM entries WHERE entry_id IN ({batch})", parameters
                ).rowcount
            removed += count
            if not count or not batch_size:
                return removed

    def forget(self, db: sqlite3.Connection) -> None:
        """Remove every run, asset and entry, inside the caller's transaction."""
        self.remember_places(db)
        db.execute("DELETE FROM dag_runs WHERE ns = ?", (self.ns,))
        db.execute("DELETE FROM assets WHERE ns = ?", (self.ns,))

    def remember_places(self, db: sqlite3.Connection) -> None:
        """Let the journal know the places of scopes that the caller's transaction may take away."""
        db.execute(_REMEMBER_TASKS, (self.ns,))
        db.execute(_REMEMBER_ASSETS, (self.ns,))

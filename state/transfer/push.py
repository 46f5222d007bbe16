"""Push the state of a Stateroom into an Airflow, through its Core API, key by key.

What is there with the same value and expiry is not sent again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

from ..client.http import HttpKeyspace
from ..errors import NotFound, ServiceError
from ..model import values
from ..model.clock import from_text
from ..model.scopes import AssetScope, StoreScope, TaskScope, scope_from
from ..words import near
from . import core_rows
from .core_entries import of_asset, of_task
from .parts import Row, entries_of_assets, same
from .peer import Peer
from .report import Progress, Report
from .selection import Run, Selection

LOST = (
    *("history", "updated_at", "the writers of assets' keys", "inactive assets"),
    "task instances and assets themselves",
)
_LIMIT = 65_535  # characters of a value's JSON: Airflow's default of max_value_storage_bytes
_TIMES = 3  # that a write is sent to which the answer is 500
_REFUSALS = (400, 409, 413, 422, 500)  # statuses of a single key


@dataclass
class Pushed:
    """What came of the entries of a task instance or an asset.

    :ivar refused: why, by the keys.
    """

    sent: int = 0
    unchanged: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class Push:
    """A push.

    :param document: a fixture document of what is here.
    """

    def __init__(
        self, peer: Peer, document: Row, selection: Selection, report: Report, progress: Progress
    ) -> None:
        self._peer = peer
        self._document = document
        self._selection = selection
        self._report = report
        self._progress = progress
        self._turn = Lock()
        self._is_in_turn = False  # whether writes are sent one at a time

    def run(self) -> None:
        """Push what is selected.

        :raises NotFound: if a filter fits nothing here.
        """
        self._report.lost = LOST
        tasks: dict[StoreScope, list[Row]] = {}
        assets: dict[StoreScope, list[Row]] = {}
        if self._selection.has_tasks:
            tasks = self._known_tasks(self._selected_tasks())
        if self._selection.has_assets:
            assets = self._known_assets(self._selected_assets())
        scopes = [*tasks.items(), *assets.items()]
        self._progress(0, len(scopes))
        results = self._peer.each(self._push, scopes)
        for done, (scope, pushed) in enumerate(zip([*tasks, *assets], results, strict=True), 1):
            self._report.carried["key"] += pushed.sent
            self._report.unchanged += pushed.unchanged
            for key, why in pushed.refused.items():
                self._report.refuse(scope, key, why)
            self._progress(done, len(scopes))

    # ---------------------------------------------------------------- what there is here

    def _selected_tasks(self) -> dict[TaskScope, list[Row]]:
        """The entries of the selected task instances that have some."""
        keys, _ = self._selection.in_document(self._document, "this namespace")
        entries: dict[TaskScope, list[Row]] = {}
        for entry in self._selection.tasks(self._document["task_state_store"]):
            if (entry["dag_id"], entry["run_id"]) in keys:
                scope = scope_from(entry)
                assert isinstance(scope, TaskScope)
                entries.setdefault(scope, []).append(entry)
        return entries

    def _selected_assets(self) -> dict[str, list[Row]]:
        """The entries of the selected assets that have some, by the names of the assets: those that
        are active, since several inactive ones can have the name of another.
        """
        entries = entries_of_assets(self._document)
        selected: dict[str, list[Row]] = {}
        for asset in self._selection.assets(self._document["assets"]):
            recent = list(filter(self._selection.is_recent, entries.get(asset["id"], ())))
            if asset.get("active", True) and recent:
                selected[asset["name"]] = recent
        return selected

    # ---------------------------------------------------------------- what there is there

    def _known_tasks(self, entries: dict[TaskScope, list[Row]]) -> dict[StoreScope, list[Row]]:
        """The entries of the task instances that are there; the others are refused."""
        runs = sorted({(scope.dag_id, scope.run_id) for scope in entries})
        there = dict(zip(runs, self._peer.each(self._tasks_of_run, runs), strict=True))
        known: dict[StoreScope, list[Row]] = {}
        for scope, rows in entries.items():
            tasks = there[scope.dag_id, scope.run_id]
            if scope in tasks:
                known[scope] = rows
            else:
                self._refuse(scope, rows, self._why_unknown(scope, tasks))
        return known

    def _tasks_of_run(self, run: Run) -> set[StoreScope]:
        query = core_rows.filters(*run)
        rows = self._peer.rows_in_turn(core_rows.TASKS, "task_instances", **query)
        scopes = {scope_from(core_rows.coordinates(row)) for row in rows}
        return {
            scope
            for scope in scopes
            if isinstance(scope, TaskScope) and (scope.dag_id, scope.run_id) == run
        }

    def _why_unknown(self, scope: TaskScope, tasks: Iterable[StoreScope]) -> str:
        """Why a task instance is not there.

        :param tasks: those of its run that are there.
        """
        names = {task.task_id for task in tasks if isinstance(task, TaskScope)}
        if scope.task_id in names:
            return "unknown there: the task has no such map index in this run"
        if names:
            return f"unknown there: no such task in this run{near(scope.task_id, names)}"
        if scope.dag_id not in self._dags:
            return f"unknown there: no Dag {scope.dag_id!r}{near(scope.dag_id, self._dags)}"
        return "unknown there: no such dag run, or it has no task instances"

    @cached_property
    def _dags(self) -> set[str]:
        """The ids of the Dags that are there."""
        rows = self._peer.rows("/api/v2/dags", "dags", exclude_stale="false")
        return {row["dag_id"] for row in rows}

    def _known_assets(self, entries: dict[str, list[Row]]) -> dict[StoreScope, list[Row]]:
        """The entries of the assets that are there, by their ids there."""
        there = {}
        if entries:
            rows = self._peer.rows("/api/v2/assets", "assets", order_by="id")
            there = {row["name"]: row["id"] for row in rows}
        known: dict[StoreScope, list[Row]] = {}
        for name, rows in entries.items():
            if name in there:
                known[AssetScope(name=name, asset_id=there[name])] = rows
            else:
                why = f"unknown there: no such asset{near(name, there)}"
                self._refuse(AssetScope(name=name), rows, why)
        return known

    def _refuse(self, scope: StoreScope, entries: list[Row], why: str) -> None:
        for entry in entries:
            self._report.refuse(scope, entry["key"], why)

    # ---------------------------------------------------------------- sending

    def _push(self, item: tuple[StoreScope, list[Row]]) -> Pushed:
        """Send the entries of a scope that are not there already."""
        scope, entries = item
        keyspace, there = self._there(scope)
        pushed = Pushed()
        for entry in entries:
            if _is_there(entry, there.get(entry["key"])):
                pushed.unchanged += 1
                continue
            why = _unsendable(entry, self._report.dry_run) or self._send(keyspace, entry)
            if why is None:
                pushed.sent += 1
            else:
                pushed.refused[entry["key"]] = why
        return pushed

    def _there(self, scope: StoreScope) -> tuple[HttpKeyspace, dict[str, Row]]:
        """The keyspace of a scope, and its entries by their keys."""
        if isinstance(scope, TaskScope):
            keyspace = self._peer.task(scope)
            read = of_task(self._peer, vars(scope))
        else:
            assert scope.asset_id is not None
            keyspace = self._peer.asset(scope.asset_id)
            read = of_asset(self._peer, scope.asset_id)
        return keyspace, {row["key"]: row for row in read.entries}

    def _send(self, keyspace: HttpKeyspace, entry: Row) -> str | None:
        """Send an entry; why it is refused, or None.

        An Airflow on SQLite answers 500 to some of the writes that come at the same time: after the
        first one all are sent in turn, and those again.
        """
        if self._report.dry_run:
            return None
        for _ in range(_TIMES):
            try:
                self._put(keyspace, entry)
                return None
            except (NotFound, UnicodeEncodeError) as error:  # a key may have a lone surrogate too
                return str(error)
            except ServiceError as error:
                if error.status not in _REFUSALS:
                    raise
                why = f"{_size(entry):,} characters: {error}"
                if error.status != 500:
                    return why
                self._is_in_turn = True
        return why

    def _put(self, keyspace: HttpKeyspace, entry: Row) -> None:
        expires_at = None
        if entry.get("expires_at") is not None:
            expires_at = from_text(entry["expires_at"])
        with ExitStack() as stack:
            if self._is_in_turn:
                stack.enter_context(self._turn)
            stack.enter_context(self._peer.explained("a write of state"))
            keyspace.set(entry["key"], entry["value"], expires_at)


def _is_there(entry: Row, other: Row | None) -> bool:
    """Whether another row of this key has the same value, and expires at the same moment."""
    if other is None or not same(entry["value"], other["value"]):
        return False
    return _moment(entry) == _moment(other)


def _moment(entry: Row) -> object:
    text = entry.get("expires_at")
    if text is None:
        return None
    return from_text(text)


def _size(entry: Row) -> int:
    """The characters of a value's JSON text."""
    return len(values.dumps(entry["value"]))


def _unsendable(entry: Row, dry_run: bool) -> str | None:
    """Why an entry is not sent, or with a dry run, why it would be refused; None if it is sent."""
    if entry["key"] in (".", ".."):
        return "no URL can have this key: clients drop it from the path"
    if values.broken_text(entry["value"], names=True):
        return "a lone surrogate, with which Airflow could not list the keys any more (500)"
    if values.not_finite(entry["value"]):
        return "NaN or Infinity, which the Core API does not take"
    if dry_run and _size(entry) > _LIMIT:
        return f"{_size(entry):,} characters, more than the {_LIMIT:,} of Airflow's default limit"
    return None

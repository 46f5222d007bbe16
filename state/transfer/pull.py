"""Pull state out of an Airflow, through its Core API, into a Stateroom.

Task instances are read in the order of their ids and stored with their keys in one transaction
each: one that is here, and has finished, need not be read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ..errors import NotFound
from ..model.clock import to_text
from ..model.scopes import (
    FINISHED,
    AssetScope,
    StoreScope,
    run_path,
    task_path,
    task_scope_from,
)
from . import core_rows
from .core_entries import Read, of_asset, of_task
from .parts import Row
from .peer import Peer
from .report import Progress
from .selection import Selection
from .target import Target, Unit

LOST = ("history", "former attempts", "XComs", "inactive assets")
FINISHED_HERE = "finished, and here already (--refresh reads them again)"
WENT_ON_HERE = "a later attempt is here (--refresh returns to theirs)"
_CHUNK = 250  # task instances that are read before they are stored


class Pull:
    """A pull.

    :param refresh: also read what has finished and is here already.
    """

    def __init__(
        self,
        peer: Peer,
        target: Target,
        selection: Selection,
        refresh: bool,
        progress: Progress,
    ) -> None:
        self._peer = peer
        self._target = target
        self._report = target.report
        self._selection = selection
        self._refresh = refresh
        self._progress = progress
        self._runs: dict[tuple[str, str], Row] = {}
        self._pulled: set[StoreScope] = set()
        self._done = 0
        self._total = 0

    def run(self) -> None:
        """Pull what is selected.

        :raises NotFound: if a filter fits nothing.
        """
        self._report.lost = LOST
        tasks: list[Row] = []
        assets: list[Row] = []
        if self._selection.has_tasks:
            tasks = self._unknown(self._selected_tasks())
        if self._selection.has_assets:
            rows = self._peer.rows("/api/v2/assets", "assets", order_by="id")
            assets = [core_rows.asset(row) for row in self._selection.assets(rows)]
        self._total = len(tasks) + len(assets)
        self._progress(0, self._total)
        self._pull_runs()
        for first in range(0, len(tasks), _CHUNK):
            self._pull_tasks(tasks[first : first + _CHUNK])
        for first in range(0, len(assets), _CHUNK):
            self._pull_assets(assets[first : first + _CHUNK])

    # ---------------------------------------------------------------- what there is

    def _selected_tasks(self) -> list[Row]:
        selection = self._selection
        query: Row = core_rows.filters(selection.dag_id)
        if selection.since is not None:
            query["run_after_gte"] = to_text(selection.since)
        rows = self._peer.rows(core_rows.RUNS, "dag_runs", **query)
        runs = selection.runs(map(core_rows.run, rows))
        self._runs = {(run["dag_id"], run["run_id"]): run for run in runs}
        if len(runs) == 1:
            query |= core_rows.filters(runs[0]["dag_id"], runs[0]["run_id"])
        rows = []
        if runs:
            rows = self._peer.rows(core_rows.TASKS, "task_instances", **query)
        tasks = [core_rows.attempt(row) for row in rows]
        tasks = [task for task in tasks if (task["dag_id"], task["run_id"]) in self._runs]
        dags: Iterable[str] = ()
        if selection.dag_id is not None and not runs:
            dags = [
                row["dag_id"]
                for row in self._peer.rows("/api/v2/dags", "dags", exclude_stale="false")
            ]
        selection.check(self._peer.what, dags, runs, tasks)
        selected = selection.tasks(tasks)
        used = {(task["dag_id"], task["run_id"]) for task in selected}
        self._runs = {key: run for key, run in self._runs.items() if key in used}
        return selected

    def _unknown(self, tasks: list[Row]) -> list[Row]:
        """The task instances that have to be read."""
        if self._refresh:
            return tasks
        here = self._target.contents
        unknown = []
        for task in tasks:
            attempt = here.attempts.get(task["id"])
            if task["id"] in here.former_ids:
                self._report.skipped[WENT_ON_HERE] += 1
            elif attempt is not None and _has_finished(task) and _is_same_state(attempt, task):
                self._report.skipped[FINISHED_HERE] += 1
            else:
                unknown.append(task)
        return unknown

    # ---------------------------------------------------------------- reading and storing

    def _pull_runs(self) -> None:
        """Store the dag runs whose state has changed; a new one comes with its task instances."""
        here = self._target.contents.runs
        changed = [
            run
            for key, run in self._runs.items()
            if key in here and here[key]["state"] != run["state"]
        ]
        if changed:
            self._target.put_runs(changed)

    def _pull_tasks(self, tasks: list[Row]) -> None:
        units = []
        results = self._peer.each(partial(of_task, self._peer), tasks)
        for task, read in zip(tasks, results, strict=True):
            scope = task_scope_from(task)
            self._tell_unreadable(scope, read)
            where = {name: task[name] for name in ("dag_id", "run_id", "task_id", "map_index")}
            entries = self._changed({**where, **entry} for entry in read.entries)
            document = {"task_instances": [task], "task_state_store": entries}
            run_key = (task["dag_id"], task["run_id"])
            if run_key not in self._target.contents.runs:
                document["dag_runs"] = [self._runs[run_key]]
            if entries or not self._target.contents.has_attempt(task):
                units.append(Unit(scope, document))
            self._pulled.add(scope)
            self._advance()
        self._target.put(units)

    def _pull_assets(self, assets: list[Row]) -> None:
        units = []
        ids = [asset["id"] for asset in assets]
        results = self._peer.each(partial(of_asset, self._peer), ids)
        for asset, read in zip(assets, results, strict=True):
            scope = AssetScope(name=asset["name"])
            self._tell_unreadable(scope, read)
            unit = self._asset_unit(asset, scope, read)
            if unit is not None:
                units.append(unit)
            self._advance()
        self._pull_writers(units)
        self._target.put(units)

    def _asset_unit(self, asset: Row, scope: AssetScope, read: Read) -> Unit | None:
        """What of an asset is to be stored; None if nothing is, or if it is refused."""
        entries = [
            {
                **{name: entry[name] for name in ("key", "value", "updated_at")},
                "asset": asset["name"],
                "last_updated_by": core_rows.writer(entry),
            }
            for entry in read.entries
            if self._selection.is_recent(entry)
        ]
        changed = self._changed(entries)
        document: Row = {"asset_state_store": changed}
        same_name = self._target.contents.assets.get(asset["name"])
        if same_name is None:
            asset_id = self._target.contents.free_asset_id(asset["id"])
            if asset_id != asset["id"]:
                note = f"asset {asset['name']!r} has the id {asset_id} here, {asset['id']} there"
                self._report.notes.append(note)
            document["assets"] = [{**asset, "id": asset_id}]
        elif same_name["uri"] != asset["uri"]:
            why = f"its uri is {same_name['uri']!r} here and {asset['uri']!r} there"
            self._report.refuse(scope, None, why)
            return None
        elif not changed:
            return None
        return Unit(scope, document)

    def _pull_writers(self, units: list[Unit]) -> None:
        """Pull the task instances that have written keys of assets, with their own keys; a key
        whose writer is not there any more has none.
        """
        entries = [entry for unit in units for entry in unit.document["asset_state_store"]]
        writers = [entry for entry in entries if entry["last_updated_by"]["kind"] == "task"]
        scopes = {task_scope_from(entry["last_updated_by"]): entry for entry in writers}
        missing = [
            entry["last_updated_by"]
            for scope, entry in scopes.items()
            if scope not in self._pulled | self._target.contents.tasks
        ]
        tasks = [task for task in self._peer.each(self._find_task, missing) if task is not None]
        for key in {(task["dag_id"], task["run_id"]) for task in tasks} - self._runs.keys():
            run = self._find_run(*key)
            if run is not None:
                self._runs[key] = run
        tasks = [task for task in tasks if (task["dag_id"], task["run_id"]) in self._runs]
        self._total += len(tasks)
        self._pull_tasks(tasks)
        known = self._pulled | self._target.contents.tasks
        for entry in writers:
            if task_scope_from(entry["last_updated_by"]) not in known:
                entry["last_updated_by"] = {"kind": "api"}
                note = f"the writer of {entry['key']!r} of asset {entry['asset']} is not there now"
                self._report.notes.append(note)

    def _find_task(self, writer: Row) -> Row | None:
        """The task instance that has written a key; None if it is not there any more."""
        map_index = writer.get("map_index", -1)
        path = task_path(writer["dag_id"], writer["run_id"], writer["task_id"])
        if map_index != -1:
            path += f"/{map_index}"
        try:
            return core_rows.attempt(self._peer.ask("GET", path))
        except NotFound:
            return None

    def _find_run(self, dag_id: str, run_id: str) -> Row | None:
        """A dag run; None if it was deleted meanwhile, with its task instances."""
        try:
            return core_rows.run(self._peer.ask("GET", run_path(dag_id, run_id)))
        except NotFound:
            return None

    def _tell_unreadable(self, scope: StoreScope, read: Read) -> None:
        for why in read.unreadable:
            self._report.refuse(scope, None, why)

    def _changed(self, entries: Iterable[Row]) -> list[Row]:
        """The entries that are not here already."""
        rows = list(entries)
        changed = [row for row in rows if not self._target.contents.has_entry(row)]
        self._report.unchanged += len(rows) - len(changed)
        return changed

    def _advance(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


def _has_finished(task: Row) -> bool:
    return task["state"] in FINISHED


def _is_same_state(one: Row, other: Row) -> bool:
    return all(one.get(name) == other.get(name) for name in ("state", "try_number"))

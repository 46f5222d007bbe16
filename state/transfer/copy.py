"""Copy a namespace of a Stateroom into another one, as parts of fixture documents.

Only what differs is sent, so that a copy that was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..model.scopes import AssetScope, StoreScope, task_scope_from
from .parts import (
    Document,
    Row,
    entries_of_assets,
    parts_of_tasks,
    same,
    text_of,
    with_defaults,
    with_defaults_of,
)
from .report import Progress, Report
from .rest import units_of_rest, without_refused
from .selection import Selection
from .target import Target, Unit, without_values

CarryJournal = Callable[[set[StoreScope] | None, set[StoreScope]], int]
WENT_ON = "a later attempt is in the copy (--refresh returns to the original's)"
LOST = ("history (--with-journal carries it)",)
_CHUNK = 250  # units that are sent at once


class Copy:
    """A copy.

    :param document: a fixture document of the original.
    :param refresh: also return to the original where the copy has a later attempt.
    """

    def __init__(
        self,
        document: Document,
        target: Target,
        selection: Selection,
        refresh: bool,
        progress: Progress,
    ) -> None:
        self._document = document
        self._target = target
        self._report: Report = target.report
        self._selection = selection
        self._refresh = refresh
        self._progress = progress
        self._scopes: set[StoreScope] = set()  # of what is selected
        self._refused: set[str] = set()  # names of assets that mean others in the copy

    def run(self, where: str, carry_journal: CarryJournal | None = None) -> None:
        """Copy what is selected.

        :param where: the original, for people.
        :param carry_journal: adds the events of some scopes to the journal of the copy, or those of
            all, but those of others; None copies no journal.
        :raises NotFound: if a filter fits nothing.
        """
        tasks: list[Row] = []
        if self._selection.has_tasks:
            tasks = self._selected_tasks(where)
        assets: list[Unit] = []
        ids: dict[int, int] = {}
        if self._selection.has_assets:
            assets, ids = self._assets()
        tasks += self._writers(tasks, assets)
        runs = self._runs(tasks)
        units = self._tasks(tasks) + assets
        self._progress(0, len(units))
        self._put(runs)
        if carry_journal is None:
            self._report.lost = LOST
        else:
            units = self._put_history(units, carry_journal)
        for first in range(0, len(units), _CHUNK):
            self._put(units[first : first + _CHUNK])
            self._progress(min(first + _CHUNK, len(units)), len(units))
        if self._selection.is_whole:
            contents = self._target.contents
            rest = without_refused(self._document, contents, self._refused)
            self._put(units_of_rest(rest, contents, ids, self._report))

    def _put_history(self, units: list[Unit], carry_journal: CarryJournal) -> list[Unit]:
        """Copy the journal before the values, whose writes come after what was there before.

        :returns: the units with what is left to be copied.
        """
        values = []
        for first in range(0, len(units), _CHUNK):
            bases = []
            for unit in units[first : first + _CHUNK]:
                base, rest = without_values(unit)
                bases.append(base)
                values.append(rest)
            self._put(bases)
        scopes = None
        if not self._selection.is_whole:
            scopes = self._scopes
        if not self._report.dry_run:
            refused: set[StoreScope] = {AssetScope(name=name) for name in self._refused}
            self._report.carried["event of the journal"] += carry_journal(scopes, refused)
        return values

    def _put(self, units: Sequence[Unit]) -> None:
        self._target.put([unit for unit in units if unit.document])

    # ---------------------------------------------------------------- task instances

    def _selected_tasks(self, where: str) -> list[Row]:
        """The current attempts of the selected task instances."""
        _, tasks = self._selection.in_document(self._document, where)
        return self._selection.tasks(tasks)

    def _writers(self, tasks: list[Row], assets: list[Unit]) -> list[Row]:
        """The current attempts of those task instances that have written keys of the assets, and
        that neither are selected nor in the copy.
        """
        known = self._target.contents.tasks | {task_scope_from(task) for task in tasks}
        writers = {
            task_scope_from(entry["last_updated_by"])
            for unit in assets
            for entry in unit.document.get("asset_state_store", ())
            if entry["last_updated_by"]["kind"] == "task"
        }
        missing = writers - known
        rows = self._document["task_instances"]
        return [row for row in rows if task_scope_from(row) in missing]

    def _runs(self, tasks: list[Row]) -> list[Unit]:
        """The dag runs that differ: those of the selected task instances, or simply all."""
        used = {(task["dag_id"], task["run_id"]) for task in tasks}
        contents = self._target.contents
        units = []
        for run in self._document["dag_runs"]:
            key = (run["dag_id"], run["run_id"])
            known = contents.runs.get(key)
            if (key in used or self._selection.is_whole) and not same(run, known):
                units.append(Unit(None, {"dag_runs": [with_defaults(run, known or {})]}))
        return units

    def _tasks(self, tasks: list[Row]) -> list[Unit]:
        """Some task instances, with what differs."""
        contents = self._target.contents
        theirs = parts_of_tasks(self._document)
        ours = parts_of_tasks(contents.document)
        units = []
        for row in tasks:
            scope = task_scope_from(row)
            self._scopes.add(scope)
            if row["id"] in contents.former_ids and not self._refresh:
                self._report.skipped[WENT_ON] += 1
                continue
            units.append(Unit(scope, self._changes(theirs[scope], ours.get(scope, {}))))
        return units

    def _changes(self, theirs: Document, ours: Document) -> Document:
        """The rows of a task instance or an asset that the copy does not have."""
        changes: Document = {}
        for name, rows in theirs.items():
            known = ours.get(name, [])
            texts = {text_of(row) for row in known}
            changed = [row for row in rows if text_of(row) not in texts]
            if name.endswith("_state_store"):
                self._report.unchanged += len(rows) - len(changed)
            if changed and name == "task_reschedules":  # they replace those of their attempt
                changed = rows
            if changed:
                changes[name] = with_defaults_of(changed, known)
        return changes

    # ---------------------------------------------------------------- assets

    def _assets(self) -> tuple[list[Unit], dict[int, int]]:
        """The selected assets with what differs, and the ids that they have in the copy by those in
        the original.
        """
        contents = self._target.contents
        theirs = entries_of_assets(self._document)
        ours = entries_of_assets(contents.document)
        ids: dict[int, int] = {}
        units = []
        for asset in self._selection.assets(self._document["assets"]):
            scope = AssetScope(name=asset["name"])
            self._scopes.add(scope)
            twin = self._twin(asset, ids.values())
            if twin is not None and twin["uri"] != asset["uri"]:
                why = f"its uri is {twin['uri']!r} in the copy and {asset['uri']!r} in the original"
                self._report.refuse(scope, None, why)
                self._refused.add(asset["name"])
                continue
            if twin is None:
                asset_id = contents.free_asset_id(asset["id"])
            else:
                asset_id = twin["id"]
            ids[asset["id"]] = asset_id
            if asset_id != asset["id"] and twin is None:
                self._report.notes.append(
                    f"asset {asset['name']!r} has the id {asset_id} in the copy, {asset['id']} in "
                    "the original"
                )
            entries = [
                {**entry, "asset_id": asset_id}
                for entry in theirs.get(asset["id"], ())
                if self._selection.is_recent(entry)
            ]
            parts: Document = {
                "assets": [{**asset, "id": asset_id}],
                "asset_state_store": entries,
            }
            known: Document = {"asset_state_store": ours.get(asset_id, [])}
            if twin is not None:
                known["assets"] = [twin]
            units.append(Unit(scope, self._changes(parts, known)))
        return units, ids

    def _twin(self, asset: Row, taken: Collection[int]) -> Row | None:
        """The asset of the copy that is the same: the active one of its name, or if it is inactive,
        an inactive one of its name and its uri, if possible with its id.

        :param taken: the ids in the copy of those that are the same as others.
        """
        contents = self._target.contents
        if asset.get("active", True):
            return contents.assets.get(asset["name"])
        alike = [
            row
            for row in contents.document["assets"]
            if not row.get("active", True)
            and (row["name"], row["uri"]) == (asset["name"], asset["uri"])
            and row["id"] not in taken
        ]
        return min(alike, key=lambda row: (row["id"] != asset["id"], row["id"]), default=None)

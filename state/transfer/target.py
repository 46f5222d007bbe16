"""The Stateroom into which state is carried: what it has already, and how it takes more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from ..errors import NotFound, ServiceError
from ..model.scopes import StoreScope, scope_from
from .parts import Document, entries_of_assets, same
from .report import Report

FIXTURE = "/_stateroom/fixture"
# the lists of a document whose rows are values of a scope, and the nouns for them
VALUES = {"task_state_store": "key", "asset_state_store": "key", "xcoms": "XCom"}
_NOUNS = {
    "dag_runs": "dag run",
    "task_instances": "task instance",
    "former_attempts": "former attempt",
    "assets": "asset",
    **VALUES,
    "dags": "Dag",
    "asset_aliases": "alias",
    "asset_events": "asset event",
    "task_reschedules": "reschedule",
    "variables": "variable",
    "connections": "connection",
}
_IDS = {  # the members that name the rows that belong to no task instance and no asset
    "dag_runs": "run_id",
    "dags": "dag_id",
    "asset_aliases": "name",
    "asset_events": "id",
    "variables": "key",
    "connections": "conn_id",
}
_REFUSALS = (400, 409, 413, 422)  # statuses that say that the document is wrong


class Caller(Protocol):
    """A client of a namespace, or a peer."""

    def ask(self, method: str, path: str, **kwargs: Any) -> Any: ...

    def call(self, method: str, path: str, **kwargs: Any) -> Any: ...


class Unit(NamedTuple):
    """A task instance or an asset with what belongs to it, as a part of a fixture document; without
    a scope, a row that belongs to neither.
    """

    scope: StoreScope | None
    document: Document


class Contents:
    """What a namespace holds.

    :param document: a fixture document of all of it.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.runs = {(row["dag_id"], row["run_id"]): row for row in document["dag_runs"]}
        self.attempts = {row["id"]: row for row in document["task_instances"]}
        self.former_ids = {row["id"] for row in document.get("former_attempts", ())}
        self.tasks = {scope_from(row) for row in document["task_instances"]}
        self.assets = {row["name"]: row for row in document["assets"] if row.get("active", True)}
        self._asset_ids = {row["id"]: row for row in document["assets"]}
        of_assets = entries_of_assets(document)
        rows = list(document["task_state_store"])
        for asset in self.assets.values():
            rows += of_assets.get(asset["id"], ())
        self._entries = {(scope_from(row), row["key"]): row for row in rows}

    def has_entry(self, row: Document) -> bool:
        """Whether there is this entry already, with its value, its expiry and its moment; one of an
        asset, of the active one.
        """
        entry = self._entries.get((scope_from(row), row["key"]))
        if entry is None:
            return False
        members = ("value", "updated_at", "expires_at")
        return all(same(entry.get(name), row.get(name)) for name in members)

    def has_attempt(self, row: Document) -> bool:
        """Whether there is this attempt already, with these members."""
        attempt = self.attempts.get(row["id"], {})
        return all((attempt.get(name) or None) == (row[name] or None) for name in row)

    def add_run(self, row: Document) -> bool:
        """Take note of a dag run; False if there was exactly this one."""
        key = (row["dag_id"], row["run_id"])
        is_new = self.runs.get(key) != row
        self.runs[key] = row
        return is_new

    def free_asset_id(self, wanted: int) -> int:
        """An id for an asset that is to be created: the one that it has elsewhere, if it is free;
        it is taken then.
        """
        asset_id = wanted
        if wanted in self._asset_ids:
            asset_id = max(self._asset_ids) + 1
        self._asset_ids[asset_id] = {}
        return asset_id


class Target:
    """A namespace that takes what is carried.

    :param report: is told what was taken and what was refused; with its ``dry_run``, nothing is
        sent.
    :param with_secrets: also look at the secrets that it has.
    """

    def __init__(self, caller: Caller, report: Report, with_secrets: bool = False) -> None:
        self._caller = caller
        self.report = report
        self.contents = Contents(contents_of(caller, with_secrets))

    def put(self, units: Sequence[Unit]) -> None:
        """Create or update what some units have; if one is refused, the others are taken.

        A unit is taken whole, in one transaction, so that a task instance that is there has the
        keys that it came with.
        """
        if not units:
            return
        try:
            self._send(merged(unit.document for unit in units))
        except (NotFound, ServiceError) as error:
            if not _is_refusal(error):
                raise
            if len(units) == 1:
                self._put_in_parts(units[0], error)
                return
            middle = len(units) // 2
            self.put(units[:middle])
            self.put(units[middle:])

    def put_runs(self, runs: list[Document]) -> None:
        """Update dag runs that are there; if one is refused, the others are taken."""
        self.put([Unit(None, {"dag_runs": [run]}) for run in runs])

    def _put_in_parts(self, unit: Unit, error: Exception) -> None:
        """Take a refused unit without the values that are the reason."""
        if unit.scope is None:
            self.report.refuse_row(_row_name(unit.document), str(error))
            return
        base, rest = without_values(unit)
        values = [(name, row) for name, rows in rest.document.items() for row in rows]
        try:
            self._send(base.document)
        except (NotFound, ServiceError) as other:
            if not _is_refusal(other):
                raise
            self.report.refuse(unit.scope, None, str(error))
            return
        for name, row in values:
            try:
                self._send({name: [row]})
            except (NotFound, ServiceError) as other:
                if not _is_refusal(other):
                    raise
                self.report.refuse(unit.scope, row["key"], str(other))

    def _send(self, document: Document) -> None:
        if not self.report.dry_run:
            self._caller.call("PUT", FIXTURE, json=document)
        for name, rows in document.items():
            if name == "dag_runs":  # one that stands in several documents counts once
                rows = [row for row in rows if self.contents.add_run(row)]
            if name in _NOUNS:
                self.report.carried[_NOUNS[name]] += len(rows)


def _row_name(document: Document) -> str:
    """The only row of a document, for people."""
    ((name, (row,)),) = document.items()
    text = f"{_NOUNS[name]} {row[_IDS[name]]!r}"
    if name == "dag_runs":
        text += f" of {row['dag_id']}"
    return text


def without_values(unit: Unit) -> tuple[Unit, Unit]:
    """A unit without its values, and one that has only these."""
    base = {name: rows for name, rows in unit.document.items() if name not in VALUES}
    values = {name: rows for name, rows in unit.document.items() if name in VALUES}
    return unit._replace(document=base), unit._replace(document=values)


def contents_of(caller: Caller, with_secrets: bool = False) -> Document:
    """All that a namespace holds, as a fixture document."""
    document: Document = caller.ask("GET", FIXTURE, params={"with_secrets": int(with_secrets)})
    return document


def merged(documents: Iterable[Document]) -> Document:
    """Documents as one; what stands in several of them, such as a dag run, stands in it once."""
    lists: dict[str, list[Document]] = {}
    runs: dict[tuple[str, str], Document] = {}
    for document in documents:
        for name, rows in document.items():
            if name == "dag_runs":
                runs |= {(row["dag_id"], row["run_id"]): row for row in rows}
            else:
                lists.setdefault(name, []).extend(rows)
    if runs:
        lists["dag_runs"] = list(runs.values())
    return dict(lists)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, NotFound) or getattr(error, "status", None) in _REFUSALS

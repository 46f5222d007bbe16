"""Which task instances and assets are carried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..errors import NotFound
from ..model.clock import from_text
from ..words import near
from .parts import Document, Row

Run = tuple[str, str]  # the Dag's id, and the run's
LATEST = "latest"  # as a run id: the newest run of each Dag


@dataclass(frozen=True)
class Selection:
    """The filters of a command; None does not filter.

    :param run_id: a part of a run id, or :data:`LATEST`.
    :param asset: a name.
    :param since: an aware moment: only runs of then or later (``run_after``), and only the keys of
        assets that were written then or later.
    """

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    asset: str | None = None
    since: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything is carried."""
        return self == Selection()

    @property
    def names_tasks(self) -> bool:
        return bool(self.dag_id or self.run_id or self.task_id)

    @property
    def has_tasks(self) -> bool:
        """Whether task instances are carried: not where only an asset is named."""
        return self.names_tasks or self.asset is None

    @property
    def has_assets(self) -> bool:
        """Whether assets are carried: not where only tasks are named."""
        return self.asset is not None or not self.names_tasks

    def runs(self, rows: Iterable[Row]) -> list[Row]:
        """The selected ones of some dag runs.

        :param rows: each with ``dag_id``, ``run_id`` and ``run_after``.
        """
        selected = [
            row
            for row in rows
            if self.dag_id in (None, row["dag_id"])
            and (self.since is None or from_text(row["run_after"]) >= self.since)
        ]
        if self.run_id == LATEST:
            selected.sort(key=lambda row: (from_text(row["run_after"]), row["run_id"]))
            return list({row["dag_id"]: row for row in selected}.values())
        return [row for row in selected if (self.run_id or "") in row["run_id"]]

    def tasks(self, rows: Iterable[Row]) -> list[Row]:
        """The selected ones of the task instances of selected runs."""
        return [row for row in rows if self.task_id in (None, row["task_id"])]

    def assets(self, rows: Iterable[Row]) -> list[Row]:
        """The selected ones of some assets.

        :raises NotFound: if the asset that is named is not among them.
        """
        assets = list(rows)
        if self.asset is None:
            return assets
        selected = [row for row in assets if row["name"] == self.asset]
        if not selected:
            names = [row["name"] for row in assets]
            raise NotFound(f"no asset {self.asset!r}{near(self.asset, names)}")
        return selected

    def is_recent(self, entry: Row) -> bool:
        """Whether an asset's key was written late enough."""
        return self.since is None or from_text(entry["updated_at"]) >= self.since

    def in_document(self, document: Document, where: str) -> tuple[set[Run], list[Row]]:
        """The selected runs of a fixture document, and all task instances of these.

        :param where: the document, for people.
        :raises NotFound: if a filter fits nothing, as :meth:`check`.
        """
        runs = self.runs(document["dag_runs"])
        keys = {(run["dag_id"], run["run_id"]) for run in runs}
        tasks = [
            task for task in document["task_instances"] if (task["dag_id"], task["run_id"]) in keys
        ]
        dags = {run["dag_id"] for run in document["dag_runs"]}
        self.check(where, dags, runs, tasks)
        return keys, tasks

    def check(self, where: str, dags: Iterable[str], runs: list[Row], tasks: list[Row]) -> None:
        """Refuse filters that nothing fits, since a mistyped name would carry nothing in silence.

        :param where: what was looked at, such as ``Airflow 3.3.2 at http://airflow:8080``.
        :param dags: all ids of Dags.
        :param runs: the selected runs, and ``tasks``, their task instances before the filter of
            their task ids.
        :raises NotFound: with what is alike.
        """
        known = set(dags) | {row["dag_id"] for row in runs}
        if self.dag_id is not None and self.dag_id not in known:
            raise NotFound(f"no Dag {self.dag_id!r} in {where}{near(self.dag_id, known)}")
        if self.run_id is not None and not runs:
            raise NotFound(f"no run id in {where} has {self.run_id!r} in it")
        if self.task_id is not None and not self.tasks(tasks):
            names = {row["task_id"] for row in tasks}
            raise NotFound(
                f"no task {self.task_id!r} in the selected runs{near(self.task_id, names)}"
            )

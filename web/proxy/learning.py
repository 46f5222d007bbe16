"""Whose a task instance id is, and which assets there are: what only the Airflow knows."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from state.errors import NotFound
from state.model.scopes import TaskScope, run_path
from state.store import keyspaces, whole_airflow
from state.store.database.budget import spend
from state.store.keyspaces import Keyspace
from state.store.namespace import Namespace

from ..errors import Refused
from ..service import Service
from .routes import Subject
from .upstream import Upstream

log = logging.getLogger("stateroom")
_REMEMBERED = 100_000  # subjects
_UNKNOWN = 5.0  # seconds until the upstream is asked again for what it did not know


class Learning:
    """Registers what a call on state is about, if the upstream has it.

    A subject that is known is remembered, so that its calls need not look for it.
    """

    def __init__(self, service: Service, upstream: Upstream) -> None:
        self._service = service
        self._upstream = upstream
        self._known: set[Subject] = set()
        self._unknown: dict[Subject, float] = {}  # and until when

    @property
    def namespace(self) -> Namespace:
        """The one whose state the workers of the upstream have."""
        return self._service.store.namespace()

    def is_remembered(self, subject: Subject) -> bool:
        """Whether a call about this needs no look, and no question."""
        return subject in self._known or self._unknown.get(subject, 0) > time.monotonic()

    def forget(self) -> None:
        """Look again for every subject: some may have been removed."""
        self._known.clear()
        self._unknown.clear()

    def learn(self, subject: Subject) -> None:
        """Register what a call is about, unless it is known here, or not to the upstream either.

        :raises Refused: if the upstream does not answer.
        """
        if self.is_remembered(subject):
            return
        if not self._is_known(subject):
            spend(sys.maxsize)  # the thread that reads all sockets does not wait
            self._ask(subject)
            if not self._is_known(subject):
                _remember(self._unknown)
                self._unknown[subject] = time.monotonic() + _UNKNOWN
                return
        _remember(self._known)
        self._known.add(subject)

    def try_to_learn(self, subject: Subject) -> None:
        """Like :meth:`learn`, for a call that is passed on in any case."""
        try:
            self.learn(subject)
        except Refused as error:
            log.warning("%s", error)

    def is_known(self, ti_id: str) -> bool:
        """Whether a current attempt has this id."""
        return self._is_known(Subject("attempt", (ti_id,)))

    def started(self, ti_id: str, run: dict[str, Any], process: tuple[str, str, int]) -> None:
        """Take over an attempt that the upstream has just let run, so that it can start here too.

        :param run: its dag run, as the worker is told of it.
        :param process: host, user and process id of its worker.
        """
        if not self.is_known(ti_id):
            row = self._row(run["dag_id"], run["run_id"], ti_id)
            if row is None:
                log.warning("the Airflow does not list the task instance %s, which runs", ti_id)
                return
            whole_airflow.put_task_instance(self.namespace, {**row, "state": "queued"}, run)
        whole_airflow.queue(self.namespace, ti_id, process)

    def _row(self, dag_id: str, run_id: str, ti_id: str) -> dict[str, Any] | None:
        """The row of an attempt that runs, of a run or of any; the latest one is the first."""
        path = f"{run_path(dag_id, run_id)}/taskInstances"
        parameters = {"state": "running", "order_by": "-start_date"}
        rows = self._upstream.rows(path, "task_instances", **parameters)
        return next((row for row in rows if row["id"] == ti_id), None)

    # ---------------------------------------------------------------- what is known here

    def _is_known(self, subject: Subject) -> bool:
        try:
            self._keyspace(subject).require()
        except (NotFound, ValueError):
            return False
        return True

    def _keyspace(self, subject: Subject) -> Keyspace:
        namespace = self.namespace
        kind, names = subject
        if kind == "attempt":
            return keyspaces.task_instance(namespace, names[0])
        if kind == "task":
            dag_id, run_id, task_id, index = names
            return keyspaces.task(namespace, TaskScope(dag_id, run_id, task_id, int(index)))
        if kind == "id":
            return keyspaces.asset(namespace, int(names[0]))
        if kind == "uri":
            return keyspaces.asset(namespace, uri=names[0])
        return keyspaces.asset(namespace, name=names[0])

    # ---------------------------------------------------------------- what the upstream knows

    def _ask(self, subject: Subject) -> None:
        """Register what the upstream knows of a subject."""
        kind, names = subject
        if kind == "attempt":
            row = self._row("~", "~", names[0])
            if row is not None:
                whole_airflow.put_task_instance(self.namespace, row, {})
        elif kind == "task":
            self._ask_for_task(names)
        elif kind == "id":
            self._ask_for_asset(names[0])
        else:
            assets = self._upstream.rows(
                "/api/v2/assets", "assets", **{f"{kind}_pattern": names[0]}
            )
            for asset in assets:
                if asset[kind] == names[0]:
                    whole_airflow.put_asset(self.namespace, asset)
                    break

    def _ask_for_task(self, names: tuple[str, ...]) -> None:
        dag_id, run_id, task_id, index = names
        path = f"{run_path(dag_id, run_id)}/taskInstances"
        rows = self._upstream.rows(path, "task_instances", task_id=task_id)
        for row in rows:
            if row["task_id"] == task_id and row["map_index"] == int(index):
                whole_airflow.put_task_instance(self.namespace, row, {})

    def _ask_for_asset(self, number: str) -> None:
        if not number.isdecimal():
            return
        asset = self._upstream.get(f"/api/v2/assets/{number}")
        if asset is not None:
            whole_airflow.put_asset(self.namespace, asset)


def _remember(subjects: set[Subject] | dict[Subject, float]) -> None:
    """Make room for one more."""
    if len(subjects) >= _REMEMBERED:
        subjects.clear()

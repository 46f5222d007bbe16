"""What passes and concerns state takes effect here too.

A worker's report is answered here once more by the same route, whose answer nobody gets. What
people change through the Core API is read from Airflow's answer, or asked for.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Response

from schemas.fields.airflow import canonical_uuid
from state.model.scopes import run_path
from state.store import whole_airflow

from ..service import Service
from .learning import Learning
from .upstream import Upstream

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

log = logging.getLogger("stateroom")
_DAG = "/api/v2/dags/(?P<dag_id>[^/]+)"
_RUN = f"{_DAG}/dagRuns/(?P<run_id>[^/]+)"
_SLACK = 5.0  # seconds that a change may lie before the call that made it


class Passed(NamedTuple):
    """A call that was passed on, with success.

    :param body: of the request.
    :param answer: the body of the answer.
    :param date: of the answer, as its header says it.
    :param seconds: from the request to the answer.
    """

    environ: WSGIEnvironment
    body: bytes
    answer: bytes
    date: str
    seconds: float


TakeEffect = Callable[[Passed], None]
Names = dict[str, str]


class Effects:
    """Lets calls that were passed on take effect here.

    :param app: answers the reports of workers.
    """

    def __init__(
        self, service: Service, upstream: Upstream, learning: Learning, app: WSGIApplication
    ) -> None:
        self._service = service
        self._upstream = upstream
        self._learning = learning
        self._app = app
        self._rows: list[tuple[str, re.Pattern[str], Callable[[Passed, Names], None]]] = [
            (method, re.compile(pattern), act)
            for method, pattern, act in (
                ("PATCH", "/execution/task-instances/(?P<ti_id>[^/]+)/run", self._run),
                ("PATCH", "/execution/task-instances/(?P<ti_id>[^/]+)/state", self._state),
                ("POST", f"{_DAG}/clearTaskInstances", self._clear),
                ("PATCH", f"{_RUN}/taskInstances(?:/.+)?", self._mark),
                ("PATCH", f"{_RUN}/taskGroupInstances/.+", self._mark),
                ("PATCH", _RUN, self._mark_run),
                ("POST", f"{_RUN}/clear", self._clear_run),
                ("DELETE", _RUN, self._delete),
                ("DELETE", _DAG, self._delete),
                ("PATCH", f"{_DAG}/dagRuns", self._change_runs),
            )
        ]

    def of(self, method: str, path: str) -> TakeEffect | None:
        """What a call does here once it has passed; None if it concerns no state.

        :param path: as in WSGI, each byte a character.
        """
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "replace")
        if path.endswith("/dry_run"):
            return None
        for known, pattern, act in self._rows:
            match = pattern.fullmatch(path) if known == method else None
            if match is not None:
                return self._logged(act, match.groupdict())
        return None

    def _logged(self, act: Callable[[Passed, Names], None], names: Names) -> TakeEffect:
        def take_effect(call: Passed) -> None:
            try:
                act(call, names)
            except Exception as error:  # Airflow has done it: its answer is passed on
                method = call.environ["REQUEST_METHOD"]
                path = call.environ["PATH_INFO"]
                log.exception("%s %s passed, without effect here", method, path, exc_info=error)

        return take_effect

    # ---------------------------------------------------------------- what workers report

    def _run(self, call: Passed, names: Names) -> None:
        ti_id = canonical_uuid(names["ti_id"])
        payload = json.loads(call.body)
        if ti_id is not None:
            process = (payload["hostname"], payload["unixname"], payload["pid"])
            self._learning.started(ti_id, json.loads(call.answer)["dag_run"], process)
        self._repeat(call)

    def _state(self, call: Passed, names: Names) -> None:
        self._repeat(call)

    def _repeat(self, call: Passed) -> None:
        """Answer a call here too."""
        body = {"wsgi.input": io.BytesIO(call.body), "CONTENT_LENGTH": str(len(call.body))}
        answer = Response.from_app(self._app, {**call.environ, **body})
        if answer.status_code >= 400:
            log.warning(
                "the Airflow took %s %s, which is refused here: %s",
                call.environ["REQUEST_METHOD"],
                call.environ["PATH_INFO"],
                answer.get_data(as_text=True)[:500],
            )

    # ---------------------------------------------------------------- what people change

    def _clear(self, call: Passed, names: Names) -> None:
        body = json.loads(call.body)
        if body.get("dry_run", True):
            return
        namespace = self._learning.namespace
        discards = namespace.rules.clears_task_instances and not body.get("keep_task_state")
        rows = json.loads(call.answer)["task_instances"]
        whole_airflow.follow(namespace, rows, discards=discards)

    def _mark(self, call: Passed, names: Names) -> None:
        """Take over the states of all task instances that the call has changed: those of other
        tasks and runs are not in its answer.
        """
        rows = self._changed(call, names["dag_id"], "~")
        whole_airflow.follow(self._learning.namespace, rows, self._clears_on_success())

    def _mark_run(self, call: Passed, names: Names) -> None:
        """Take over the states of the run's task instances, which all keep their keys."""
        rows = self._changed(call, names["dag_id"], names["run_id"])
        whole_airflow.follow(self._learning.namespace, rows)

    def _clear_run(self, call: Passed, names: Names) -> None:
        if not json.loads(call.body).get("dry_run", True):
            self._mark_run(call, names)

    def _changed(self, call: Passed, dag_id: str, run_id: str) -> Iterator[dict[str, Any]]:
        """The task instances that have changed since a call."""
        began = parsedate_to_datetime(call.date) - timedelta(seconds=call.seconds + _SLACK)
        path = f"{run_path(dag_id, run_id)}/taskInstances"
        return self._upstream.rows(path, "task_instances", updated_at_gte=began.isoformat())

    def _delete(self, call: Passed, names: Names) -> None:
        whole_airflow.delete_runs(self._learning.namespace, names["dag_id"], names.get("run_id"))
        self._learning.forget()

    def _change_runs(self, call: Passed, names: Names) -> None:
        """Delete the runs that a call on many has deleted."""
        for dag_id, run_id in _deleted(json.loads(call.body), names["dag_id"]):
            if self._upstream.get(run_path(dag_id, run_id)) is None:
                whole_airflow.delete_runs(self._learning.namespace, dag_id, run_id)
        self._learning.forget()

    def _clears_on_success(self) -> bool:
        config = self._learning.namespace.config
        return bool(config.get("clear_on_success", self._service.settings["clear_on_success"]))


def _deleted(document: dict[str, Any], dag_id: str) -> Iterator[tuple[str, str]]:
    """The runs that a body asks to delete."""
    for action in document.get("actions", []):
        if action.get("action") != "delete":
            continue
        for entity in action["entities"]:
            if isinstance(entity, str):
                yield dag_id, entity
            else:
                yield entity.get("dag_id") or dag_id, entity["dag_run_id"]

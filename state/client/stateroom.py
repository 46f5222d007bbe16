"""A running Stateroom in the hands of a test: its namespace, attempts, clock, faults, journal, over
HTTP.

::

    stateroom = Stateroom("http://127.0.0.1:8103").create_namespace("mine")
    first = stateroom.task("etl", "submit")
    first.set("job_id", "job-42")
    assert first.retry().get("job_id") == "job-42"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..backends import loading
from ..model import fixture_files
from ..model.clock import to_text
from ..model.names import check_name
from ..model.scopes import (
    RUN_ID,
    AssetScope,
    StoreScope,
    TaskScope,
    label,
    scope_document,
    scope_from,
)
from . import timeline
from .attempts import Asset, Task
from .clock import NamespaceClock
from .connection import Connection
from .events import Event
from .faults import Faults
from .journal import Journal, Wait
from .state import State
from .timeline import sentences, worth_telling
from .workers import HttpWorkers

_FIXTURE, _SNAPSHOTS = "/_stateroom/fixture", "/_stateroom/snapshots"


class Stateroom(Connection):
    """One namespace of a running service.

    :param url: the service's address.
    :param namespace: its name; ``default`` without one.
    :param token: an admin's, where a secret is set.
    :param over: whose connections are used; without it, there are some of its own.
    :raises Unreachable: from any member, if the service does not answer.
    """

    def __init__(
        self,
        url: str,
        namespace: str | None = None,
        token: str | None = None,
        over: Connection | None = None,
    ) -> None:
        super().__init__(url, namespace, token, over)
        self._workers = HttpWorkers(self._client)
        self._named_backend: dict[str, str] = {}
        self._tasks: dict[TaskScope, Task] = {}
        self.clock = NamespaceClock(self._client)
        self.faults = Faults(self._client)
        self.journal = Journal(self._client)

    @property
    def env(self) -> dict[str, str]:
        """The variables that point a real worker, and the ``stateroom`` command, here."""
        days = self._workers.default_retention_days
        variables = {
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.execution_url}/",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS": str(days),
            "STATEROOM_URL": self.url,
            **self._named_backend,
        }
        if self._token:
            variables["STATEROOM_TOKEN"] = self._token
        return variables

    # ----------------------------------------------------------- worker's side

    def task(self, dag_id: str, task_id: str, run_id: str = RUN_ID, map_index: int = -1) -> Task:
        """The accessor of a task instance's current attempt, which is made if it is missing."""
        scope = TaskScope(dag_id, run_id, task_id, map_index)
        if scope not in self._tasks:
            attempt = self._workers.current(scope) or self._workers.begin(scope)
            Task(self._workers, attempt, self._remember)
        return self._tasks[scope]

    def _remember(self, task: Task) -> None:
        self._tasks[task.scope] = task

    def asset(self, name: str, uri: str | None = None) -> Asset:
        """The accessor of an asset, which is made if it is not there; nobody in particular writes
        through it.

        In a task's name: ``stateroom.context(…, assets=["orders"])["asset_state_store"]``.
        """
        return Asset(self._workers, AssetScope(name=name, uri=uri))

    def context(
        self,
        dag_id: str,
        task_id: str,
        run_id: str = RUN_ID,
        map_index: int = -1,
        *,
        assets: Iterable[Any] = (),
        params: Mapping[str, Any] | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The context of the current attempt; parameters as of :meth:`task` and
        :meth:`Task.context`.
        """
        return self.task(dag_id, task_id, run_id, map_index).context(
            assets=assets, params=params, conf=conf
        )

    def backend(self, spec: Any, **options: Any) -> Any:
        """Let the workers that are made from now on keep their values through a backend; the
        service is not told.

        :param spec: a built-in name (``file``, ``object``, ``memory``), a dotted path, a class or
            an instance.
        :param options: of the class; a built-in one keeps to this namespace's own part of its base.
        :returns: the backend.
        :raises BadBackend: if it cannot be one.
        """
        realm = self._client.call("GET", "/_stateroom/health").json()["realm"]
        self._workers.hooks = loading.hooks_of(spec, realm, options)
        self._named_backend = loading.variables(spec, realm, options)
        return self._workers.hooks.backend if self._workers.hooks else None

    @property
    def default_retention_days(self) -> int:
        """What workers that are made from now on take for ``[state_store] default_retention_days``;
        30 at first.
        """
        return self._workers.default_retention_days

    @default_retention_days.setter
    def default_retention_days(self, days: int) -> None:
        self._workers.default_retention_days = days

    # ------------------------------------------------------------------- state

    @property
    def state(self) -> State:
        """What the namespace holds, to compare: ``{"etl/submit": {"job_id": "job-42"}}``."""
        return State.of(self.document())

    def document(self) -> dict[str, Any]:
        """All that is held, as a fixture document."""
        document: dict[str, Any] = self._client.call("GET", _FIXTURE).json()
        return document

    def export(self, path: str | Path) -> Path:
        """Write all that is held as a fixture document; the old file is replaced only once the new
        one is safe.
        """
        fixture_files.write(Path(path), fixture_files.canonical(self.document()))
        return Path(path)

    def import_(self, path: str | Path) -> None:
        """Create or update what a fixture document names, all of it or nothing; unknown members are
        refused.
        """
        self._client.call(
            "PUT", _FIXTURE, params={"strict": "1"}, json=fixture_files.read(Path(path))
        )
        self._tasks.clear()

    def reset(self) -> None:
        """Forget everything, clock and configuration included."""
        self._client.call("POST", "/_stateroom/reset")
        self._tasks.clear()

    def clean(self) -> int:
        """Remove what has expired by the namespace's clock, as ``airflow state-store clean`` does;
        how many keys.
        """
        return int(self._client.call("POST", "/_stateroom/clean").json()["removed"])

    def snapshot(self, name: str) -> None:
        """Take a snapshot of the namespace; it replaces one of the same name.

        :raises InvalidName: for an invalid name.
        """
        self._client.call("PUT", f"{_SNAPSHOTS}/{check_name(name, 'snapshot name')}")

    def restore(self, name: str) -> None:
        """Return to a snapshot; the journal and the other snapshots are kept.

        :raises NotFound: if there is no snapshot of this name.
        :raises InvalidName: for an invalid name.
        """
        self._client.call("POST", f"{_SNAPSHOTS}/{check_name(name, 'snapshot name')}/restore")
        self._tasks.clear()

    def diff(self, a: str, b: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """What was ``added``, ``removed`` and ``changed`` from one snapshot to another, or until
        now.
        """
        answer = self._client.call("GET", f"{_SNAPSHOTS}/diff", params={"a": a, "b": b})
        difference: dict[str, list[dict[str, Any]]] = answer.json()
        return difference

    # ------------------------------------------------------------ what happened

    def wait_for(
        self,
        key: str,
        predicate: Callable[[Any], Any] = lambda value: True,
        timeout: float = 5,
        of: Task | Asset | None = None,
    ) -> Any:
        """Wait until a key has a value that fits, and return it.

        :param predicate: is given each value; without it, any will do.
        :param timeout: seconds.
        :param of: whose key, where several have one of this name.
        :raises NotInTime: naming the last value that was seen.
        """
        return Wait(
            self.document, self.journal, self._workers.hooks, key, of.scope if of else None
        ).until(predicate, timeout)

    def explain(self, key: str, of: Task | Asset | None = None) -> str:
        """Say in a sentence whether a key is there, when it goes, and by whose clock.

        :param of: whose key, where several have one of this name.
        """
        return self._sentence(of.scope if of else self._only_place(key), key)

    def _sentence(self, scope: StoreScope, key: str) -> str:
        asked = {**scope_document(scope), "key": key}
        return str(self._client.call("GET", "/_stateroom/explain", params=asked).json()["sentence"])

    def history(self, key: str, of: Task | Asset | None = None) -> list[Event]:
        """What changed a key, oldest first.

        :param of: whose key, where several have one of this name.
        """
        return [Event.read(row) for row in self._ask("/_stateroom/history", key, of)["history"]]

    def value_at(self, key: str, at: datetime | int, of: Task | Asset | None = None) -> Any:
        """The value that a key had at an aware moment, or after the event of this number; None if
        it had none.

        :param of: whose key, where several have one of this name.
        """
        moment = str(at) if isinstance(at, int) else to_text(at)
        return self._ask("/_stateroom/history", key, of, at=moment).get("value")

    def _ask(self, path: str, key: str, of: Task | Asset | None, **more: str) -> dict[str, Any]:
        scope = of.scope if of else self._only_place(key)
        found: dict[str, Any] = self._client.call(
            "GET", path, params={**scope_document(scope), "key": key, **more}
        ).json()
        return found

    def _only_place(self, key: str) -> StoreScope:
        rows = fixture_files.rows(self.document())
        places = {scope_from(row) for row in rows if row["key"] == key}
        places = places or {
            event.scope for event in self.journal if event.key == key and event.scope
        }
        if len(places) == 1:
            return places.pop()
        known = ", ".join(sorted(map(label, places))) or "nobody"
        raise ValueError(f"{known} has a key {key!r}; say whose is meant: of=task")

    def timeline(self, most: int = timeline.MOST) -> str:
        """What happened here, as a table for people; below it a sentence on each key that expired
        or was missed.
        """
        events, document = self.journal.events(), self.document()
        text = timeline.table(events, self._workers.failures, most)
        told = sentences(worth_telling(events, document, self.clock.now()), self._sentence)
        return "\n\n".join(filter(None, (text, told)))

"""The ``[state_store] backend`` of a whole Airflow that keeps task and asset state in a Stateroom.

For the processes of Airflow (3.3.2, 3.4.0b2), above all its api-server::

    AIRFLOW__STATE_STORE__BACKEND=state.airflow.StateroomBackend
    STATEROOM_URL=http://127.0.0.1:8103

``STATEROOM_NAMESPACE`` is another namespace than ``default``. A Stateroom with a secret has to have
Airflow's own ``[api_auth] jwt_secret``, which signs the tokens of the calls.
``STATEROOM_MIRROR=true`` writes to Airflow's own tables too, which its pages show.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from airflow.configuration import conf
from airflow.models.asset import AssetModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.state.metastore import MetastoreBackend
from airflow.utils.session import create_session
from sqlalchemy import select

from .client.http import HttpKeyspace, StateroomClient
from .errors import KeyNotFound, NotFound
from .model import tokens
from .model.clock import from_text, to_text
from .model.names import NAMESPACE_PREFIX, check_name
from .model.scopes import TaskScope, scope_document, task_path
from .process import DEFAULT_URL

_LIFETIME = 60  # seconds of a token
_UNCHECKED = "a Stateroom without a secret reads tokens and does not verify them, so any one does"
_NIL = "00000000-0000-0000-0000-000000000000"  # the subject of a watcher's token, and of nobody's
_TASK_INSTANCES = "/_stateroom/task-instances"
_FIXTURE = "/_stateroom/fixture"
Call = Callable[[HttpKeyspace], object]


class StateroomBackend(MetastoreBackend):  # type: ignore[misc]
    """Airflow's state backend over HTTP: each call is one of a worker, or of the Core API, at a
    Stateroom, whose journal has the attempt and its try number.

    A task instance or an asset that Stateroom does not know is registered with the ids that Airflow
    has for it. What Airflow does past its backend does not reach Stateroom: the state of its pages
    and its Core API, the deletion of dag runs, ``airflow db clean``, and the scheduler's removal of
    the state of assets that are in no Dag any more.

    It is a ``MetastoreBackend`` because Airflow hands the writer of asset state, and the command
    ``airflow state-store clean``, to no other class (3.3.2).

    :raises Unreachable: from each method, if Stateroom does not answer: the api-server answers 500,
        and the Task SDK tries again.
    :raises ServiceError: from each method, if Stateroom refuses the call.
    """

    def __init__(self) -> None:
        self._secret = conf.get("api_auth", "jwt_secret", fallback=None) or _UNCHECKED
        self._client = StateroomClient(_address())
        self._mirrors = os.environ.get("STATEROOM_MIRROR", "").lower() in ("1", "true", "yes")

    # ---------------------------------------------------------------- Airflow's four calls

    def get(self, scope: Any, key: str, *, session: Any = None) -> str | None:
        """The value of a key as JSON text; None if there is none."""
        with _session(session) as session:
            try:
                value = self._call(scope, session, lambda keyspace: keyspace.get(key))
            except KeyNotFound:
                return None
        return json.dumps(value)

    def set(
        self,
        scope: Any,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Create or overwrite a key.

        :param value: JSON text.
        :param expires_at: an aware moment; None for never.
        """
        with _session(session) as session:
            parsed = json.loads(value)
            self._call(scope, session, lambda keyspace: keyspace.set(key, parsed, expires_at))
            if self._mirrors:
                super().set(scope, key, value, expires_at=expires_at, session=session)

    def delete(self, scope: Any, key: str, *, session: Any = None) -> None:
        """Delete a key; a missing one is no error."""
        with _session(session) as session:
            self._call(scope, session, lambda keyspace: keyspace.delete(key))
            if self._mirrors:
                super().delete(scope, key, session=session)

    def clear(self, scope: Any, *, all_map_indices: bool = False, session: Any = None) -> None:
        """Delete every key of a task instance, of all its map indices, or of an asset."""
        with _session(session) as session:
            if all_map_indices and not _is_asset(scope):
                parameters = {"all_map_indices": "true"}
                path = f"{task_path(scope.dag_id, scope.run_id, scope.task_id)}/state-store"
                self._as_admin().call("DELETE", path, params=parameters)
            else:
                self._call(scope, session, lambda keyspace: keyspace.clear())
            if self._mirrors:
                super().clear(scope, all_map_indices=all_map_indices, session=session)

    def set_asset_state_store(
        self, scope: Any, key: str, value: str, *, kind: Any, session: Any = None, **writer: Any
    ) -> None:
        """Create or overwrite a key of an asset, with its writer.

        :param kind: ``task``, ``watcher`` or ``api``, an enum of Airflow.
        :param writer: of a task, its coordinates, and in 3.4 its id and try number too.
        """
        with _session(session) as session:
            client = self._as_writer(kind, writer, session)
            parsed = json.loads(value)
            self._of_asset(scope, session, client, lambda keyspace: keyspace.set(key, parsed))
            if self._mirrors:
                super().set_asset_state_store(
                    scope, key, value, kind=kind, session=session, **writer
                )

    # ---------------------------------------------------------------- airflow state-store clean

    def cleanup(self) -> None:
        """Remove what has expired by Stateroom's clock."""
        self._as_admin().call("POST", "/_stateroom/clean")
        if self._mirrors:
            super().cleanup()

    def _summary_dry_run(self) -> dict[str, list[Any]]:
        """What :meth:`cleanup` would remove, for ``airflow state-store clean --dry-run``."""
        admin = self._as_admin()
        now = from_text(admin.ask("GET", "/_stateroom/clock")["now"])
        entries = admin.ask("GET", _FIXTURE)["task_state_store"]
        expired = [
            tuple(entry[name] for name in ("dag_id", "run_id", "task_id", "map_index", "key"))
            for entry in entries
            if entry["expires_at"] is not None and from_text(entry["expires_at"]) < now
        ]
        return {"expired": expired}

    # ---------------------------------------------------------------- the same for event loops

    async def aget(self, scope: Any, key: str, *, session: Any = None) -> str | None:
        """Like :meth:`get`, in a thread and with a session of its own."""
        return await asyncio.to_thread(self.get, scope, key)

    async def aset(
        self,
        scope: Any,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Like :meth:`set`, in a thread and with a session of its own."""
        await asyncio.to_thread(self.set, scope, key, value, expires_at=expires_at)

    async def adelete(self, scope: Any, key: str, *, session: Any = None) -> None:
        """Like :meth:`delete`, in a thread and with a session of its own."""
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(
        self, scope: Any, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        """Like :meth:`clear`, in a thread and with a session of its own."""
        await asyncio.to_thread(self.clear, scope, all_map_indices=all_map_indices)

    async def aset_asset_state_store(
        self, scope: Any, key: str, value: str, *, kind: Any, session: Any = None, **writer: Any
    ) -> None:
        """Like :meth:`set_asset_state_store`, in a thread and with a session of its own."""
        await asyncio.to_thread(self.set_asset_state_store, scope, key, value, kind=kind, **writer)

    # ---------------------------------------------------------------- who calls, and for what

    def _call(self, scope: Any, session: Any, call: Call) -> Any:
        """Call a keyspace: of a task instance as its current attempt, of an asset as nobody."""
        if _is_asset(scope):
            return self._of_asset(scope, session, self._as_task(_NIL), call)
        attempt = _attempt(scope, session)
        if attempt is None:
            return call(self._as_admin().task_by_scope(_own(scope)))
        self._register(scope, attempt)
        return call(self._as_task(attempt["id"]).task(attempt["id"]))

    def _of_asset(self, scope: Any, session: Any, client: StateroomClient, call: Call) -> Any:
        """Call the keyspace of an asset, which is registered if it is not known."""
        asset = _asset(scope, session)
        keyspace = client.asset(uri=asset["uri"])
        try:
            return call(keyspace)
        except KeyNotFound:
            raise
        except NotFound:
            self._as_admin().call("PUT", _FIXTURE, json={"assets": [asset]})
        return call(keyspace)

    def _as_writer(self, kind: Any, writer: dict[str, Any], session: Any) -> StateroomClient:
        """A client that acts as the writer of asset state."""
        if kind.value != "task":
            return self._as_task(_NIL)
        coordinates = {name: writer[name] for name in ("dag_id", "run_id", "task_id", "map_index")}
        scope = TaskScope(**coordinates)
        attempt = _attempt(scope, session)
        if attempt is None:
            return self._as_task(_NIL)
        self._register(scope, attempt)
        return self._as_task(attempt["id"])

    def _register(self, scope: Any, attempt: dict[str, Any]) -> None:
        """Make an attempt the current one of its task instance, if it is not."""
        admin = self._as_admin()
        try:
            parameters = scope_document(_own(scope))
            known = admin.ask("GET", _TASK_INSTANCES, params=parameters)["id"]
        except NotFound:
            known = None
        if known != attempt["id"]:
            admin.call("PUT", _FIXTURE, json=_registration(scope, attempt))

    def _as_task(self, ti_id: str) -> StateroomClient:
        return self._client.acting(tokens.for_task_instance(self._secret, ti_id, _LIFETIME))

    def _as_admin(self) -> StateroomClient:
        return self._client.acting(tokens.for_role(self._secret, "admin", "airflow", _LIFETIME))


def _address() -> str:
    """The address of the namespace."""
    url = os.environ.get("STATEROOM_URL", DEFAULT_URL).rstrip("/")
    namespace = os.environ.get("STATEROOM_NAMESPACE")
    if namespace:
        url += NAMESPACE_PREFIX + check_name(namespace, "namespace name")
    return url


@contextmanager
def _session(session: Any) -> Iterator[Any]:
    """The session that Airflow gives, or one that ends with the context."""
    if session is not None:
        yield session
    else:
        with create_session() as session:
            yield session


def _is_asset(scope: Any) -> bool:
    return hasattr(scope, "asset_id")


def _own(scope: Any) -> TaskScope:
    """Airflow's scope of a task instance as ours; in 3.4 the map index is no field of it."""
    return TaskScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)


def _attempt(scope: Any, session: Any) -> dict[str, Any] | None:
    """Airflow's facts of a task instance's current attempt, and of its run; None if it is gone."""
    of_attempt = (TaskInstance.id, TaskInstance.try_number, TaskInstance.max_tries)
    of_run = (DagRun.logical_date, DagRun.run_type, DagRun.run_after)
    row = session.execute(
        select(*of_attempt, TaskInstance.state, *of_run)
        .join(DagRun, TaskInstance.dag_run)
        .where(
            TaskInstance.dag_id == scope.dag_id,
            TaskInstance.run_id == scope.run_id,
            TaskInstance.task_id == scope.task_id,
            TaskInstance.map_index == scope.map_index,
        )
    ).one_or_none()
    if row is None:
        return None
    return {**row._mapping, "id": str(row.id)}


def _registration(scope: Any, attempt: dict[str, Any]) -> dict[str, Any]:
    """A fixture document with an attempt and its run."""
    run = {"dag_id": scope.dag_id, "run_id": scope.run_id, "run_type": attempt["run_type"]}
    for name in ("logical_date", "run_after"):
        if attempt[name] is not None:
            run[name] = to_text(attempt[name])
    members = {name: attempt[name] for name in ("id", "try_number", "max_tries", "state")}
    return {"dag_runs": [run], "task_instances": [{**scope_document(_own(scope)), **members}]}


def _asset(scope: Any, session: Any) -> dict[str, Any]:
    """Airflow's facts of an asset.

    :raises NotFound: if it is gone.
    """
    columns = (AssetModel.id, AssetModel.name, AssetModel.uri)
    row = session.execute(select(*columns).where(AssetModel.id == scope.asset_id)).one_or_none()
    if row is None:
        raise NotFound(f"Airflow has no asset {scope.asset_id}")
    return dict(row._mapping)

"""Attempts over HTTP: the calls of a worker, and those that create its task instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backends.hooks import Hooks
from ..backends.wrappers import BackendFault, FaultyHooks, Take
from ..errors import NotFound
from ..model.clock import to_text
from ..model.scopes import AssetScope, StoreScope, TaskScope, scope_document
from ..worker.accessors import Keyspace
from .attempts import Attempt, Workers
from .clock import NamespaceClock
from .http import StateroomClient

_TASK_INSTANCES = "/_stateroom/task-instances"


class HttpWorkers(Workers):
    """Workers over HTTP.

    :param client: a client of the namespace, with an admin token if the service has a secret.
    """

    def __init__(self, client: StateroomClient) -> None:
        super().__init__(NamespaceClock(client))
        self._client = client

    def current(self, scope: TaskScope) -> Attempt | None:
        """The current attempt, such as one of a fixture; None if there is none."""
        try:
            response = self._client.call("GET", _TASK_INSTANCES, params=scope_document(scope))
        except NotFound:
            return None
        return _attempt(scope, response.json())

    def begin(self, scope: TaskScope) -> Attempt:
        response = self._client.call("POST", _TASK_INSTANCES, json=scope_document(scope))
        return _attempt(scope, response.json())

    def report(self, attempt: Attempt, state: str, facts: Mapping[str, Any]) -> None:
        body = {"state": state, "end_date": to_text(self.clock.now()), **facts}
        self._acting(attempt).call(
            "PATCH", f"/execution/task-instances/{attempt.id}/state", json=body
        )

    def keyspace(self, attempt: Attempt) -> Keyspace:
        return self._acting(attempt).task(attempt.id)

    def faulty(self, hooks: Hooks) -> Hooks:
        return FaultyHooks(hooks, taken_from(self._client))

    def asset(self, scope: AssetScope, attempt: Attempt | None) -> Keyspace:
        client = self._acting(attempt)
        if scope.name is not None:
            self._create_asset(scope.name, scope.uri)
            return client.asset(name=scope.name)
        try:
            client.call("GET", "/execution/assets/by-uri", params={"uri": scope.uri})
        except NotFound:
            self._create_asset(str(scope.uri), scope.uri)
        return client.asset(uri=scope.uri)

    def _create_asset(self, name: str, uri: str | None) -> None:
        body = {"name": name}
        if uri is not None:
            body["uri"] = uri
        self._client.call("POST", "/_stateroom/assets", json=body)

    def _acting(self, attempt: Attempt | None) -> StateroomClient:
        """A client with a worker's token; it says that expiry is by the namespace's clock."""
        token = None
        if attempt is not None:
            token = attempt.token
        return self._client.acting(token, Stateroom_Clock="namespace")


def _attempt(scope: TaskScope, row: dict[str, Any]) -> Attempt:
    return Attempt(row["id"], scope, row["try_number"], row["token"])


def taken_from(client: StateroomClient) -> Take:
    """A function that requests the fault for each call to a worker's backend."""

    def take(op: str, scope: StoreScope, key: str | None) -> BackendFault | None:
        body = {"op": op, "scope": scope_document(scope), "key": key}
        fault = client.call("POST", "/_stateroom/faults/take", json=body).json()["fault"]
        if fault is None:
            return None
        return BackendFault(fault["id"], fault["backend"], fault["delay"])

    return take

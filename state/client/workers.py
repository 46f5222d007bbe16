"""Attempts over HTTP: the calls of a worker, and those of the Control API that create its task
instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
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
    """
    :param client: of the namespace; its token is an admin's, if it has one.
    """

    def __init__(self, client: StateroomClient) -> None:
        super().__init__(NamespaceClock(client))
        self._client = client

    def current(self, scope: TaskScope) -> Attempt | None:
        """The attempt that is there, from a fixture say; None if there is none."""
        try:
            return _attempt(scope, self._client.call("GET", _TASK_INSTANCES, params=asdict(scope)))
        except NotFound:
            return None

    def begin(self, scope: TaskScope) -> Attempt:
        return _attempt(scope, self._client.call("POST", _TASK_INSTANCES, json=asdict(scope)))

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
            self._make_asset(scope.name, scope.uri)
            return client.asset(name=scope.name)
        try:
            client.call("GET", "/execution/assets/by-uri", params={"uri": scope.uri})
        except NotFound:
            self._make_asset(str(scope.uri), scope.uri)
        return client.asset(uri=scope.uri)

    def _make_asset(self, name: str, uri: str | None) -> None:
        body = {"name": name, **({"uri": uri} if uri is not None else {})}
        self._client.call("POST", "/_stateroom/assets", json=body)

    def _acting(self, attempt: Attempt | None) -> StateroomClient:
        """The client in a worker's name; it tells that it goes by the namespace's clock."""
        return self._client.acting(attempt.token if attempt else None, Stateroom_Clock="namespace")


def _attempt(scope: TaskScope, answer: Any) -> Attempt:
    made = answer.json()
    return Attempt(made["id"], scope, made["try_number"], made["token"])


def taken_from(client: StateroomClient) -> Take:
    """Ask a service, call by call, which fault its namespace has for a worker's backend."""

    def take(op: str, scope: StoreScope, key: str | None) -> BackendFault | None:
        asked = {"op": op, "scope": scope_document(scope), "key": key}
        found = client.call("POST", "/_stateroom/faults/take", json=asked).json()["fault"]
        return BackendFault(found["id"], found["backend"], found["delay"]) if found else None

    return take

"""How many task instances a mapped task has: the XComs that it is mapped over decide it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import NotFound
from ..model import serialized
from ..model.scopes import TaskScope, task_path
from .errors import RunError
from .register import Service, Tasks
from .task import Task

Document = dict[str, Any]
Count = Callable[[Document], int | None]  # of the values that a task has returned
_RETURN_VALUE = "return_value"
_RULES: dict[str, Callable[[list[int]], int]] = {
    "product": math.prod,
    "concat": sum,
    "zip": min,
    "zip_longest": max,
}


def check_map_index(service: Service, task: Task, scope: TaskScope, tasks: Tasks) -> None:
    """Refuse a map index that the task does not have.

    Airflow's task runner would take it modulo the number of values, and run with the value of
    another task instance (3.3.2).

    :param task: its ``xcoms`` go before those that the service holds.
    :param tasks: the facts of the Dag's tasks, by their ids.
    :raises RunError: for such a map index; not if XComs decide that are not there.
    """
    facts = tasks[scope.task_id]
    if facts["is_mapped"] and scope.map_index < 0:
        raise RunError(
            f"the task {scope.task_id!r} is mapped; say which of its task instances is to run: "
            "--map-index 0 (map_index=0) for the first"
        )
    if not facts["is_mapped"] and scope.map_index >= 0:
        raise RunError(
            f"the task {scope.task_id!r} is not mapped; leave --map-index (map_index=) out"
        )
    if not facts["is_mapped"]:
        return

    def count(upstream: Document) -> int | None:
        given = task.xcoms.get(upstream["task_id"])
        if upstream["is_mapped"] and isinstance(given, list):
            return len(given) - given.count(None)
        if given is not None:
            return serialized.length(given)
        return _stored(upstream, service, scope)

    length = _length(facts["length"], count)
    if length is not None and scope.map_index >= length:
        raise RunError(_too_high(scope, length))


def _length(length: Any, count: Count) -> int | None:
    """The number of values, from the facts of the task; None if it cannot be said."""
    if isinstance(length, dict):
        return count(length)
    if isinstance(length, list):
        rule, *parts = length
        lengths = (_length(part, count) for part in parts)
        known = [each for each in lengths if each is not None]
        if len(known) < len(parts):
            return None
        return _RULES[rule](known)
    assert length is None or isinstance(length, int)
    return length


def _too_high(scope: TaskScope, length: int) -> str:
    message = f"the task {scope.task_id!r} has no map index {scope.map_index}: it is mapped over "
    if length == 0:
        return f"{message}no values, and a scheduler skips it"
    if length == 1:
        return f"{message}1 value, whose map index is 0"
    return f"{message}{length} values, whose map indices are 0 to {length - 1}"


def _stored(upstream: Document, service: Service, scope: TaskScope) -> int | None:
    """The number of values that a task has returned, as the service holds them; None if it has
    returned nothing.
    """
    entries = f"{task_path(scope.dag_id, scope.run_id, upstream['task_id'])}/xcomEntries"
    if upstream["is_mapped"]:
        parameters = {"xcom_key": _RETURN_VALUE, "limit": 1}
        page = service.call("GET", entries, params=parameters).json()
        return page["total_entries"] or None
    try:
        entry = service.call("GET", f"{entries}/{_RETURN_VALUE}").json()
    except NotFound:
        return None
    return serialized.length(entry["value"])

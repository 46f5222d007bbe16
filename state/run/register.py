"""Register what a task needs: its run and attempt, assets, XComs, variables and connections."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from ..errors import NotFound
from ..model.clock import from_text
from ..model.compat import RULES
from ..model.scopes import FINISHED, TaskScope, run_path, scope_document, task_path
from .connections import connection
from .errors import RunError
from .task import Task

_TASK_INSTANCES = "/_stateroom/task-instances"
_FIXTURE = "/_stateroom/fixture"
_ASSETS = "/_stateroom/assets"
_CLEARED = (*FINISHED, "deferred")
Document = dict[str, Any]
Tasks = Mapping[str, Document]  # the facts of a Dag's tasks, by their ids


class Service(Protocol):
    """A client of a namespace, with an admin's token if the service has a secret."""

    url: str

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request and return the response.

        :raises StateError: for an answer from status 300.
        """

    def acting(self, token: str | None = None, **headers: str) -> Service:
        """A client with another token."""


class Attempt(NamedTuple):
    """An attempt that is queued.

    :param token: of its worker.
    :param max_tries: up to which try number a failure is ``up_for_retry``; 0 for none.
    """

    id: str
    token: str
    try_number: int
    max_tries: int


def current(service: Service, scope: TaskScope) -> Document | None:
    """The current attempt of a task instance, with its state; None if there is none."""
    return _found(service, _TASK_INSTANCES, scope_document(scope))


def _found(
    service: Service, path: str, parameters: Mapping[str, Any] | None = None
) -> Document | None:
    try:
        document: Document = service.call("GET", path, params=parameters).json()
    except NotFound:
        return None
    return document


def given(task: Task) -> Document:
    """The variables and connections that are given with a task, as parts of a fixture document.

    :raises ValueError: for an invalid connection; for NaN in a variable, an XCom or a conf.
    :raises TypeError: for a variable, an XCom or a conf that is not JSON otherwise.
    """
    for name in ("variables", "xcoms"):
        for key, value in getattr(task, name).items():
            _check_json(f"{name}[{key!r}]", value)
    _check_json("conf", task.conf)
    return {
        "variables": [{"key": key, "value": _text(value)} for key, value in task.variables.items()],
        "connections": [connection(conn_id, value) for conn_id, value in task.connections.items()],
    }


def needs(
    service: Service,
    task: Task,
    scope: TaskScope,
    dags: Document,
    shared: Document,
) -> None:
    """Register what a task reads: its run, the assets of the file, XComs of other tasks.

    :param dags: the Dags of the file, by their ids.
    :param shared: further parts of a fixture document.
    :raises RunError: for an XCom of an unknown task.
    """
    for names in _asset_names(dags):
        _put_asset(service, names)
    tasks = dags[scope.dag_id]["tasks"]
    xcoms = list(_xcoms(task, scope, tasks))
    document = {
        "dag_runs": [_dag_run(service, scope, task.conf)],
        "task_instances": [
            {**place, "id": str(uuid.uuid4()), "state": "success"}
            for place, _ in xcoms
            if _found(service, _TASK_INSTANCES, place) is None
        ],
        "xcoms": [
            {**place, "key": key, "value": value}
            for place, returned in xcoms
            for key, value in _pushed(tasks[place["task_id"]], returned).items()
        ],
        "asset_aliases": [
            {"name": alias["name"], "group": alias["group"]}
            for alias in _assets_of(dags)
            if alias["type"] == "AssetAlias"
        ],
        **shared,
    }
    service.call("PUT", _FIXTURE, json={name: rows for name, rows in document.items() if rows})
    for task_id in task.xcoms:
        if tasks[task_id]["is_mapped"]:
            given_at = {place["map_index"] for place, _ in xcoms if place["task_id"] == task_id}
            _delete_others(service, {**scope_document(scope), "task_id": task_id}, given_at)


def _delete_others(service: Service, place: Document, given_at: set[int]) -> None:
    """Delete what a mapped task returned before at other map indices than these."""
    path = "/".join(quote(place[name], "") for name in ("dag_id", "run_id", "task_id"))
    for index in set(_returned_at(service, place)) - given_at:
        row = _found(service, _TASK_INSTANCES, {**place, "map_index": index}) or {}
        service.acting(row.get("token")).call(
            "DELETE", f"/execution/xcoms/{path}/return_value", params={"map_index": index}
        )


def _returned_at(service: Service, place: Document) -> list[int]:
    """The map indices at which a mapped task has returned something."""
    path = f"{task_path(place['dag_id'], place['run_id'], place['task_id'])}/xcomEntries"
    indices: list[int] = []
    while True:
        parameters = {"xcom_key": "return_value", "limit": 1000, "offset": len(indices)}
        page = service.call("GET", path, params=parameters).json()
        indices += [entry["map_index"] for entry in page["xcom_entries"]]
        if len(indices) >= page["total_entries"]:
            return indices


def _check_json(name: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"{name} is not JSON-serialisable: {error}; convert it first") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON: {error}") from None


def _text(value: Any) -> str:
    """The value of a variable as it is stored."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _assets_of(dags: Document) -> Iterator[Document]:
    """The assets, references of assets and aliases that the tasks of the file name."""
    for dag in dags.values():
        for facts in dag["tasks"].values():
            yield from facts["inlets"]
            yield from facts["outlets"]


def _asset_names(dags: Document) -> list[dict[str, str]]:
    """The name and uri of each asset of the file, then the one that each reference has."""
    assets = sorted(_assets_of(dags), key=lambda asset: asset["type"] != "Asset")
    names = {frozenset(_names(asset).items()): _names(asset) for asset in assets}
    return [each for each in names.values() if each]


def _put_asset(service: Service, names: dict[str, str]) -> None:
    """Create an asset that the file names, if there is none.

    One that was made by its name alone, or by its uri alone, gets the other from the file, and
    keeps its state. One that the file only refers to has its name as its uri, or its uri as its
    name.
    """
    known = service.call("GET", _ASSETS, params=names).json()["assets"]
    if any(names.items() <= each.items() for each in known):
        return
    if known:
        service.call("PUT", _FIXTURE, json={"assets": [{**known[0], **names}]})
    else:
        name = names.get("name") or names["uri"]
        service.call("POST", _ASSETS, json={"name": name, "uri": names.get("uri") or name})


def _names(asset: Document) -> dict[str, str]:
    """The name and the uri of an asset, or the one that refers to it; of an alias neither."""
    members = {"Asset": ("name", "uri"), "AssetNameRef": ("name",), "AssetUriRef": ("uri",)}
    return {member: asset[member] for member in members.get(asset["type"], ())}


def _xcoms(task: Task, scope: TaskScope, tasks: Tasks) -> Iterator[tuple[Document, Any]]:
    """The task instances that have returned something, each with what it returned."""
    for task_id, value in task.xcoms.items():
        place = {"dag_id": scope.dag_id, "run_id": scope.run_id, "task_id": task_id}
        if task_id not in tasks:
            raise RunError(
                f"an XCom is given for the task {task_id!r}, which the Dag {scope.dag_id!r} does "
                f"not have; its tasks: {', '.join(tasks)}"
            )
        if not tasks[task_id]["is_mapped"]:
            yield {**place, "map_index": -1}, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if item is not None:  # a task that returns None pushes nothing
                    yield {**place, "map_index": index}, item
        else:
            raise RunError(
                f"the task {task_id!r} is mapped: its XCom is a list, one value for each map "
                f"index, and not {json.dumps(value)}"
            )


def _pushed(facts: Document, value: Any) -> dict[str, Any]:
    """The XComs of a task that has returned a value; with multiple outputs each member is one."""
    if facts["multiple_outputs"] and isinstance(value, Mapping):
        return {**value, "return_value": value}
    return {"return_value": value}


def _dag_run(service: Service, scope: TaskScope, conf: Mapping[str, Any] | None) -> Document:
    """The Dag run; the logical date of a new one is the one in its id."""
    run: Document = {"dag_id": scope.dag_id, "run_id": scope.run_id}
    if _found(service, run_path(scope.dag_id, scope.run_id)) is None:
        moment = _moment(scope.run_id.partition("__")[2])
        if moment:
            for name in ("logical_date", "data_interval_start", "data_interval_end", "start_date"):
                run[name] = moment
    run["state"] = "running"
    if conf is not None:
        run["conf"] = dict(conf)
    return run


def _moment(text: str) -> str:
    """A moment; empty for a text that is none."""
    try:
        from_text(text)
    except ValueError:
        return ""
    return text


def _may_restart(service: Service) -> bool:
    """Whether a task instance that restarts may run as it is."""
    return RULES[service.call("GET", "/_stateroom/health").json()["compat"]].restarts


def attempt(service: Service, task: Task, scope: TaskScope, facts: Document) -> Attempt:
    """Queue the next attempt of a task instance, as a scheduler does.

    A sensor that waits for its reschedule date goes on with the attempt that it has. Running a
    task instance once more that has ended, or waits for its trigger, gives it all its retries
    again, as clearing it does in Airflow.

    :param facts: of the task: its ``retries``, and the ``deferral`` from which it starts.
    """
    former = current(service, scope) or {}
    state = former.get("state")
    if state == "up_for_reschedule" and task.try_number is None:
        row = former
    else:
        body = scope_document(scope)
        if task.try_number is not None:
            body["try_number"] = task.try_number
        row = service.call("POST", _TASK_INSTANCES, json=body).json()
    max_tries = former.get("max_tries") or facts["retries"]
    if state in _CLEARED:
        max_tries = former["try_number"] + facts["retries"]
    new_state = "queued"
    if state == "restarting" and _may_restart(service):
        new_state = "restarting"
    if facts["deferral"] is not None:
        new_state = "running"
    queued = {
        **scope_document(scope),
        "id": row["id"],
        "try_number": row["try_number"],
        "max_tries": max_tries,
        "state": new_state,
    }
    service.call("PUT", _FIXTURE, json={"task_instances": [queued]})
    return Attempt(row["id"], row["token"], row["try_number"], max_tries)

"""Backends that fail on purpose, in the gateway and in a worker connected to the service."""

import asyncio
import time

import pytest

from state.backends.hooks import Hooks
from state.backends.memory import MemoryBackend
from state.backends.wrappers import FaultyHooks
from state.client.http import StateroomClient
from state.client.workers import taken_from
from state.errors import ObjectCorrupt, ObjectMissing
from state.model.scopes import AssetScope
from state.worker.accessors import AssetStateStoreAccessor, TaskStateStoreAccessor
from tests.support.backends.small import Folder
from tests.support.values import SCOPE, Values


@pytest.fixture
def values(app_with):
    values = Values(app_with("Folder", backend_timeout=0.5))
    values.put("first")
    return values


@pytest.mark.parametrize(
    ("kind", "reason", "cls"),
    [
        ("missing", "missing", "ObjectMissing"),
        ("corrupt", "corrupt", "ObjectCorrupt"),
        ("refused", "backend_failed", "PermissionError"),
    ],
)
def test_the_gateways_backend_fails_to_read(values, kind, reason, cls):
    values.http.post("/_stateroom/faults", json={"backend": kind, "times": 1})
    status, body = values.call("GET")
    assert status == 502
    assert body["detail"]["reason"] == reason
    assert body["detail"]["class"] == cls
    assert values.call("GET") == (200, {"value": "first"})


def test_the_gateways_backend_refuses_a_write_and_the_row_stays(values):
    values.http.post("/_stateroom/faults", json={"op": "set", "backend": "refused"})
    status, body = values.put("second")
    assert status == 502
    assert body["detail"]["row"] == "unchanged"
    assert values.call("GET") == (200, {"value": "first"})


@pytest.mark.parametrize(("latency", "status"), [(0.1, 200), (30, 504)])
def test_the_gateways_backend_is_slow(values, latency, status):
    values.http.post(
        "/_stateroom/faults", json={"op": "get", "backend": "slow", "latency": latency}
    )
    began = time.monotonic()
    assert values.call("GET")[0] == status
    assert 0.1 <= time.monotonic() - began < 5
    values.namespace.database.release()


def test_calls_that_bypass_the_backend_have_no_backend_faults(values):
    values.http.post("/_stateroom/faults", json={"backend": "missing"})
    assert values.http.get(f"/execution/store/ti/{values.ti_id}/k").status_code == 200
    assert values.http.get("/_stateroom/faults").json["faults"][0]["matched"] == 0


def test_the_journal_says_what_the_gateways_backend_did(values):
    values.http.post("/_stateroom/faults", json={"op": "get", "backend": "corrupt"})
    values.call("GET")
    fault = values.http.get("/_stateroom/journal?op=fault").json["events"][-1]
    (parent,) = [
        event
        for event in values.http.get("/_stateroom/journal").json["events"]
        if event["seq"] == fault["parent"]
    ]
    assert fault["note"] == "fault 1: the backend's object was corrupt"
    assert fault["status"] == 502
    assert parent["op"] == "get"
    assert parent["key"] == "k"
    assert parent["api"] == "gateway"


# ---------------------------------------------------------------- a worker's own


@pytest.fixture
def service(served):
    """A client of a served process that holds nothing."""
    client = StateroomClient(served.url)
    client.call("POST", "/_stateroom/reset")
    yield client
    client.call("DELETE", "/_stateroom/faults")


@pytest.fixture
def task(service, tmp_path):
    """An accessor over HTTP whose backend has the faults set in the service."""
    scope = {"dag_id": SCOPE.dag_id, "run_id": SCOPE.run_id, "task_id": SCOPE.task_id}
    ti_id = service.call("POST", "/_stateroom/task-instances", json=scope).json()["id"]
    hooks = FaultyHooks(Hooks(Folder(tmp_path), "Folder"), taken_from(service))
    accessor = TaskStateStoreAccessor(service.task(ti_id), SCOPE, hooks, ti_id)
    accessor.set("k", "first")
    return accessor


def fault(service, **members):
    service.call("POST", "/_stateroom/faults", json=members)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("missing", ObjectMissing), ("corrupt", ObjectCorrupt), ("refused", PermissionError)],
)
def test_worker_backend_fails_on_the_call_set_in_the_service(service, task, kind, error):
    fault(service, op="get", key="k", scope={"task_id": SCOPE.task_id}, backend=kind, nth=2)
    assert task.get("k") == "first"
    with pytest.raises(error):
        task.get("k")
    assert task.get("k") == "first"


def test_a_workers_write_is_refused_before_its_row(service, task):
    fault(service, op="set", backend="refused", times=1)
    with pytest.raises(PermissionError):
        task.set("k", "second")
    assert task.get("k") == "first"


def test_a_workers_backend_is_slow(service, task):
    fault(service, backend="slow", latency=0.2, times=1)
    began = time.monotonic()
    assert task.get("k") == "first"
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("verbs", [("delete", "clear"), ("adelete", "aclear")])
def test_deletes_and_clears_fail_after_the_row_is_deleted(service, task, verbs):
    fault(service, op="delete", backend="refused")
    fault(service, op="clear", backend="refused")
    for verb, args in zip(verbs, [("k",), ()], strict=True):
        with pytest.raises(PermissionError):
            result = getattr(task, verb)(*args)
            asyncio.run(result)
    assert task.get("k") is None
    assert [
        fault["fired"] for fault in service.call("GET", "/_stateroom/faults").json()["faults"]
    ] == [
        1,
        1,
    ]


def test_an_assets_backend_is_known_by_the_assets_name(service):
    service.call("POST", "/_stateroom/assets", json={"name": "orders", "uri": "s3://bucket/orders"})
    hooks = FaultyHooks(Hooks(MemoryBackend(), "memory"), taken_from(service))
    scope = AssetScope(uri="s3://bucket/orders")
    asset = AssetStateStoreAccessor(service.asset(uri=scope.uri), scope, hooks)
    asset.set("k", 1)
    fault(service, scope={"asset": "orders"}, backend="missing")
    with pytest.raises(ObjectMissing):
        asset.get("k")


def test_the_journal_hangs_a_workers_fault_on_its_read(service, task):
    fault(service, op="get", backend="missing")
    before = service.call("GET", "/_stateroom/journal").json()["last"]
    with pytest.raises(ObjectMissing):
        task.get("k")
    events = service.call("GET", f"/_stateroom/journal?after={before}").json()["events"]
    read, effect, looked_again = events
    assert read["op"] == "get"
    assert looked_again["op"] == "get"
    assert effect["op"] == "fault"
    assert effect["parent"] == read["seq"]
    assert effect["note"].endswith(": the backend's object was missing")

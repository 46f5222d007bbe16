"""The Task SDK's own client (``airflow.sdk.api.client.Client``) keeps state in a served process."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from tests.airflow.worker import DONE, Worker
from tests.support.airflow_process import moment

pytestmark = pytest.mark.airflow

VALUES = [
    "x",
    "",
    "naïve ☃ 𝄞",
    "\x00\n",
    0,
    1,
    -1,
    2**53 + 1,
    2**63 - 1,
    1.0,
    0.1,
    -0.0,
    1e300,
    True,
    False,
    [],
    {},
    [1, [None, {"a": 1.0}]],
    {"b": 1, "a": {"": None}},
    {"__airflow_state_ref__": "s3://bucket/key"},
]
KEYS = [
    "job_id",
    "a/b",
    "/a",
    "a/",
    "a//b",
    "a%2Fb",
    "100%",
    "a b+c",
    "ü☃/𝄞",
    "?q=1#f",
    "..a",
    "a;b=c",
    "clear",
    "k" * 512,
]


@pytest.fixture
def worker(sdk, server):
    return Worker(sdk, server)


@pytest.fixture
def asset(server):
    """A new asset's name and uri."""
    name = uuid.uuid4().hex
    server.control("assets", {"name": name, "uri": f"s3://bucket/{name}"})
    return {"name": name, "uri": f"s3://bucket/{name}"}


def test_task_state_is_set_got_and_deleted(worker):
    assert worker.task("set", "job", "4711") == DONE
    assert worker.task("get", "job")["value"] == "4711"
    assert worker.task("delete", "job") == DONE
    assert worker.task("get", "job")["error"] == "TASK_STORE_NOT_FOUND"


def test_set_overwrites(worker):
    worker.task("set", "job", 1)
    worker.task("set", "job", 2)
    assert worker.task("get", "job")["value"] == 2


def test_clear_forgets_every_key_of_this_task_instance_only(worker, sdk, server):
    other = Worker(sdk, server)
    for each in (worker, other):
        each.task("set", "a", 1)
        each.task("set", "b", 2)
    assert worker.task("clear") == DONE
    assert [each.task("get", "b")["class"] for each in (worker, other)] == [
        "ErrorResponse",
        "TaskStateStoreResponse",
    ]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_a_value_comes_back_with_its_exact_type(worker, asset, value):
    worker.task("set", "k", value)
    worker.asset("set", "k", value, name=asset["name"])
    values = [worker.task("get", "k")["value"], worker.asset("get", "k", uri=asset["uri"])["value"]]
    assert [json.dumps(each) for each in values] == [json.dumps(value)] * 2


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_its_own(worker, asset, key):
    by = {"name": asset["name"]}
    for kind, extra in ((worker.task, {}), (worker.asset, by)):
        kind("set", key, key, **extra)
        kind("set", key + "x", "another", **extra)
        assert kind("get", key, **extra)["value"] == key
        kind("delete", key, **extra)
        errors = [
            kind("get", each, **extra)["class"] == "ErrorResponse" for each in (key, key + "x")
        ]
        assert errors == [True, False]


@pytest.mark.parametrize("lifetime", [None, timedelta(days=30), timedelta(microseconds=1)])
def test_the_expiry_that_the_worker_computed_is_kept(worker, core_client, server, lifetime):
    expiry = None
    expires_at = None
    if lifetime:
        expiry = datetime.now(timezone.utc) + lifetime
        expires_at = moment(expiry)
    worker.task("set", "job", 1, expires_at=expires_at)
    key = {
        "dag_id": "etl",
        "dag_run_id": "r1",
        "task_id": worker.coordinates["task_id"],
        "key": "job",
    }
    answer = core_client.call(server.person, "TaskStateStoreApi.get_task_state_store", **key)
    stored = answer["value"]["expires_at"]
    if expiry is None:
        assert stored is None
    else:
        assert datetime.fromisoformat(stored) == expiry


def test_unknown_task_instance_looks_like_a_missing_key(worker, server, sdk):
    unknown = {"id": str(uuid.uuid4()), "token": worker.task_instance["token"]}
    answer = sdk.call(server.worker(unknown), "task_state_store.get", unknown["id"], "job")
    assert answer == worker.task("get", "job")
    assert answer["error"] == "TASK_STORE_NOT_FOUND"


def test_write_to_an_unknown_task_instance_is_an_error(worker, server, sdk):
    unknown = {"id": str(uuid.uuid4()), "token": worker.task_instance["token"]}
    answer = sdk.call(server.worker(unknown), "task_state_store.set", unknown["id"], "job", 1, None)
    assert answer["raised"] == "ServerResponseError"
    assert answer["status"] == 404


def test_404_has_the_content_type_the_sdk_reads_as_a_missing_key(worker):
    answer = worker.call("get", f"store/ti/{worker.id}/nothing")
    assert answer["raised"] == "ServerResponseError"
    assert answer["status"] == 404
    assert answer["content_type"] == "application/json"
    assert json.loads(answer["text"])["detail"]["reason"] == "not_found"


@pytest.mark.parametrize("verb", ["get", "set", "delete", "clear"])
def test_other_instances_state_is_refused_if_a_secret_is_set(worker, sdk, server, verb):
    other = Worker(sdk, server)
    args = {"get": ["k"], "set": ["k", 1], "delete": ["k"], "clear": []}[verb]
    other.task("set", "k", "theirs")
    answer = worker.task(verb, *args, ti_id=other.id)
    if server.secret is None:
        assert "raised" not in answer
    else:
        assert answer["raised"] == "ServerResponseError"
        assert answer["status"] == 403
        assert other.task("get", "k")["value"] == "theirs"


@pytest.mark.parametrize("by", ["name", "uri"])
def test_asset_state_is_set_got_deleted_and_cleared(worker, asset, by):
    asset = {by: asset[by]}
    for key in ("a", "b", "c"):
        assert worker.asset("set", key, key, **asset) == DONE
    assert worker.asset("get", "a", **asset)["value"] == "a"
    assert worker.asset("delete", "a", **asset) == DONE
    assert [worker.asset("get", key, **asset)["class"] == "ErrorResponse" for key in "ab"] == [
        True,
        False,
    ]
    assert worker.asset("clear", **asset) == DONE
    assert worker.asset("get", "b", **asset)["error"] == "ASSET_STORE_NOT_FOUND"


def test_name_and_uri_reach_the_same_entry(worker, asset):
    worker.asset("set", "watermark", 7, name=asset["name"])
    assert worker.asset("get", "watermark", uri=asset["uri"])["value"] == 7


def test_last_writer_of_an_asset_entry_is_the_tokens_instance(worker, asset, core_client, server):
    worker.asset("set", "k", 1, name=asset["name"])
    assets = core_client.call(server.person, "AssetApi.get_assets", name_pattern=asset["name"])[
        "value"
    ]["assets"]
    where = {"asset_id": assets[0]["id"], "key": "k"}
    entry = core_client.call(server.person, "AssetStateStoreApi.get_asset_state_store", **where)[
        "value"
    ]
    by = entry["last_updated_by"]
    assert {name: by[name] for name in ("kind", "task_id")} == {
        "kind": "task",
        "task_id": worker.task_instance["task_id"],
    }


def test_an_unknown_asset_looks_like_a_missing_key(worker):
    assert worker.asset("get", "k", name="no such asset")["error"] == "ASSET_STORE_NOT_FOUND"
    assert worker.asset("set", "k", 1, name="no such asset")["status"] == 404


def test_a_mistyped_namespace_is_an_error_not_a_missing_key(worker, sdk):
    """The SDK takes a 404 of exactly ``application/json`` for a missing key (Task SDK 1.3.2)."""
    lost = {**worker.connection, "url": worker.connection["url"] + "/ns/oops"}
    answer = sdk.call(lost, "task_state_store.get", worker.id, "job")
    assert answer["raised"] == "HTTPStatusError"
    assert answer["status"] == 404

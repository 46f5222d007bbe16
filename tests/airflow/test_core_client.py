"""``apache-airflow-client``, the generated client of the Core API, against a served process."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import requests

pytestmark = pytest.mark.airflow


class Api:
    """One API class of the client, after a login; remembers which methods were called.

    :param where: arguments of every call.
    """

    def __init__(self, client, server, name, **where):
        self._client = client
        self._server = server
        self._name = name
        self._where = where
        self.called = set()

    def __call__(self, method, **kwargs):
        self.called.add(method)
        return self._client.call(
            self._server.person, f"{self._name}.{method}", **self._where, **kwargs
        )

    def value(self, method, **kwargs):
        return self(method, **kwargs)["value"]

    def methods(self):
        return set(self._client.call(self._server.person, f"{self._name}.*")["value"])


@pytest.fixture
def task(core_client, server):
    """The task-state API, at a new task instance."""
    task_instance = server.control(
        "task-instances", {"dag_id": "etl", "run_id": "r1", "task_id": uuid.uuid4().hex}
    )
    where = {"dag_id": "etl", "dag_run_id": "r1", "task_id": task_instance["task_id"]}
    return Api(core_client, server, "TaskStateStoreApi", **where)


@pytest.fixture
def asset(core_client, server):
    """The asset-state API, at a new asset."""
    asset = server.control("assets", {"name": uuid.uuid4().hex})
    return Api(core_client, server, "AssetStateStoreApi", asset_id=asset["id"])


def test_a_wrong_password_gets_no_token_where_there_is_a_secret(server):
    answer = requests.post(
        server.url + "/auth/token", json={"username": "admin", "password": "wrong"}
    )
    assert answer.status_code == (401 if server.secret else 201)


def test_client_without_login_is_refused_if_a_secret_is_set(core_client, server):
    answer = core_client.call({"url": server.url, "token": "nonsense"}, "AssetApi.get_assets")
    assert answer.get("status") == (403 if server.secret else None)


def test_every_method_of_the_task_api_works(task):
    assert (
        task("set_task_state_store", key="a", task_state_store_body={"value": 1})["value"] is None
    )
    assert task.value("get_task_state_store", key="a")["value"] == 1
    task("patch_task_state_store", key="a", task_state_store_patch_body={"value": {"n": 2}})
    page = task.value("list_task_state_store")
    assert [entry["value"] for entry in page["task_state_store"]] == [{"n": 2}]
    assert page["total_entries"] == 1
    task("delete_task_state_store", key="a")
    assert task("get_task_state_store", key="a")["raised"] == "NotFoundException"
    task("set_task_state_store", key="b", task_state_store_body={"value": 3})
    task("clear_task_state_store")
    assert task.value("list_task_state_store")["total_entries"] == 0
    assert task.called == task.methods()


def test_every_method_of_the_asset_api_works(asset):
    assert (
        asset("set_asset_state_store", key="a", asset_state_store_body={"value": 1})["value"]
        is None
    )
    assert asset.value("get_asset_state_store", key="a")["last_updated_by"]["kind"] == "api"
    page = asset.value("list_asset_state_store")
    assert [entry["value"] for entry in page["asset_state_store"]] == [1]
    assert page["total_entries"] == 1
    asset("delete_asset_state_store", key="a")
    assert asset("get_asset_state_store", key="a")["raised"] == "NotFoundException"
    asset("set_asset_state_store", key="b", asset_state_store_body={"value": 2})
    asset("clear_asset_state_store")
    assert asset.value("list_asset_state_store")["total_entries"] == 0
    assert asset.called == asset.methods()


@pytest.mark.parametrize(
    "value", ["x", 0, 1.0, 2**53 + 1, True, [], {}, {"a": [None, 1.5]}], ids=json.dumps
)
def test_a_value_comes_back_with_its_exact_type(task, asset, value):
    task("set_task_state_store", key="k", task_state_store_body={"value": value})
    asset("set_asset_state_store", key="k", asset_state_store_body={"value": value})
    entries = [
        task.value("get_task_state_store", key="k"),
        asset.value("get_asset_state_store", key="k"),
    ]
    assert [json.dumps(entry["value"]) for entry in entries] == [json.dumps(value)] * 2


@pytest.mark.parametrize("key", ["a/b", "a%2Fb", "100% ü", "?q#f", "/a"])
def test_every_key_is_its_own(task, asset, key):
    task("set_task_state_store", key=key, task_state_store_body={"value": 1})
    asset("set_asset_state_store", key=key, asset_state_store_body={"value": 1})
    assert task.value("get_task_state_store", key=key)["key"] == key
    assert asset.value("get_asset_state_store", key=key)["key"] == key


def test_body_from_a_dict_never_expires_as_the_client_sends_null(task):
    task("set_task_state_store", key="k", task_state_store_body={"value": 1})
    assert task.value("get_task_state_store", key="k")["expires_at"] is None


@pytest.mark.parametrize("body", [{"value": 1, "expires_at": "default"}, {"$new": {"value": 1}}])
def test_default_or_missing_expiry_is_the_configured_days(task, body):
    task("set_task_state_store", key="k", task_state_store_body=body)
    expires_at = datetime.fromisoformat(task.value("get_task_state_store", key="k")["expires_at"])
    assert abs(expires_at - datetime.now(timezone.utc) - timedelta(days=30)) < timedelta(minutes=1)


def test_patch_keeps_the_expiry(task):
    at = "2040-01-02T03:04:05+00:00"
    task("set_task_state_store", key="k", task_state_store_body={"value": 1, "expires_at": at})
    task("patch_task_state_store", key="k", task_state_store_patch_body={"value": 2})
    assert task.value("get_task_state_store", key="k")["expires_at"] == at


def test_a_list_is_paged_by_key(task):
    for key in "cab":
        task("set_task_state_store", key=key, task_state_store_body={"value": key})
    page = task.value("list_task_state_store", limit=2, offset=1)
    assert [entry["key"] for entry in page["task_state_store"]] == ["b", "c"]
    assert page["total_entries"] == 3


def test_an_asset_is_found_by_its_name(core_client, server):
    name = uuid.uuid4().hex
    asset = server.control("assets", {"name": name, "uri": f"s3://{name}"})
    page = core_client.call(server.person, "AssetApi.get_assets", name_pattern=name)["value"]
    assert [(asset["id"], asset["uri"]) for asset in page["assets"]] == [
        (asset["id"], f"s3://{name}")
    ]


def test_version_and_health(core_client, server):
    assert core_client.call(server.person, "VersionApi.get_version")["value"]["version"] == "3.3.2"
    health = core_client.call(server.person, "MonitorApi.get_health")["value"]
    assert health["metadatabase"]["status"] == "healthy"


def test_routes_that_are_not_emulated_answer_so(core_client, server):
    answer = core_client.call(server.person, "PoolApi.get_pools")
    assert answer["status"] == 400
    assert json.loads(answer["text"])["detail"]["reason"] == "not_emulated"

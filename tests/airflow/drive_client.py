"""Logs in and calls every method of the generated Core API client's state-store classes; prints what it saw as JSON.

Arguments: the address, user name, password. Runs where ``apache-airflow-client`` is installed.
"""

import json
import sys
import urllib.request

import airflow_client.client as generated
from airflow_client.client.exceptions import NotFoundException

RUN = "scheduled__2026-01-02T00:00:00+00:00"
TASK = {"dag_id": "etl", "dag_run_id": RUN, "task_id": "submit"}


def log_in(url, name, password):
    body = json.dumps({"username": name, "password": password}).encode()
    request = urllib.request.Request(f"{url}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["access_token"]


class Recorder:
    """An API object that remembers which of its methods were called."""

    def __init__(self, api):
        self.api, self.called = api, set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.api, name)

    def uncalled(self):
        plain = [name for name in dir(self.api) if name.endswith("_state_store") and not name.startswith("_")]
        return sorted(set(plain) - self.called)


def missing(act):
    try:
        act()
    except NotFoundException as error:
        return json.loads(error.body)["detail"]
    return None


def tasks(api):
    body = generated.TaskStateStoreBody(value={"n": 1})
    api.set_task_state_store(**TASK, key="a/b", task_state_store_body=body)
    first = api.get_task_state_store(**TASK, key="a/b")
    api.patch_task_state_store(
        **TASK, key="a/b", task_state_store_patch_body=generated.TaskStateStorePatchBody(value=[2])
    )
    second = api.get_task_state_store(**TASK, key="a/b")
    from_dict = generated.TaskStateStoreBody.from_dict({"value": 1})
    api.set_task_state_store(**TASK, key="never", task_state_store_body=from_dict)
    never = api.get_task_state_store(**TASK, key="never")
    listed = api.list_task_state_store(**TASK, limit=2)
    api.delete_task_state_store(**TASK, key="a/b")
    deleted = missing(lambda: api.get_task_state_store(**TASK, key="a/b"))
    api.clear_task_state_store(**TASK)
    return {
        "value": first.to_dict()["value"],
        "patched": second.to_dict()["value"],
        "expiry_kept": first.expires_at is not None and first.expires_at == second.expires_at,
        "from_dict_expires_at": never.expires_at,
        "listed": [entry.key for entry in listed.task_state_store],
        "total": listed.total_entries,
        "deleted": deleted,
        "cleared": api.list_task_state_store(**TASK).total_entries,
        "uncalled": api.uncalled(),
    }


def assets(api, asset_id):
    api.set_asset_state_store(
        asset_id=asset_id, key="k", asset_state_store_body=generated.AssetStateStoreBody(value="v")
    )
    read = api.get_asset_state_store(asset_id=asset_id, key="k")
    listed = api.list_asset_state_store(asset_id=asset_id)
    api.delete_asset_state_store(asset_id=asset_id, key="k")
    deleted = missing(lambda: api.get_asset_state_store(asset_id=asset_id, key="k"))
    api.clear_asset_state_store(asset_id=asset_id)
    return {
        "value": read.to_dict()["value"],
        "by": read.last_updated_by.kind,
        "listed": sorted(entry.key for entry in listed.asset_state_store),
        "deleted": deleted,
        "cleared": api.list_asset_state_store(asset_id=asset_id).total_entries,
        "uncalled": api.uncalled(),
    }


def main(url, name, password):
    token = log_in(url, name, password)
    with generated.ApiClient(generated.Configuration(host=url, access_token=token)) as client:
        found = generated.AssetApi(client).get_assets(name_pattern="orders").assets
        seen = {
            "version": generated.VersionApi(client).get_version().version,
            "health": generated.MonitorApi(client).get_health().metadatabase.status,
            "assets": [asset.name for asset in found],
            "tasks": tasks(Recorder(generated.TaskStateStoreApi(client))),
            "asset": assets(Recorder(generated.AssetStateStoreApi(client)), found[0].id),
        }
    print(json.dumps(seen))


main(*sys.argv[1:])

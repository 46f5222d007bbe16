"""Keeps state through the real Task SDK's client; prints what it saw as JSON. Runs where Airflow's packages are.

Arguments: the address, a token, the task instance's id, another task instance's id.
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from airflow.sdk.api.client import Client, ServerResponseError

KEYS = ["plain", "a/b", "100%", "with space", "é☕", "q?x#y", "k" * 512]
VALUES = ["text", 0, 1.5, True, [1, None, {"a": []}], {"b": {"c": -0.0}}, 2**63 - 1]


def seen(response):
    """An answer of the SDK: the value, or the kind of its error."""
    return response.value if hasattr(response, "value") else {"error": response.error.value}


def tasks(store, ti_id):
    for key in KEYS:
        store.set(ti_id, key, {"key": key}, None)
    by_key = [seen(store.get(ti_id, key)) for key in KEYS]
    round_trip = []
    for value in VALUES:
        store.set(ti_id, "value", value, datetime.now(timezone.utc) + timedelta(days=1))
        round_trip.append(seen(store.get(ti_id, "value")))
    store.delete(ti_id, "plain")
    deleted = seen(store.get(ti_id, "plain"))
    store.clear(ti_id)
    return {"by_key": by_key, "round_trip": round_trip, "deleted": deleted, "cleared": seen(store.get(ti_id, "a/b"))}


def assets(store, **which):
    store.set("watermark", {"at": 1}, **which)
    read = seen(store.get("watermark", **which))
    other = seen(store.get("watermark", uri="s3://warehouse/orders"))
    store.delete("watermark", **which)
    deleted = seen(store.get("watermark", **which))
    store.set("a", 1, **which)
    store.clear(**which)
    return {"read": read, "by_uri": other, "deleted": deleted, "cleared": seen(store.get("a", **which))}


def refusal(act):
    try:
        act()
    except ServerResponseError as error:
        return error.response.status_code
    return None


def main(url, token, ti_id, other_id):
    client = Client(base_url=f"{url}/execution/", token=token)
    print(
        json.dumps(
            {
                "tasks": tasks(client.task_state_store, ti_id),
                "by_name": assets(client.asset_state_store, name="orders"),
                "by_uri": assets(client.asset_state_store, uri="s3://warehouse/orders"),
                "another_task": refusal(lambda: client.task_state_store.set(other_id, "k", 1, None)),
                "another_tasks_get": refusal(lambda: client.task_state_store.get(other_id, "k")),
            }
        )
    )


main(*sys.argv[1:])

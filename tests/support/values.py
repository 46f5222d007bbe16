"""A caller of the gateway."""

from state.model.scopes import TaskScope
from state.store import keyspaces
from state.store.tables import assets, references, task_instances

SCOPE = TaskScope("etl", "r1", "load")


class Values:
    """A caller of the gateway, with one task instance and one asset."""

    def __init__(self, app):
        self.http = app.test_client()
        self.service = app.extensions["stateroom"]
        self.namespace = self.service.store.namespace()
        self.ti_id = task_instances.create_task_instance(self.namespace, SCOPE)["id"]
        assets.create_asset(self.namespace, "orders", "s3://bucket/orders")
        self.task = keyspaces.task_instance(self.namespace, self.ti_id)
        self.backend = self.service.backend.hooks and self.service.backend.hooks.backend
        self.path = f"/_stateroom/values/ti/{self.ti_id}"

    def call(self, method, path=None, key="k", **kwargs):
        answer = self.http.open(
            path or self.path,
            method=method,
            query_string={"key": key, **kwargs.pop("query", {})},
            **kwargs,
        )
        return answer.status_code, answer.get_json(silent=True)

    def put(self, value, **more):
        return self.call("PUT", json={"value": value, **more})

    def ledger(self):
        return {row["ref"]: row for row in references.page(self.namespace, None, None, 100, 0)[0]}

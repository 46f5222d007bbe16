"""A task instance whose worker is the Task SDK."""

import uuid

DONE = {"class": "OKResponse", "ok": True, "type": "OKResponse"}


class Worker:
    """A new task instance, and the SDK's client with its token."""

    def __init__(self, sdk, server):
        self._sdk = sdk
        name = uuid.uuid4().hex
        self.coordinates = {"dag_id": "etl", "run_id": "r1", "task_id": name}
        self.task_instance = server.control("task-instances", self.coordinates)
        self.id = self.task_instance["id"]
        self.connection = server.worker(self.task_instance)

    def call(self, method, *args, **kwargs):
        return self._sdk.call(self.connection, method, *args, **kwargs)

    def task(self, verb, *args, expires_at=None, ti_id=None):
        extra = {"expires_at": expires_at} if verb == "set" else {}
        return self.call(f"task_state_store.{verb}", ti_id or self.id, *args, **extra)

    def asset(self, verb, *args, **by):
        return self.call(f"asset_state_store.{verb}", *args, **by)

"""Backends with Airflow's hooks, which record their calls."""

from state.backends.base import BaseStoreBackend


class Removes(BaseStoreBackend):
    """The half that every backend needs; it notes its calls."""

    def __init__(self):
        self.calls = []

    def delete(self, scope, key, *, session=None):
        self.calls.append(("delete", scope, key))

    def clear(self, scope, *, all_map_indices=False, session=None):
        self.calls.append(("clear", scope, all_map_indices))


class Released(Removes):
    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        self.calls.append(("task", scope))
        return f"task:{value}"

    def deserialize_task_state_store_from_ref(self, stored):
        return stored.removeprefix("task:")

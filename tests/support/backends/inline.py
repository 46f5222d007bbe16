"""Backends that keep every value in its row, each in its own way.

They derive from Airflow's base class where there is one, as in its workers, else from ours.
"""

import json

from state.backends import base

try:
    from airflow.sdk.state import BaseStoreBackend
except ImportError:
    from state.backends.base import BaseStoreBackend


class Verbs:
    """The server's side, which workers do not use, and nothing to remove."""

    def get(self, scope, key, *, session=None):
        raise NotImplementedError("workers only")

    def set(self, scope, key, value, *, expires_at=None, session=None):
        raise NotImplementedError("workers only")

    def delete(self, scope, key, *, session=None):
        pass

    def clear(self, scope, *, all_map_indices=False, session=None):
        pass

    aget = aset = adelete = aclear = get


class Hooks(Verbs):
    """The four hooks, by two methods."""

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return self.inline(super().serialize_task_state_store_to_ref, value, key, scope)

    def serialize_asset_state_store_to_ref(self, *, value, key, scope):
        return self.inline(super().serialize_asset_state_store_to_ref, value, key, scope)

    def deserialize_task_state_store_from_ref(self, stored):
        return super().deserialize_task_state_store_from_ref(stored)

    def deserialize_asset_state_store_from_ref(self, stored):
        return super().deserialize_asset_state_store_from_ref(stored)


class Default(Hooks, BaseStoreBackend):
    """As Airflow's documents advise."""

    def inline(self, default, value, key, scope):
        return default(value=value, key=key, scope=scope)


class OurDefault(Hooks, base.BaseStoreBackend):
    """The same on Stateroom's base class, in Airflow's workers too."""

    inline = Default.inline


class Nothing(Hooks, BaseStoreBackend):
    """None, which means inline on Airflow's main branch alone."""

    def inline(self, default, value, key, scope):
        return None


class Text(Hooks, BaseStoreBackend):
    """The JSON text, written by the class itself."""

    def inline(self, default, value, key, scope):
        return json.dumps(value)


class AssetsByDefault(Verbs, BaseStoreBackend):
    """Has hooks for tasks only."""

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return f"kept:{json.dumps(value)}"

    def deserialize_task_state_store_from_ref(self, stored):
        return json.loads(stored.removeprefix("kept:"))


class OurAssetsByDefault(Verbs, base.BaseStoreBackend):
    """The same on Stateroom's base class."""

    serialize_task_state_store_to_ref = AssetsByDefault.serialize_task_state_store_to_ref
    deserialize_task_state_store_from_ref = AssetsByDefault.deserialize_task_state_store_from_ref

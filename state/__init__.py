"""Stateroom: Airflow task state and asset state, in one small process."""

from .scopes import AssetScope as AssetScope
from .scopes import AssetStateStoreWriterKind as AssetStateStoreWriterKind
from .scopes import StoreScope as StoreScope
from .scopes import TaskScope as TaskScope

__version__ = "0.1.0"

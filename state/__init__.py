"""Stateroom: Airflow task state and asset state, in one small process."""

from .backends.base import BaseStateBackend as BaseStateBackend
from .backends.base import BaseStoreBackend as BaseStoreBackend
from .backends.base import EncodedBackend as EncodedBackend
from .retention import NEVER_EXPIRE as NEVER_EXPIRE
from .scopes import AssetScope as AssetScope
from .scopes import AssetStateStoreWriterKind as AssetStateStoreWriterKind
from .scopes import StoreScope as StoreScope
from .scopes import TaskScope as TaskScope

__version__ = "0.1.0"

"""Stateroom: Airflow task state and asset state, in one small process."""

from __future__ import annotations

from .backends.base import BaseStateBackend as BaseStateBackend
from .backends.base import BaseStoreBackend as BaseStoreBackend
from .backends.base import EncodedBackend as EncodedBackend
from .model.retention import NEVER_EXPIRE as NEVER_EXPIRE
from .model.scopes import AssetScope as AssetScope
from .model.scopes import AssetStateStoreWriterKind as AssetStateStoreWriterKind
from .model.scopes import StoreScope as StoreScope
from .model.scopes import TaskScope as TaskScope
from .model.values import Encoded as Encoded

__version__ = "0.1.0"

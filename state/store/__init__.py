"""The SQLite store: one writer with a lock, readers that never wait, namespaces of keyspaces."""

from .database.connections import MEMORY as MEMORY
from .store import Store as Store

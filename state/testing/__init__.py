"""Contracts for tests of keyspaces and backends, and contexts of tasks; this needs pytest."""

from ..worker.context import context as context
from .contracts import HOSTILE_KEYS as HOSTILE_KEYS
from .contracts import JSON_VALUES as JSON_VALUES
from .contracts import BackendContract as BackendContract
from .contracts import ExpiryContract as ExpiryContract
from .contracts import KeyspaceContract as KeyspaceContract
from .contracts import ListingContract as ListingContract

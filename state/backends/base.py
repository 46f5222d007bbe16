"""The contract of a state backend: what an implementer writes, what comes free, and when it is called.

A backend moves values out of the database. On a write the worker hands it a value and stores the *reference* that
comes back, inside an envelope that the backend never sees; on a read it hands the reference back and gets the value.

**Write**, for tasks, for assets or for both, a pair of hooks, and ``delete`` and ``clear``::

    class MyBackend(BaseStoreBackend):
        def serialize_task_state_store_to_ref(self, *, value, key, scope): ...   # store it, return its reference
        def deserialize_task_state_store_from_ref(self, stored): ...             # the value behind a reference
        def serialize_asset_state_store_to_ref(self, *, value, key, scope): ...
        def deserialize_asset_state_store_from_ref(self, stored): ...
        def delete(self, scope, key, *, session=None): ...                       # forget one key's objects
        def clear(self, scope, *, all_map_indices=False, session=None): ...      # forget a scope's objects

**Comes free:** the async twins (the sync method in a thread), plain JSON for a kind whose pair is not overridden.

**Override when you can:** ``owns_ref`` (so that the service may resolve a reference that it did not write itself),
``iter_refs`` (so that objects which no row points at can be found), ``remove_ref`` (so that they can be removed one by
one), ``holds`` (so that a write can make sure that its object is there once the row is).

**Or write less:** ``EncodedBackend`` makes all four hooks of two, ``write`` and ``read``, which are handed the value's
JSON text, its size and its checksum, so that large values are encoded only once.

**Rules** that ``stateroom check`` tests: the same scope, key and value give the same reference in any attempt and any
process (no time, no random part, no task-instance id in it), else ``delete`` cannot find it; an object that is
missing is an error, never ``None``; any key is possible (slashes, ``..``, 512 characters of Unicode).

``check`` your backend before you trust it: ``stateroom check mypackage.MyBackend``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..model.scopes import AssetScope, StoreScope, TaskScope
from ..model.values import Encoded
from .threads import to_thread


class BaseStoreBackend(ABC):
    """A state backend under the names of Airflow 3.3; see this module's text for how to write one."""

    def serialize_task_state_store_to_ref(
        self, *, value: Any, key: str, scope: TaskScope
    ) -> str | None:
        """Store a task's value and return its reference.

        :param value: JSON: str, int, float, bool, list or dict; never None.
        :returns: a non-empty string, or None to keep the value in the row (Airflow 3.4).
        """
        return None

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        """The value behind a task's reference.

        :raises ObjectMissing: if there is nothing behind it any more.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no references for tasks")

    def serialize_asset_state_store_to_ref(
        self, *, value: Any, key: str, scope: AssetScope
    ) -> str | None:
        """Store an asset's value and return its reference; otherwise as for tasks."""
        return None

    def deserialize_asset_state_store_from_ref(self, stored: str) -> Any:
        """The value behind an asset's reference; otherwise as for tasks."""
        raise NotImplementedError(f"{type(self).__name__} makes no references for assets")

    @abstractmethod
    def delete(self, scope: StoreScope, key: str, *, session: Any = None) -> None:
        """Forget a key's objects; one that is not there is no error. Called after the row is gone."""

    @abstractmethod
    def clear(
        self, scope: StoreScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        """Forget a scope's objects. Called after the rows are gone.

        :param all_map_indices: of a task at any map index (the Core API's and people's; never from a task).
        """

    def get(self, scope: StoreScope, key: str, *, session: Any = None) -> str | None:
        """The value as JSON text, for a backend that replaces the server's own database (``[state_store] backend``)."""
        raise NotImplementedError(f"{type(self).__name__} works on workers only")

    def set(
        self,
        scope: StoreScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Keep JSON text, for a backend that replaces the server's own database."""
        raise NotImplementedError(f"{type(self).__name__} works on workers only")

    async def aget(self, scope: StoreScope, key: str, *, session: Any = None) -> str | None:
        return await to_thread(self.get, scope, key, session=session)

    async def aset(
        self,
        scope: StoreScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        await to_thread(self.set, scope, key, value, expires_at=expires_at, session=session)

    async def adelete(self, scope: StoreScope, key: str, *, session: Any = None) -> None:
        await to_thread(self.delete, scope, key, session=session)

    async def aclear(
        self, scope: StoreScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        await to_thread(self.clear, scope, all_map_indices=all_map_indices, session=session)

    def owns_ref(self, ref: str) -> bool:
        """Whether this backend made, or would make, a reference; without an answer the ledger decides alone."""
        return False

    def holds(self, ref: str) -> bool:
        """Whether there is an object behind a reference."""
        return True

    def iter_refs(self) -> Iterable[tuple[str, int, datetime]]:
        """Every reference whose object is there, with its size in bytes and the moment it was written (UTC)."""
        raise NotImplementedError(f"{type(self).__name__} cannot list its objects")

    def remove_ref(self, ref: str) -> None:
        """Remove the object behind one reference; one that is not there is no error."""
        raise NotImplementedError(f"{type(self).__name__} cannot remove a single object")


class EncodedBackend(BaseStoreBackend):
    """A state backend for tasks and assets alike that keeps JSON text as it is; what the built-in ones are."""

    @abstractmethod
    def write(self, scope: StoreScope, key: str, encoded: Encoded) -> str | None:
        """Store a value's JSON text and return its reference, or None to keep the value in the row."""

    @abstractmethod
    def read(self, ref: str) -> Encoded:
        """The text behind a reference.

        :raises ObjectMissing: if there is nothing behind it any more.
        """

    def keeps_inline(self, encoded: Encoded) -> bool:
        """Whether ``write`` would return None for this value: then it is in its row for a good reason."""
        return False

    def serialize_task_state_store_to_ref(
        self, *, value: Any, key: str, scope: TaskScope
    ) -> str | None:
        return self.write(scope, key, Encoded.of(value))

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        return self.read(stored).value()

    def serialize_asset_state_store_to_ref(
        self, *, value: Any, key: str, scope: AssetScope
    ) -> str | None:
        return self.write(scope, key, Encoded.of(value))

    def deserialize_asset_state_store_from_ref(self, stored: str) -> Any:
        return self.read(stored).value()


class BaseStateBackend(BaseStoreBackend):
    """A state backend under the names of proposal #67530: its hooks take ``ti_id`` and ``asset_ref``, no scope."""

    def serialize_task_state_to_ref(self, *, value: Any, key: str, ti_id: str) -> str | None:
        """Store a task's value and return its reference, or None to keep it in the row."""
        return None

    def deserialize_task_state_from_ref(self, stored: str) -> Any:
        """The value behind a task's reference."""
        raise NotImplementedError(f"{type(self).__name__} makes no references for tasks")

    def serialize_asset_state_to_ref(self, *, value: Any, key: str, asset_ref: str) -> str | None:
        """Store an asset's value and return its reference, or None to keep it in the row."""
        return None

    def deserialize_asset_state_from_ref(self, stored: str) -> Any:
        """The value behind an asset's reference."""
        raise NotImplementedError(f"{type(self).__name__} makes no references for assets")

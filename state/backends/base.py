"""The contract of a state backend: what to implement, what is inherited, and when it is called.

A backend moves values out of the database. On a write the worker hands it a value and stores the
*reference* that comes back, inside an envelope that the backend never sees; on a read it hands the
reference back and gets the value.

**Write**, for tasks, for assets or for both, a pair of hooks, and ``delete`` and ``clear``::

    class MyBackend(BaseStoreBackend):
        # store a value and return its reference; return the value behind a reference
        def serialize_task_state_store_to_ref(self, *, value, key, scope): ...
        def deserialize_task_state_store_from_ref(self, stored): ...
        def serialize_asset_state_store_to_ref(self, *, value, key, scope): ...
        def deserialize_asset_state_store_from_ref(self, stored): ...
        # remove the objects of one key; remove the objects of a scope
        def delete(self, scope, key, *, session=None): ...
        def clear(self, scope, *, all_map_indices=False, session=None): ...

**Inherited:** the async methods (the sync method in a thread), plain JSON for a kind whose pair is
not overridden.

**A value that stays in its row**, because it is small, is what the inherited hook returns:
``return super().serialize_task_state_store_to_ref(value=value, key=key, scope=scope)``, and what is
no reference of its own a backend reads with ``super().deserialize_…(stored)``. Here and in Airflow
3.3 and 3.4 that is the value's JSON text, in Airflow's main branch None. An explicit ``None`` is
right in main alone: a worker of 3.3 or 3.4 stores a broken envelope for it, which the task then
reads instead of its value.

**Optional:** ``owns_ref`` (so that the service may resolve a reference that it did not write),
``iter_refs`` (so that objects without a row can be listed), ``remove_ref`` (so that they can be
removed one by one), ``holds`` (so that a write can check that its object still exists after the row
was written).

**Unique references:** a backend that gives each write an object of its own says so by an attribute
``unique_refs = True``. Then no delete can remove the object of another write; with references by
the value alone, a delete beside a write of the same value can. It needs ``remove_ref``, since the
object of the value before is removed by its reference.

**Shorter:** ``EncodedBackend`` implements all four hooks with two, ``write`` and ``read``. They get
the value's JSON text, its size and its checksum, so that large values are encoded only once.

**Rules** that ``stateroom check`` tests: the same scope, key and value give the same reference in
any attempt and any process (no time, no random part, no task-instance id in it), or each write
another one if the backend has ``unique_refs``, and ``delete`` finds them all by scope and key; a
missing object is an error, never ``None``; any key is possible (slashes, ``..``, 512 characters of
Unicode).

Check a backend before use: ``stateroom check mypackage.MyBackend``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..model.scopes import AssetScope, StoreScope, TaskScope
from ..model.values import Encoded
from .threads import to_thread


class BaseStoreBackend(ABC):
    """A state backend with the hook names of Airflow 3.3; the module's docstring is the manual."""

    def serialize_task_state_store_to_ref(
        self, *, value: Any, key: str, scope: TaskScope
    ) -> str | None:
        """Store a task's value and return its reference.

        :param value: JSON: str, int, float, bool, list or dict; never None.
        :returns: a non-empty string. The value's JSON text, which this returns as in Airflow 3.3
            and 3.4, leaves the value in its row, and so does None (Airflow's main only).
        """
        return json.dumps(value)

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        """The value behind a task's reference; here of its JSON text.

        :raises ObjectMissing: if the object does not exist.
        """
        return json.loads(stored)

    def serialize_asset_state_store_to_ref(
        self, *, value: Any, key: str, scope: AssetScope
    ) -> str | None:
        """Store an asset's value and return its reference; otherwise as for tasks."""
        return json.dumps(value)

    def deserialize_asset_state_store_from_ref(self, stored: str) -> Any:
        """The value behind an asset's reference; otherwise as for tasks."""
        return json.loads(stored)

    @abstractmethod
    def delete(self, scope: StoreScope, key: str, *, session: Any = None) -> None:
        """Remove a key's objects, if there are any; called after the row was deleted."""

    @abstractmethod
    def clear(
        self, scope: StoreScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        """Remove a scope's objects; called after the rows were deleted.

        :param all_map_indices: remove those of the task at any map index; only the Core API and the
            pages pass this.
        """

    def get(self, scope: StoreScope, key: str, *, session: Any = None) -> str | None:
        """Return the value as JSON text.

        Only for a backend that replaces the server's database (``[state_store] backend``).
        """
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
        """Store JSON text; only for a backend that replaces the server's database."""
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
        """Whether this backend makes such a reference.

        If this is not overridden, only references in the ledger are resolved.
        """
        return False

    def holds(self, ref: str) -> bool:
        """Whether the object behind a reference exists."""
        return True

    def iter_refs(self) -> Iterable[tuple[str, int, datetime]]:
        """All objects: reference, size in bytes, time of the last write (an aware datetime).

        The service takes 200 at once, each time within ``--backend-timeout``, and all of them
        within ten times of it.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot list its objects")

    def remove_ref(self, ref: str) -> None:
        """Remove the object behind a reference; a missing object is not an error."""
        raise NotImplementedError(f"{type(self).__name__} cannot remove a single object")


class EncodedBackend(BaseStoreBackend):
    """A backend for tasks and assets that stores JSON text; the base of the built-in ones."""

    @abstractmethod
    def write(self, scope: StoreScope, key: str, encoded: Encoded) -> str | None:
        """Store a value's JSON text; return its reference, or None to keep it in the row.

        None is for Stateroom's own accessors: workers of Airflow 3.3 and 3.4 need a reference.
        """

    def write_again(self, scope: StoreScope, key: str, encoded: Encoded, ref: str) -> str | None:
        """Store a value whose object is missing again, under the same reference."""
        return self.write(scope, key, encoded)

    @abstractmethod
    def read(self, ref: str) -> Encoded:
        """The text behind a reference.

        :raises ObjectMissing: if the object does not exist.
        """

    def keeps_inline(self, encoded: Encoded) -> bool:
        """Whether ``write`` would return None for this value, which then stays in its row."""
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
    """A state backend with the hook names of proposal #67530.

    Its hooks take ``ti_id`` and ``asset_ref`` instead of a scope.
    """

    def serialize_task_state_to_ref(self, *, value: Any, key: str, ti_id: str) -> str | None:
        """Store a task's value and return its reference, or None to keep it in the row."""
        return None

    def deserialize_task_state_from_ref(self, stored: str) -> Any:
        """The value behind a task's reference."""
        raise NotImplementedError(f"{type(self).__name__} has no hooks for tasks")

    def serialize_asset_state_to_ref(self, *, value: Any, key: str, asset_ref: str) -> str | None:
        """Store an asset's value and return its reference, or None to keep it in the row."""
        return None

    def deserialize_asset_state_from_ref(self, stored: str) -> Any:
        """The value behind an asset's reference."""
        raise NotImplementedError(f"{type(self).__name__} has no hooks for assets")

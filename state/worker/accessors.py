"""The accessors in a task's context, with Airflow's methods and signatures.

An accessor stands over any keyspace (HTTP, or the store in the same process). With a backend the
order of effects is the promise: the object is written before the row, the row is deleted before the
object; so a crash in between can leave an object that no row points at, never a row that points
nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol

from ..backends.hooks import Hooks
from ..backends.threads import to_thread
from ..errors import KeyNotFound, ObjectCorrupt
from ..masking import masked
from ..model import envelope, retention, values
from ..model.clock import Clock, Timepiece
from ..model.reference_facts import Facts
from ..model.scopes import AssetScope, StoreScope, TaskScope
from ..model.values import Encoded

log = logging.getLogger("stateroom.accessors")


class Keyspace(Protocol):
    """The four verbs over one task instance's or asset's entries."""

    def fetch(self, key: str) -> tuple[Any, Facts | None]:
        """The stored value, and the facts about the reference in it."""

    def set(
        self, key: str, value: Any, expires_at: Any = None, facts: Facts | None = None
    ) -> str | None:
        """Store a value; return the reference that it replaced, if any."""

    def delete(self, key: str) -> None: ...

    def clear(self) -> None: ...


class _Accessor:
    """The four verbs as tasks know them, and their async twins, which never block the loop.

    :param keyspace: where the rows are.
    :param scope: whose state it is.
    :param hooks: the worker's backend; without one, or one for this kind of scope, every value
        stays in its row.
    :param ti_id: the attempt's id, for hooks in the proposal's style.
    """

    def __init__(
        self,
        keyspace: Keyspace,
        scope: StoreScope,
        hooks: Hooks | None = None,
        ti_id: str | None = None,
    ) -> None:
        self._keyspace = keyspace
        self._given_scope = scope
        self._ti_id = ti_id
        self._hooks = None
        if hooks is not None and hooks.serves(scope):
            self._hooks = hooks

    @cached_property
    def _scope(self) -> StoreScope:
        """The scope that the backend gets.

        It has an asset's name even if the task used its uri, so that both lead to the same objects.
        """
        scope = self._given_scope
        if isinstance(scope, AssetScope) and scope.name is None:
            named_scope = getattr(self._keyspace, "scope", None)
            if isinstance(named_scope, AssetScope):
                return named_scope
        return scope

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or ``default`` if there is none.

        :raises ObjectMissing: if the row exists but the object behind its reference does not.
        :raises ObjectCorrupt: if the object is not what was written.
        """
        try:
            stored, facts = self._keyspace.fetch(key)
        except KeyNotFound:
            return default
        ref = envelope.unwrap(stored)
        if self._hooks is None or ref is None:
            self._warn_of_raw(key, stored)
            return stored
        value, encoded = self._hooks.read(self._scope, ref, key)
        if facts is not None:
            self._verify(key, ref, encoded or Encoded.of(value), facts)
        return value

    def delete(self, key: str) -> None:
        """Remove a key, then its object; one that is not there is no error."""
        self._keyspace.delete(key)
        if self._hooks is not None:
            with self._tolerating(key):
                self._hooks.delete(self._scope, key)

    def clear(self) -> None:
        """Remove every key, then their objects."""
        self._keyspace.clear()
        if self._hooks is not None:
            with self._tolerating(None):
                self._hooks.clear(self._scope)

    async def aget(self, key: str, default: Any = None) -> Any:
        """:meth:`get` without blocking the event loop."""
        return await to_thread(self.get, key, default)

    async def adelete(self, key: str) -> None:
        """:meth:`delete` without blocking the event loop."""
        await to_thread(self._keyspace.delete, key)
        if self._hooks is not None:
            scope = await to_thread(lambda: self._scope)
            with self._tolerating(key):
                await self._hooks.adelete(scope, key)

    async def aclear(self) -> None:
        """:meth:`clear` without blocking the event loop."""
        await to_thread(self._keyspace.clear)
        if self._hooks is not None:
            scope = await to_thread(lambda: self._scope)
            with self._tolerating(None):
                await self._hooks.aclear(scope)

    def _store(self, key: str, value: Any, expires_at: Any) -> None:
        """Object, then row, then the object that the row no longer points at."""
        values.check(value)
        if envelope.kind(value) != "value":
            raise ValueError(
                f"a value must not be a dict with the member {envelope.MARKER!r}: "
                "it would be taken for a reference"
            )
        if self._hooks is None:
            self._keyspace.set(key, value, expires_at)
        else:
            self._store_through(self._hooks, key, value, expires_at)

    def _store_through(self, hooks: Hooks, key: str, value: Any, expires_at: Any) -> None:
        ref, encoded = hooks.write(self._scope, key, value, self._ti_id)
        if ref is None:
            replaced = self._keyspace.set(key, value, expires_at)
        else:
            facts = Facts(hooks.name, encoded.size, encoded.sha256)
            replaced = self._keyspace.set(key, envelope.wrap(ref), expires_at, facts)
            # a concurrent delete may have removed the object before the row was written
            if hooks.has("holds") and not hooks.backend.holds(ref):
                hooks.write(self._scope, key, value, self._ti_id)
        if replaced and replaced != ref:
            self._remove(hooks, key, replaced, inline=ref is None)

    def _remove(self, hooks: Hooks, key: str, ref: str, inline: bool) -> None:
        """Remove the object of a replaced reference, if no other object would be removed with it.

        :param inline: whether the key has no object now, so that a backend which can remove only by
            key may do so.
        """
        try:
            if hooks.has("remove_ref"):
                if not hooks.has("owns_ref") or hooks.backend.owns_ref(ref):
                    hooks.backend.remove_ref(ref)
            elif inline:
                hooks.delete(self._scope, key)
        except Exception as error:  # the value is stored, so the task must not fail
            log.warning(
                "%s key %r: the replaced object %s stays, it is an orphan now: %s",
                self._scope,
                key,
                masked(ref),
                masked(f"{type(error).__name__}: {error}"),
            )

    def _verify(self, key: str, ref: str, encoded: Encoded, facts: Facts) -> None:
        assert self._hooks is not None
        if encoded.sha256 == facts.sha256:
            return
        if getattr(self._hooks.backend, "immutable", False):
            raise ObjectCorrupt(ref, "its checksum is not the one that was written")
        log.warning(
            "%s key %r: the object behind %s has changed since it was written",
            self._scope,
            key,
            masked(ref),
        )

    def _warn_of_raw(self, key: str, stored: Any) -> None:
        what = envelope.complaint(stored, resolvable=self._hooks is not None)
        if what is None or (
            envelope.kind(stored) == "value" and self._hooks and self._hooks.keeps_inline(stored)
        ):
            return
        log.warning("%s key %r %s; its raw value is returned", self._given_scope, key, what)

    @contextmanager
    def _tolerating(self, key: str | None) -> Iterator[None]:
        """Only warn if a backend cannot remove objects; the ledger still lists them."""
        try:
            yield
        except NotImplementedError as error:
            which = "every key" if key is None else f"key {key!r}"
            log.warning(
                "%s %s: the backend keeps the object (%s); it is an orphan now",
                self._scope,
                which,
                error,
            )


class TaskStateStoreAccessor(_Accessor):
    """``context["task_state_store"]``: the state of the running task instance.

    :param default_retention_days: ``[state_store] default_retention_days``; 0 means never.
    """

    def __init__(
        self,
        keyspace: Keyspace,
        scope: TaskScope,
        hooks: Hooks | None = None,
        ti_id: str | None = None,
        *,
        clock: Timepiece | None = None,
        default_retention_days: int = 30,
    ) -> None:
        super().__init__(keyspace, scope, hooks, ti_id)
        self._clock = clock or Clock()
        self._days = default_retention_days

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Create or overwrite a key.

        :param retention: how long it lives; ``NEVER_EXPIRE`` for ever, None for
            ``default_retention_days``.
        :raises ValueError: for None, NaN or Infinity anywhere in the value (naming the place), or
            an envelope.
        :raises TypeError: for a value that is not JSON, or a retention that is not a timedelta.
        """
        self._store(key, value, self._expiry(retention))

    async def aset(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """:meth:`set` without blocking the event loop."""
        await to_thread(self.set, key, value, retention=retention)

    def _expiry(self, wanted: timedelta | None) -> Any:
        return retention.expiry(wanted, self._days, self._clock.now())

    def __repr__(self) -> str:
        return f"<TaskStateStoreAccessor {self._given_scope}>"


class AssetStateStoreAccessor(_Accessor):
    """``context["asset_state_store"][asset]``: the state of one asset; it does not expire."""

    def set(self, key: str, value: Any) -> None:
        """Create or overwrite a key; raises as :meth:`TaskStateStoreAccessor.set`."""
        self._store(key, value, None)

    async def aset(self, key: str, value: Any) -> None:
        """:meth:`set` without blocking the event loop."""
        await to_thread(self.set, key, value)

    def __repr__(self) -> str:
        return f"<AssetStateStoreAccessor {self._given_scope}>"


class AssetStateStoreAccessors:
    """``context["asset_state_store"]``: the accessors of a task's inlets and outlets.

    With exactly one asset its methods can be called here directly.

    :param accessors: by the asset's scope (name, or uri where only that is known).
    """

    def __init__(self, accessors: Iterable[tuple[AssetScope, AssetStateStoreAccessor]]) -> None:
        by_scope = dict(accessors)  # an asset that is both inlet and outlet is one asset
        self._by_name: dict[Any, AssetStateStoreAccessor] = {
            scope.name: accessor for scope, accessor in by_scope.items() if scope.name
        }
        self._by_uri: dict[Any, AssetStateStoreAccessor] = {
            scope.uri: accessor for scope, accessor in by_scope.items() if scope.uri
        }
        self._all = list(by_scope.values())

    def __getitem__(self, asset: Any) -> AssetStateStoreAccessor:
        """The accessor of an asset: an object with ``name`` or ``uri``, or one of these as text."""
        name: Any
        uri: Any
        if isinstance(asset, str):
            name = uri = asset
        else:
            name = getattr(asset, "name", None)
            uri = getattr(asset, "uri", None)
        if name is None and uri is None:
            raise TypeError(
                f"expected an asset, a reference to one or its name, got {type(asset).__name__}"
            )
        accessor = self._by_name.get(name) or self._by_uri.get(uri)
        if accessor is None:
            known = ", ".join(map(repr, [*self._by_name, *self._by_uri])) or "none"
            raise KeyError(f"{asset!r} is not among this task's inlets or outlets ({known})")
        return accessor

    def __getattr__(self, verb: str) -> Any:
        if verb not in ("get", "set", "delete", "clear", "aget", "aset", "adelete", "aclear"):
            raise AttributeError(verb)
        if len(self._all) != 1:
            raise ValueError(
                f"this task has {len(self._all)} inlets and outlets; "
                "say which: context['asset_state_store'][ASSET]"
            )
        return getattr(self._all[0], verb)

    def __repr__(self) -> str:
        return f"<AssetStateStoreAccessors {self._all}>"

"""The accessors in a task's context, with Airflow's methods and signatures.

An accessor works on any keyspace (over HTTP, or a store in the same process). With a backend, the
object is written before the row, and the row is deleted before the object. A crash in between can
leave an object without a row, but never a row without an object.
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
from ..model import envelope, values
from ..model.clock import Clock, Timepiece
from ..model.reference_facts import Facts, Released, health_of_checksum
from ..model.retention import expiry
from ..model.scopes import AssetScope, StoreScope, TaskScope
from ..model.values import Encoded

log = logging.getLogger("stateroom.accessors")


class Keyspace(Protocol):
    """The entries of one task instance or asset.

    One that can keep others from removing an object, until the row points at it, has a method
    ``expecting(ref)`` beside these: a context manager.
    """

    def fetch(self, key: str) -> tuple[Any, Facts | None]:
        """The stored value, and the facts about the reference in it."""

    def set(
        self, key: str, value: Any, expires_at: Any = None, facts: Facts | None = None
    ) -> str | None:
        """Store a value; return the reference that it replaced, if any."""

    def delete(self, key: str) -> Released | None:
        """Delete a key; the references that this released, or None if that is unknown."""

    def clear(self) -> Released | None:
        """Delete every key; otherwise like :meth:`delete`."""


@contextmanager
def _expecting(keyspace: Keyspace, ref: str) -> Iterator[bool]:
    """Whether the object is kept from being removed by others for the block."""
    expecting = getattr(keyspace, "expecting", None)
    if expecting is None:
        yield False
        return
    with expecting(ref):
        yield True


def _is_gone(hooks: Hooks, ref: str) -> bool:
    """Whether the object of a write is missing: it was removed as an orphan before its row pointed
    at it, or by a delete of a backend whose references are not unique.
    """
    return hooks.has("holds") and not hooks.backend.holds(ref)


class _Accessor:
    """Airflow's methods of an accessor, and their async variants, which do not block the loop.

    :param keyspace: the rows.
    :param scope: of the rows.
    :param hooks: the worker's backend; without one, or without hooks for this kind of scope, every
        value stays in its row. What a worker of Airflow has stored through the default hooks of
        such a backend, JSON text in an envelope, is read as there.
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
        self._reader = hooks
        self._hooks = None
        if hooks is not None and hooks.serves(scope):
            self._hooks = hooks

    @cached_property
    def _scope(self) -> StoreScope:
        """The scope that the backend gets.

        That of an asset has its name, even if the task used its uri: the objects are the same.
        """
        scope = self._given_scope
        if isinstance(scope, AssetScope) and scope.name is None:
            named_scope = getattr(self._keyspace, "scope", None)
            if isinstance(named_scope, AssetScope):
                return named_scope
        return scope

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or ``default`` if the key does not exist.

        An object that cannot be read is looked for again if the row has changed meanwhile.

        :raises ObjectMissing: if the row exists but the object behind its reference does not.
        :raises ObjectCorrupt: if the object differs from what was written.
        """
        unreadable: tuple[Any, Exception] | None = None
        while True:
            try:
                stored, facts = self._keyspace.fetch(key)
            except KeyNotFound:
                return default
            if unreadable is not None and stored == unreadable[0]:
                raise unreadable[1]
            ref = envelope.unwrap(stored)
            if self._reader is None or ref is None:
                self._warn_of_raw(key, stored)
                return stored
            try:
                value, encoded = self._reader.read(self._scope, ref, key)
            except Exception as error:
                unreadable = (stored, error)  # unless it was overwritten or deleted meanwhile
                continue
            if facts is not None:
                self._verify(key, ref, encoded or Encoded.of(value), facts)
            return value

    def delete(self, key: str) -> None:
        """Delete a key, then its object; a missing key is not an error."""
        self._discard(key, self._keyspace.delete(key))

    def clear(self) -> None:
        """Delete every key, then their objects."""
        self._discard(None, self._keyspace.clear())

    def _discard(self, key: str | None, released: Released | None) -> None:
        if self._hooks is not None:
            with self._tolerating(key):
                self._hooks.discard(self._scope, key, released)

    async def aget(self, key: str, default: Any = None) -> Any:
        """:meth:`get` without blocking the event loop."""
        return await to_thread(self.get, key, default)

    async def adelete(self, key: str) -> None:
        """:meth:`delete` without blocking the event loop."""
        await self._adiscard(key, await to_thread(self._keyspace.delete, key))

    async def aclear(self) -> None:
        """:meth:`clear` without blocking the event loop."""
        await self._adiscard(None, await to_thread(self._keyspace.clear))

    async def _adiscard(self, key: str | None, released: Released | None) -> None:
        if self._hooks is not None:
            scope = await to_thread(lambda: self._scope)
            with self._tolerating(key):
                await self._hooks.adiscard(scope, key, released)

    def _store(self, key: str, value: Any, expires_at: Any) -> None:
        """Write the object, then the row; then remove the object of the replaced reference."""
        values.check(value)
        envelope.check_unmarked(value)
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
            with _expecting(self._keyspace, ref) as is_kept:
                if is_kept and _is_gone(hooks, ref):
                    hooks.write_again(self._scope, key, value, self._ti_id, ref)
                replaced = self._keyspace.set(key, envelope.wrap(ref), expires_at, facts)
            if not is_kept and _is_gone(hooks, ref) and self._points_at(key, ref):
                hooks.write_again(self._scope, key, value, self._ti_id, ref)
        if replaced and replaced != ref:
            self._remove(hooks, key, replaced, inline=ref is None)

    def _points_at(self, key: str, ref: str) -> bool:
        """Whether the row points at a reference; another worker may have changed it meanwhile."""
        try:
            stored, _ = self._keyspace.fetch(key)
        except KeyNotFound:
            return False
        return envelope.unwrap(stored) == ref

    def _remove(self, hooks: Hooks, key: str, ref: str, inline: bool) -> None:
        """Remove the object of a replaced reference, if no other object would be removed with it.

        :param inline: whether the new value has no object, so that all objects of the key may be
            removed by a backend that cannot remove a single one.
        """
        try:
            if hooks.has("remove_ref"):
                if not hooks.has("owns_ref") or hooks.backend.owns_ref(ref):
                    hooks.backend.remove_ref(ref)
            elif inline:
                hooks.delete(self._scope, key)
        except Exception as error:  # the value is stored, so the task must not fail
            log.warning(
                "%s key %r: the replaced object %s was not removed and is an orphan now: %s",
                self._scope,
                key,
                masked(ref),
                masked(f"{type(error).__name__}: {error}"),
            )

    def _verify(self, key: str, ref: str, encoded: Encoded, facts: Facts) -> None:
        assert self._reader is not None
        health = health_of_checksum(encoded.sha256, facts.sha256, self._reader.immutable)
        if health == "ok":
            return
        if health == "corrupt":
            raise ObjectCorrupt(ref, "its checksum differs from the one that was written")
        log.warning(
            "%s key %r: the object behind %s has changed since it was written",
            self._scope,
            key,
            masked(ref),
        )

    def _warn_of_raw(self, key: str, stored: Any) -> None:
        complaint = envelope.complaint(stored, resolvable=self._hooks is not None)
        if complaint is None or (
            envelope.kind(stored) == "value" and self._hooks and self._hooks.keeps_inline(stored)
        ):
            return
        log.warning("%s key %r %s; its raw value is returned", self._given_scope, key, complaint)

    @contextmanager
    def _tolerating(self, key: str | None) -> Iterator[None]:
        """Only warn if a backend cannot remove objects; the ledger still lists them."""
        try:
            yield
        except NotImplementedError as error:
            keys = "every key"
            if key is not None:
                keys = f"key {key!r}"
            log.warning(
                "%s %s: the backend cannot remove objects (%s); they are orphans now",
                self._scope,
                keys,
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

        :param retention: the time until the key expires; ``NEVER_EXPIRE`` for never, None for
            ``default_retention_days``.
        :raises ValueError: for None, NaN or Infinity anywhere in the value (the message has the
            path), or for an envelope.
        :raises TypeError: for a value that is not JSON, or a retention that is not a timedelta.
        """
        self._store(key, value, expiry(retention, self._days, self._clock.now()))

    async def aset(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """:meth:`set` without blocking the event loop."""
        await to_thread(self.set, key, value, retention=retention)

    def __repr__(self) -> str:
        return f"<TaskStateStoreAccessor {self._given_scope}>"


class AssetStateStoreAccessor(_Accessor):
    """``context["asset_state_store"][asset]``: the state of one asset, which does not expire."""

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

    With exactly one asset, the methods of its accessor can be called directly.

    :param accessors: pairs of an asset's scope (with a name or a uri) and its accessor.
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
        """The accessor of an asset.

        :param asset: an object with a ``name`` or a ``uri``, or one of these as a string.
        :raises KeyError: if the asset is neither an inlet nor an outlet.
        :raises TypeError: for an object without ``name`` and ``uri``.
        """
        name: Any
        uri: Any
        if isinstance(asset, str):
            name = uri = asset
        else:
            name = getattr(asset, "name", None)
            uri = getattr(asset, "uri", None)
        if name is None and uri is None:
            raise TypeError(f"expected an asset, or its name or uri, got {type(asset).__name__}")
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
                "choose one: context['asset_state_store'][ASSET]"
            )
        return getattr(self._all[0], verb)

    def __repr__(self) -> str:
        return f"<AssetStateStoreAccessors {self._all}>"

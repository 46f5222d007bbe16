"""The gateway: the service runs its own backend, for callers that are not Python, and for people.

It uses the accessors of workers, with three differences: a reference is resolved only if the
backend is known to have made it, a call has a deadline after which it changes no row, and errors of
the backend are distinguished from errors of the request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any

from ..backends.deadlines import Abandoned, Call
from ..errors import BadBackend, KeyNotFound, RefusedReference, StateError
from ..masking import masked
from ..model import envelope, values
from ..model.clock import to_text
from ..model.reference_facts import Facts, Released
from ..model.retention import UnusableRetention, expiry
from ..model.scopes import AssetScope, StoreScope, TaskScope, Writer
from ..store import keyspaces
from ..store.keyspaces import Keyspace, Stored
from ..store.namespace import Namespace
from ..store.tables import assets, references, scopes
from ..worker.accessors import AssetStateStoreAccessor, TaskStateStoreAccessor
from .backend import Backend, OwnError, Result
from .trust import may_remove, may_resolve

log = logging.getLogger("stateroom.gateway")
_NONE = object()


class Gateway:
    """The values of one task instance or asset, as a task sees them.

    :param keyspace: its rows.
    :param scope: as the backend gets it; an asset always by its name, even if the caller used its
        uri.
    :param ti_id: the attempt's id, for hooks in the proposal's style.
    """

    def __init__(
        self, backend: Backend, keyspace: Keyspace, scope: StoreScope, ti_id: str | None = None
    ) -> None:
        self._backend = backend
        self._keyspace = keyspace
        self._scope = scope
        self._ti_id = ti_id

    @classmethod
    def of_task(cls, backend: Backend, namespace: Namespace, ti_id: str, writer: Writer) -> Gateway:
        """:raises TaskInstanceNotFound: if there is none of this id."""
        return cls(
            backend,
            keyspaces.task_instance(namespace, ti_id, writer),
            scopes.scope_of_attempt(namespace, ti_id),
            ti_id,
        )

    @classmethod
    def of_asset(
        cls, backend: Backend, namespace: Namespace, by: str, value: str, writer: Writer
    ) -> Gateway:
        """:raises AssetNotFound: if there is no active one."""
        name = assets.asset_by(namespace, by, value)["name"]
        return cls(
            backend, keyspaces.asset(namespace, name=name, writer=writer), AssetScope(name=name)
        )

    def get(self, key: str) -> Any:
        """The value of a key.

        :raises KeyNotFound: if there is none.
        :raises RefusedReference: for a reference that this backend is not known to have made.
        :raises BackendError: as :meth:`Backend.run` says.
        """
        return values.loads(self.text(key))

    def text(self, key: str) -> str:
        """The JSON text of a value, written before the deadline; raises as :meth:`get`."""
        text = self._backend.run(lambda call: self._text(call, key))
        if text is None:
            raise KeyNotFound(self._keyspace.what, key)
        return text

    def _text(self, call: Call[Any], key: str) -> str | None:
        value = self._get(call, key)
        if value is _NONE:
            return None
        return values.dumps(value)

    def _get(self, call: Call[Any], key: str) -> Any:
        value = self._accessor(_Rows(self._keyspace, self._backend, call)).get(key, _NONE)
        if value is None:
            raise BadBackend(
                "it returned None for a reference; a missing object has to be an error"
            )
        if value is not _NONE:
            _check_json(value)
        return value

    def set(
        self, key: str, value: Any, retention: timedelta | None = None, default_days: int = 30
    ) -> None:
        """Create or overwrite a key.

        :param retention: for tasks only, as for an accessor.
        :param default_days: the retention that None stands for, in days.
        :raises UnusableRetention: for a retention that ends beyond the calendar, before the backend
            is called.
        :raises ValueError: for a value that no accessor takes, before the backend is called.
        :raises BackendError: as :meth:`Backend.run` says.
        """
        _check_value(value)
        expires_at = expiry(retention, default_days, self._keyspace.namespace.clock.now())
        if expires_at is not None:
            _check_moment(expires_at)
        self.put(key, value, expires_at, "namespace")

    def put(
        self,
        key: str,
        value: Any,
        expires_at: datetime | None,
        expires_by: str,
        in_row: bool = False,
    ) -> None:
        """Create or overwrite a key that expires at a given moment or never; raises as :meth:`set`.

        :param expires_at: an aware moment or None; ignored for an asset, whose keys do not expire.
        :param expires_by: by whose clock it was counted: ``namespace`` or ``caller``.
        :param in_row: store the value in its row, and do not hand it to the backend.
        """
        _check_value(value)
        if not isinstance(self._scope, TaskScope):
            expires_at = None

        scope_id = self._keyspace.scope_id()

        def act(call: Call[None]) -> None:
            self._backend.hold_place()
            with self._backend.locks.hold(call, scope_id, key):
                rows = _Rows(self._keyspace, self._backend, call, expires_at, expires_by)
                self._accessor(rows, in_row).set(key, value)
                if rows.replaced is not None:
                    self._remove_replaced(rows.replaced)

        self._backend.run(act)

    def delete(self, key: str) -> None:
        """Remove a key, then its object; an unknown key is no error.

        :raises BackendError: as :meth:`Backend.run` says; if the row was deleted before, its object
            is an orphan.
        """
        self._remove(key)

    def clear(self) -> None:
        """Remove every key, then the objects; raises as :meth:`delete`."""
        self._remove(None)

    def _remove(self, key: str | None) -> None:
        scope_id = self._keyspace.scope_id()

        def act(call: Call[None]) -> None:
            with self._backend.locks.hold(call, scope_id, key):
                rows = _Rows(self._keyspace, self._backend, call)
                if key is None:
                    released = rows.clear()
                else:
                    released = rows.delete(key)
                self._discard(key, released)

        self._backend.run(act)

    def _discard(self, key: str | None, released: Released) -> None:
        """Remove the objects of rows that were removed."""
        hooks = self._backend.hooks
        if hooks is None or not hooks.serves(self._scope):
            return
        try:
            hooks.discard(self._scope, key, released, self._remove_object)
        except NotImplementedError as error:
            log.warning("%s: the objects stay, as orphans: %s", self._scope, error)
            return
        if not hooks.has("remove_ref"):
            self._forget(key)

    def _remove_object(self, ref: str) -> None:
        """Remove an object that no row points at and that this backend is known to have made."""
        assert self._backend.hooks is not None
        self._backend.hold_place(to_remove=True)
        references.remove(
            self._keyspace.namespace.database,
            ref,
            lambda db: may_remove(self._backend, ref, references.provenance(db, ref).vouched_by),
            self._backend.hooks.backend.remove_ref,
        )

    def _forget(self, key: str | None) -> None:
        """Forget the references whose objects went with their key, or with all keys."""
        namespace = self._keyspace.namespace
        database = namespace.database
        for ref in references.released_of(namespace, self._keyspace.scope_id(), key):
            with database.reading() as db:
                origin = references.provenance(db, ref)
            if self._backend.is_missing(ref, origin.vouched_by):
                references.forget(database, ref)

    def _remove_replaced(self, ref: str) -> None:
        """Remove the object that the row no longer points at.

        A failure is only logged: the new value is already stored.
        """
        hooks = self._backend.hooks
        if hooks is None or not hooks.has("remove_ref"):
            return
        try:
            self._remove_object(ref)
        except Exception as error:
            log.warning(
                "the object behind %s stays, an orphan: %s", masked(ref), masked(repr(error))
            )

    def _accessor(
        self, rows: _Rows, in_row: bool = False
    ) -> TaskStateStoreAccessor | AssetStateStoreAccessor:
        hooks = self._backend.hooks
        if in_row:
            hooks = None
        if isinstance(self._scope, TaskScope):
            clock = self._keyspace.namespace.clock
            return TaskStateStoreAccessor(rows, self._scope, hooks, self._ti_id, clock=clock)
        return AssetStateStoreAccessor(rows, self._scope, hooks)


def _check_json(value: Any) -> None:
    try:
        values.check(value)
    except TypeError as error:
        raise BadBackend(f"the value that it returned is not JSON: {error}") from None
    except ValueError:
        return  # NaN is reported when the response is written


def _check_value(value: Any) -> None:
    values.check(value)
    envelope.check_unmarked(value)


def _check_moment(moment: datetime) -> None:
    try:
        to_text(moment)
    except OverflowError:
        raise UnusableRetention(
            f"retention ends at {moment}, in UTC beyond the year 9999; use never"
        ) from None


class _Rows:
    """The keyspace as the gateway's accessor sees it.

    :param expires_at: of an entry that is set; None for never.
    """

    def __init__(
        self,
        keyspace: Keyspace,
        backend: Backend,
        call: Call[Any],
        expires_at: datetime | None = None,
        expires_by: str = "namespace",
    ) -> None:
        self._keyspace = keyspace
        self._backend = backend
        self._call = call
        self._expires_at = expires_at
        self._expires_by = expires_by
        self.replaced: str | None = None

    def fetch(self, key: str) -> tuple[Any, Facts | None]:
        stored = self._own(lambda: self._keyspace.stored(key))
        value = values.loads(stored.text)
        ref = envelope.unwrap(value)
        if ref is not None and self._backend.hooks and not self._is_own(ref, stored):
            if envelope.is_text(ref):
                return values.loads(ref), None
            why = f"the backend {self._backend.name} is not known to have made it for this key"
            raise OwnError(RefusedReference(ref, why))
        return value, stored.facts

    def _is_own(self, ref: str, stored: Stored) -> bool:
        vouched_by = [stored.vouched_by] if stored.vouched_by else []
        namespace = self._keyspace.namespace
        return may_resolve(namespace, self._backend, stored.scope_id, ref, vouched_by)

    def set(self, key: str, value: Any, _: Any = None, facts: Facts | None = None) -> str | None:
        ref = envelope.unwrap(value)
        try:
            with self._call.changing_row():
                self.replaced = self._own(
                    lambda: self._keyspace.set(
                        key,
                        value,
                        self._expires_at,
                        facts,
                        vouched=facts is not None,
                        expires_by=self._expires_by,
                    )
                )
        except (Abandoned, OwnError):
            if ref is not None and facts is not None:
                self._record_orphan(key, ref, facts)
            raise
        return None  # the accessor must not remove the replaced object: the gateway does

    @contextmanager
    def expecting(self, ref: str) -> Iterator[None]:
        with ExitStack() as stack:
            self._own(lambda: stack.enter_context(self._keyspace.expecting(ref)))
            yield

    def delete(self, key: str) -> Released:
        with self._call.changing_row():
            return self._own(lambda: self._keyspace.delete(key))

    def clear(self) -> Released:
        with self._call.changing_row():
            return self._own(self._keyspace.clear)

    def _own(self, act: Callable[[], Result]) -> Result:
        try:
            return act()
        except KeyNotFound:
            raise
        except StateError as error:
            raise OwnError(error) from error

    def _record_orphan(self, key: str, ref: str, facts: Facts) -> None:
        keyspace = self._keyspace
        try:
            scope_id: int | None = keyspace.scope_id()
        except StateError:
            scope_id = None  # it was deleted while the backend was writing
        log.warning(
            "key %r: no row points at the object behind %s; it is an orphan", key, masked(ref)
        )
        references.record_orphan(keyspace.namespace, scope_id, key, ref, facts, keyspace.writer)

"""One interface to backends of either style; their hooks are looked up once, at load time."""

from __future__ import annotations

import difflib
import importlib
import inspect
import reprlib
from collections.abc import Callable
from typing import Any

from ..errors import BadBackend, ObjectMissing
from ..model import values
from ..model.envelope import LONGEST
from ..model.reference_facts import Released
from ..model.scopes import StoreScope, TaskScope
from ..model.values import Encoded
from .base import BaseStateBackend, BaseStoreBackend, EncodedBackend
from .threads import to_thread

# kind → its possible pairs of hooks, the released names first
_PAIRS = {
    "task": (
        ("serialize_task_state_store_to_ref", "deserialize_task_state_store_from_ref"),
        ("serialize_task_state_to_ref", "deserialize_task_state_from_ref"),
    ),
    "asset": (
        ("serialize_asset_state_store_to_ref", "deserialize_asset_state_store_from_ref"),
        ("serialize_asset_state_to_ref", "deserialize_asset_state_from_ref"),
    ),
}
_HOOKS = [name for pairs in _PAIRS.values() for pair in pairs for name in pair]
_SIMILAR = 0.8  # difflib's ratio from which on a name is taken for a misspelt hook


def is_base(cls: type) -> bool:
    """Whether a class is one of ours or of Airflow's that backends derive from."""
    if cls.__module__.partition(".")[0] == "airflow":
        return cls.__name__ in ("BaseStoreBackend", "BaseStateBackend")
    return cls in (BaseStoreBackend, BaseStateBackend)


def overrides(cls: type, name: str) -> bool:
    """Whether a class has a method of its own, rather than none or a base's default."""
    method = inspect.getattr_static(cls, name, None)
    return method is not None and all(
        method is not vars(base).get(name) for base in cls.__mro__ if is_base(base)
    )


def is_backend(cls: type) -> bool:
    """Whether a class overrides a hook."""
    return any(overrides(cls, name) for name in _HOOKS)


def check_class(cls: type) -> None:
    """Check that a class can be a backend.

    :raises BadBackend: with what is missing, and for a misspelt hook the most similar name.
    """
    where = f"{cls.__module__}.{cls.__qualname__}"
    _check_spelling(cls, where)
    if not is_backend(cls):
        pair = " and ".join(_HOOKS[:2])
        raise BadBackend(
            f"{where} overrides no hook; a backend needs at least one pair, such as {pair}"
        )
    for kind, pairs in _PAIRS.items():
        for serialize, deserialize in pairs:
            if overrides(cls, serialize) != overrides(cls, deserialize):
                present, missing = sorted(
                    (serialize, deserialize), key=lambda name: overrides(cls, name), reverse=True
                )
                raise BadBackend(
                    f"{where} overrides {present} but not {missing}; "
                    f"the {kind} pair belongs together"
                )
    undefined = sorted(getattr(cls, "__abstractmethods__", ()))
    if undefined:
        raise BadBackend(f"{where} does not define {', '.join(undefined)}")


def _check_spelling(cls: type, where: str) -> None:
    """Refuse a method with a misspelt hook name, which would silently never be called."""
    for base in cls.__mro__:
        if is_base(base):
            continue
        for name, method in vars(base).items():
            if name in _HOOKS or name.startswith("_") or not callable(method):
                continue
            similar = difflib.get_close_matches(name, _HOOKS, 1, _SIMILAR)
            if similar:
                raise BadBackend(f"{where}.{name} is never called; did you mean {similar[0]}?")


class Hooks:
    """A backend's hooks, with the same methods for either style.

    A subclass of Airflow's base class gets Airflow's scope objects, any other backend gets ours.

    :param backend: an instance.
    :param name: its name in the ledger: a built-in name or a dotted path.
    :raises BadBackend: as :func:`check_class` says.
    :ivar largest: bytes of a value that is read, as :func:`~state.model.values.check_size` counts
        them; None for any number.
    """

    largest: int | None = None

    def __init__(self, backend: Any, name: str) -> None:
        check_class(type(backend))
        self.backend = backend
        self.name = name
        self._pairs = {kind: self._pair(pairs) for kind, pairs in _PAIRS.items()}
        self._scopes = _scope_classes(type(backend))

    def _pair(
        self, pairs: tuple[tuple[str, str], ...]
    ) -> tuple[Callable[..., Any], Callable[[str], Any], bool] | None:
        for index, (serialize, deserialize) in enumerate(pairs):
            if overrides(type(self.backend), serialize):
                return (
                    getattr(self.backend, serialize),
                    getattr(self.backend, deserialize),
                    index == 0,
                )
        return None

    def serves(self, scope: StoreScope) -> bool:
        """Whether the backend has a pair of hooks for scopes of this kind."""
        return self._pairs[_kind(scope)] is not None

    @property
    def immutable(self) -> bool:
        """Whether the backend declares, by an attribute ``immutable``, that it never changes an
        object.
        """
        return bool(getattr(self.backend, "immutable", False))

    @property
    def unique_refs(self) -> bool:
        """Whether the backend declares, by an attribute ``unique_refs``, that each write gets an
        object of its own.
        """
        return bool(getattr(self.backend, "unique_refs", False))

    def has(self, ability: str) -> bool:
        """Whether the backend has an optional method: owns_ref, holds, iter_refs or remove_ref."""
        return overrides(type(self.backend), ability)

    def write(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None
    ) -> tuple[str | None, Encoded]:
        """Store a value.

        :returns: the reference, as :meth:`serialize` returns it, and the value's JSON text.
        """
        encoded = Encoded.of(value)
        if isinstance(self.backend, EncodedBackend):
            ref = self.backend.write(scope, key, encoded)
        else:
            ref = self.returned(scope, key, value, ti_id)
        return self._checked(ref, encoded.text), encoded

    def write_again(
        self, scope: StoreScope, key: str, value: Any, ti_id: str | None, ref: str
    ) -> None:
        """Store a value whose object is missing again.

        :raises ObjectMissing: if the backend gives it another reference.
        """
        again: str | None
        if isinstance(self.backend, EncodedBackend):
            again = self.backend.write_again(scope, key, Encoded.of(value), ref)
        else:
            again = self.serialize(scope, key, value, ti_id)
        if again != ref:
            raise ObjectMissing(ref)

    def read(
        self, scope: StoreScope, ref: str, key: str | None = None
    ) -> tuple[Any, Encoded | None]:
        """The value behind a reference, and its JSON text if the backend returns that.

        :raises ObjectTooLarge: if the value is larger than is read here.

        Exceptions of the backend are not caught.

        :param key: the key of the value, for faults; no hook gets it.
        """
        if isinstance(self.backend, EncodedBackend):
            encoded = self.backend.read(ref)
            values.check_text_size(encoded.size, self.largest)
            value = encoded.value()
        else:
            encoded = None
            value = self.deserialize(scope, ref)
        values.check_size(value, self.largest)
        return value, encoded

    def keeps_inline(self, value: Any) -> bool:
        """Whether the backend would leave this value in its row; False if that is unknown."""
        return isinstance(self.backend, EncodedBackend) and self.backend.keeps_inline(
            Encoded.of(value)
        )

    def serialize(self, scope: StoreScope, key: str, value: Any, ti_id: str | None) -> str | None:
        """Store a value; return its reference, or None if it stays in the row.

        It does if the hook returns None or the value's JSON text, as Airflow's own hooks do.

        :param ti_id: the attempt's id, for hooks in the proposal's style.
        :raises BadBackend: if the result is neither a non-empty string nor None.
        """
        return self._checked(self.returned(scope, key, value, ti_id), values.dumps(value))

    def returned(self, scope: StoreScope, key: str, value: Any, ti_id: str | None) -> Any:
        """What the hook returns for a value that it stores, unchecked; otherwise as
        :meth:`serialize`.
        """
        pair = self._pairs[_kind(scope)]
        if pair is None:
            return None
        serialize, _, released = pair
        if released:
            return serialize(value=value, key=key, scope=self.scope(scope))
        if isinstance(scope, TaskScope):
            if ti_id is None:
                raise BadBackend(
                    f"{self.name} needs the task instance's id (ti_id), which is unknown here"
                )
            return serialize(value=value, key=key, ti_id=ti_id)
        return serialize(
            value=value, key=key, asset_ref=scope.name or scope.uri or str(scope.asset_id)
        )

    def _checked(self, ref: Any, text: str) -> str | None:
        """The reference; None for a value that stays in its row.

        :param text: the value's JSON text.
        """
        if ref is None or ref == text:
            return None
        if not isinstance(ref, str) or not ref:
            raise BadBackend(
                f"{self.name} returned {reprlib.repr(ref)} as a reference; "
                "it must be a non-empty string, or None"
            )
        if len(ref) > LONGEST:
            raise BadBackend(
                f"{self.name} returned a reference of {len(ref)} characters; at most {LONGEST} "
                "name an object"
            )
        return ref

    def deserialize(self, scope: StoreScope, ref: str) -> Any:
        """The value behind a reference; exceptions of the backend are not caught.

        Without hooks for this kind of scope it is read as by Airflow's default hook, which takes it
        for JSON text.
        """
        pair = self._pairs[_kind(scope)]
        if pair is not None:
            return pair[1](ref)
        try:
            return values.loads(ref)
        except ValueError:
            raise BadBackend(
                f"{self.name} has no hooks for {_kind(scope)}s; the stored reference is another "
                "backend's"
            ) from None

    def delete(self, scope: StoreScope, key: str) -> None:
        self.backend.delete(self.scope(scope), key)

    def clear(self, scope: StoreScope, all_map_indices: bool = False) -> None:
        if all_map_indices:
            self.backend.clear(self.scope(scope), all_map_indices=True)
        else:  # a backend without map indices need not take the argument
            self.backend.clear(self.scope(scope))

    def discard(
        self,
        scope: StoreScope,
        key: str | None,
        released: Released | None,
        remove: Callable[[str], object] | None = None,
    ) -> None:
        """Remove the objects that a delete, or without a key a clear, has released.

        One by one, if the backend can; else all objects of the key or scope.

        :param released: None where that is unknown.
        :param remove: removes the object of a reference; by default the backend's ``remove_ref``.
        :raises NotImplementedError: if that would remove an object that is kept.
        """
        refs = self._removable(released)
        if refs is not None:
            for ref in refs:
                (remove or self.backend.remove_ref)(ref)
        elif key is None:
            self.clear(scope)
        else:
            self.delete(scope, key)

    async def adiscard(self, scope: StoreScope, key: str | None, released: Released | None) -> None:
        """:meth:`discard` without blocking the event loop."""
        if self._removable(released) is not None:
            await to_thread(self.discard, scope, key, released)
        elif key is None:
            await self.aclear(scope)
        else:
            await self.adelete(scope, key)

    def _removable(self, released: Released | None) -> list[str] | None:
        """The references to remove one by one; None if all objects have to be removed."""
        if released is None:
            return None
        if self.has("remove_ref"):
            refs = list(released.refs)
            if self.has("owns_ref"):
                refs = [ref for ref in refs if self.backend.owns_ref(ref)]
            return refs
        if released.kept:
            raise NotImplementedError("it cannot remove a single object, and others are kept")
        return None

    async def adelete(self, scope: StoreScope, key: str) -> None:
        await _awaited(self.backend, "adelete", self.delete, self.scope(scope), scope, key)

    async def aclear(self, scope: StoreScope) -> None:
        await _awaited(self.backend, "aclear", self.clear, self.scope(scope), scope)

    def scope(self, scope: StoreScope) -> Any:
        """The scope as an object of the class that the backend's base class uses."""
        task, asset = self._scopes
        if isinstance(scope, TaskScope):
            return task(
                dag_id=scope.dag_id,
                run_id=scope.run_id,
                task_id=scope.task_id,
                map_index=scope.map_index,
            )
        return asset(asset_id=scope.asset_id, name=scope.name, uri=scope.uri)


async def _awaited(
    backend: Any, name: str, sync: Callable[..., Any], native_scope: Any, *args: Any
) -> None:
    if overrides(type(backend), name):
        await getattr(backend, name)(native_scope, *args[1:])
    else:
        await to_thread(sync, *args)


def _kind(scope: StoreScope) -> str:
    return "task" if isinstance(scope, TaskScope) else "asset"


def _scope_classes(cls: type) -> tuple[type, type]:
    """The scope classes beside the base of a backend's class."""
    base = next((base for base in cls.__mro__ if is_base(base)), BaseStoreBackend)
    module: Any = inspect.getmodule(base)
    return module.TaskScope, module.AssetScope


def import_class(path: str) -> type:
    """A class by its dotted path.

    :raises BadBackend: if it cannot be imported, with Python's message.
    """
    module_name, _, name = path.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module_name), name)
    except Exception as error:  # an imported module may raise anything
        raise BadBackend(
            f"the backend {path!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(cls, type):
        raise BadBackend(f"{path} is not a class")
    return cls

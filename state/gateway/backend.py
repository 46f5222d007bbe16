"""The service's backend: how it is called, and which references it may resolve."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from ..backends.deadlines import Call, Calls, Overdue
from ..backends.hooks import Hooks
from ..errors import BackendFailed, BackendTimeout, ForeignReference, StateError, StoreError
from .locks import KeyLocks
from .place import Place

Result = TypeVar("Result")


@dataclass(frozen=True)
class Backend:
    """The service's backend, and how its calls are run.

    :param hooks: None where values stay in the database.
    :param timeout: seconds until a call is abandoned.
    :param place: of a built-in backend's objects; None for any other backend.
    """

    hooks: Hooks | None
    calls: Calls
    timeout: float
    locks: KeyLocks = field(default_factory=KeyLocks)
    place: Place | None = None

    @property
    def name(self) -> str:
        if self.hooks is None:
            return "metastore"
        return self.hooks.name

    def run(self, act: Callable[[Call[Result]], Result]) -> Result:
        """Run a function that calls the backend.

        :raises BackendTimeout: after the deadline.
        :raises BackendFailed: for whatever the backend raises; the gateway's own errors pass.
        :raises BackendBusy: if all threads are taken.
        """

        def wrap_errors(call: Call[Result]) -> Result:
            try:
                return act(call)
            except OwnError:
                raise
            except BaseException as error:
                raise BackendFailed(self.name, error, _row(call.row_changed)) from error

        try:
            return self.calls.run(wrap_errors, self.timeout)
        except Overdue as error:
            raise BackendTimeout(self.name, self.timeout, _row(error.row_changed)) from None
        except OwnError as error:
            raise error.error from None

    def hold_place(self, to_remove: bool = False) -> None:
        """Let the backend write and remove objects only in a place that no other database uses.

        :param to_remove: for a removal, which needs no room on the disk of the base.
        :raises Exception: whatever the backend's storage raises.
        :raises OwnError: with an error of the database.
        """
        if self.place is not None and self.hooks is not None:
            try:
                self.place.hold(self.hooks.backend, to_remove)
            except StoreError as error:
                raise OwnError(error) from error

    def owns(self, ref: str) -> bool:
        """Whether the backend itself claims a reference."""
        hooks = self.hooks
        return hooks is not None and hooks.has("owns_ref") and bool(hooks.backend.owns_ref(ref))

    def may_resolve(self, ref: str, vouched_by: Collection[str]) -> bool:
        """Whether this backend is known to have made a reference.

        Any client can store a reference, or name a backend in a header, so neither is evidence.

        :param vouched_by: the backends through which this service itself wrote it.
        """
        if self.hooks is None:
            return False
        reads_ref = getattr(self.hooks.backend, "reads_ref", self.owns)
        return self.name in vouched_by or bool(reads_ref(ref))

    def is_missing(self, ref: str, vouched_by: Collection[str]) -> bool:
        """Whether the backend reports that the object of a reference is missing.

        False for a backend that cannot check it.
        """
        hooks = self.hooks
        if hooks is None or not hooks.has("holds") or not self.may_resolve(ref, vouched_by):
            return False
        try:
            return not hooks.backend.holds(ref)
        except ForeignReference:  # the base has changed; the object may still exist at the old one
            return False


def _row(changed: bool) -> str:
    return "changed" if changed else "unchanged"


class OwnError(Exception):
    """Carries an error of the gateway itself through a call, apart from the backend's errors."""

    def __init__(self, error: StateError) -> None:
        super().__init__(str(error))
        self.error = error

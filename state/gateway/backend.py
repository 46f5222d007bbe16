"""The service's backend: how it is called, and which references it may resolve."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from ..backends.hooks import Hooks
from ..errors import BackendFailed, BackendTimeout, ForeignReference, StateError
from .deadlines import Call, Calls, Overdue

Result = TypeVar("Result")


@dataclass(frozen=True)
class Backend:
    """The service's backend, and how its calls are run.

    :param hooks: None where values stay in the database.
    :param timeout: seconds until a call is abandoned.
    """

    hooks: Hooks | None
    calls: Calls
    timeout: float

    @property
    def name(self) -> str:
        return self.hooks.name if self.hooks else "metastore"

    def run(self, act: Callable[[Call[Result]], Result]) -> Result:
        """Call something that calls the backend.

        :raises BackendTimeout: after the deadline.
        :raises BackendFailed: for whatever was raised; the gateway's own errors pass.
        :raises BackendBusy: if all threads are taken.
        """

        def noted(call: Call[Result]) -> Result:
            try:
                return act(call)
            except _Own:
                raise
            except BaseException as error:
                raise BackendFailed(self.name, error, _row(call.row_changed)) from error

        try:
            return self.calls.run(noted, self.timeout)
        except Overdue as error:
            raise BackendTimeout(self.name, self.timeout, _row(error.row_changed)) from None
        except _Own as error:
            raise error.error from None

    def owns(self, ref: str) -> bool:
        """Whether the backend itself says that it made a reference."""
        hooks = self.hooks
        return hooks is not None and hooks.has("owns_ref") and bool(hooks.backend.owns_ref(ref))

    def may_resolve(self, ref: str, vouched_by: Collection[str]) -> bool:
        """Whether this backend is known to have made a reference; anybody can store one, or claim it in a header.

        :param vouched_by: the backends with which this service itself made it.
        """
        return self.hooks is not None and (self.name in vouched_by or self.owns(ref))

    def is_gone(self, ref: str, vouched_by: Collection[str]) -> bool:
        """Whether the backend says that there is nothing behind a reference; one that cannot say so does not."""
        hooks = self.hooks
        if hooks is None or not hooks.has("holds") or not self.may_resolve(ref, vouched_by):
            return False
        try:
            return not hooks.backend.holds(ref)
        except ForeignReference:  # the base has moved; the object may be where it was
            return False


def _row(changed: bool) -> str:
    return "changed" if changed else "unchanged"


class _Own(Exception):
    """Carries an error of ours through a call, past what the backend raises."""

    def __init__(self, error: StateError) -> None:
        super().__init__(str(error))
        self.error = error

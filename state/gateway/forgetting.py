"""Forget released references whose objects are missing, in the background.

A worker removes the objects of what it replaces and deletes, and does not tell: without this the
ledger would grow with each write. An object that is still there, because its removal failed or
nobody tried, is an orphan, and stays in the ledger.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from ..errors import BackendFailed, BackendTimeout
from ..masking import masked
from ..store.namespace import Namespace
from ..store.store import Store
from ..store.tables import namespaces, references
from .backend import Backend
from .health import vouched_by

log = logging.getLogger("stateroom.gateway")
THREAD = "stateroom-forgetting"
_PAUSE = 60.0  # seconds from one look to the next
_RELEASED = timedelta(minutes=5)  # since its release, in which a worker removes the object
_CHECKED = timedelta(days=1)  # since its last check: an orphan may be removed by others
_CHUNK = 50  # references in one call of the backend


def start(store: Store, backend_of: Callable[[Namespace], Backend]) -> None:
    """Forget in a thread of its own, every minute until the store is closed.

    :param backend_of: returns the backend of a namespace.
    """
    threading.Thread(target=_run, args=(store, backend_of), name=THREAD, daemon=True).start()


def _run(store: Store, backend_of: Callable[[Namespace], Backend]) -> None:
    while not store.ending.wait(_PAUSE):
        with _logging_errors(store):
            for name in namespaces.names(store):
                with _logging_errors(store):  # one namespace does not keep the others
                    namespace = store.namespace(name)
                    forget_missing(namespace, backend_of(namespace))


@contextmanager
def _logging_errors(store: Store) -> Iterator[None]:
    """Log an error, such as that of a namespace that was dropped meanwhile: a minute later it is
    tried again.
    """
    try:
        yield
    except Exception as error:
        if not store.ending.is_set():
            log.warning("the ledger keeps its released references: %s", masked(str(error)))


def forget_missing(namespace: Namespace, backend: Backend) -> int:
    """Forget the references of a namespace that were released some minutes ago and whose objects
    are missing, in chunks; returns how many.

    It ends where the backend fails; the references of that chunk are looked for a day later.

    :raises BackendBusy: if all threads for its calls are taken.
    """
    if backend.hooks is None or not backend.hooks.has("holds"):
        return 0
    forgotten = 0
    after = 0
    while rows := references.to_check(namespace, after, _RELEASED, _CHECKED, _CHUNK):
        looked = _look_for(backend, rows)
        missing = [row["ref"] for row, is_missing in zip(rows, looked, strict=False) if is_missing]
        checked = rows[: len(looked)] or rows
        references.checked(namespace.database, [row["ref_id"] for row in checked], missing)
        if not looked:
            break
        after = checked[-1]["ref_id"]
        forgotten += len(missing)
    return forgotten


def _look_for(backend: Backend, rows: list[dict[str, Any]]) -> list[bool]:
    """Whether the objects of some references are missing: of the first ones, as many as there is
    time for; empty if the backend failed.
    """

    def look(call: Any) -> list[bool]:
        end = time.monotonic() + backend.timeout / 2
        looked = []
        for row in rows:
            looked.append(backend.is_missing(row["ref"], vouched_by(row)))
            if time.monotonic() > end:
                break
        return looked

    try:
        return backend.run(look)
    except (BackendFailed, BackendTimeout) as error:
        log.warning("released references were not looked for: %s", masked(str(error)))
        return []

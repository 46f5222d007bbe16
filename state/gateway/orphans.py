"""Find and remove orphans: objects that no row points at.

An object is removed only if it lies under this database's prefix or in the ledger, is old enough,
and no row in any namespace points at it when looked up again just before. All others are left, with
the reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from ..backends import layout
from ..backends.loading import BUILTIN
from ..errors import BackendFailed, BackendTimeout, ForeignReference
from ..model.clock import Clock
from ..model.reference_facts import Verdict
from ..store.namespace import Namespace
from ..store.tables import references
from ..store.tables.namespaces import DEFAULT, realms
from .backend import Backend

# seconds that the object of an unfinished write stays, whatever is asked
UNFINISHED_AGE = 15 * 60.0
# a reference, its object's size, when it was written according to the backend
Candidate = tuple[str, int | None, datetime | None]
_CHUNK = 200  # objects per backend call
_LISTING = 10  # timeouts of the backend until its list of objects must have ended
_WHY = {
    Verdict.REMOVABLE: "no key points at it",
    Verdict.REMOVED: "no key pointed at it",
    Verdict.TOO_YOUNG: "it is recent: its write may be under way",
    Verdict.UNKNOWN_OWNER: "it is not known to be this database's",
    Verdict.IN_USE: "a key points at it, or is about to",
    Verdict.NOT_SUPPORTED: "the backend cannot remove a single object",
}


@dataclass(frozen=True)
class Orphan:
    """An object that no row points at.

    :param size: in bytes; of the value's JSON text if the backend cannot list objects.
    :param written_at: the later one of the backend's moment and the ledger's.
    :param unfinished: whether its write was cut off, or is under way: the object is incomplete, or
        no row has ever pointed at it, as far as that is known.
    :param ours: whether it may be removed once it is old enough; otherwise its owner is unknown.
    """

    ref: str
    size: int | None
    written_at: datetime
    ours: bool
    unfinished: bool = False

    def verdict(self, older_than: float) -> Verdict:
        """Whether it may be removed, or why not.

        An unfinished one may belong to a writer at work: it is left for some minutes at least.

        :param older_than: its minimum age in seconds.
        """
        if not self.ours:
            return Verdict.UNKNOWN_OWNER
        if self.unfinished:
            older_than = max(older_than, UNFINISHED_AGE)
        if _is_older(self.written_at, older_than):
            return Verdict.REMOVABLE
        return Verdict.TOO_YOUNG


@dataclass(frozen=True)
class Decision:
    """What became of an orphan, or would.

    :param why: the reason, for people.
    """

    orphan: Orphan
    verdict: Verdict
    why: str

    @classmethod
    def of(cls, orphan: Orphan, verdict: Verdict) -> Decision:
        return cls(orphan, verdict, _WHY[verdict])


def orphans(namespace: Namespace, backend: Backend) -> Iterator[Orphan]:
    """Every object that no row points at: released ones in the ledger, and those the backend lists.

    :raises BackendError: as :meth:`~state.gateway.backend.Backend.run` says.
    :raises BackendTimeout: if listing them takes ten times the deadline of a call.
    """
    released = {row["ref"]: row["size"] for row in references.released(namespace)}
    hooks = backend.hooks
    # the backend's list first, because its moments are more reliable than the ledger's
    if hooks is not None and hooks.has("iter_refs"):
        objects = backend.run(lambda call: iter(hooks.backend.iter_refs()))
        for orphan in _in_chunks(namespace, backend, objects):
            released.pop(orphan.ref, None)
            yield orphan
    yield from _in_chunks(namespace, backend, ((ref, size, None) for ref, size in released.items()))


def _in_chunks(
    namespace: Namespace, backend: Backend, candidates: Iterator[Candidate]
) -> Iterator[Orphan]:
    """The orphans among some objects, listed in chunks, each with the deadline, and all with one.

    A backend that asks its storage for the same page again and again would list objects for good.
    """

    def act(call: Any) -> tuple[int, list[Orphan | None]]:
        chunk = list(islice(candidates, _CHUNK))
        return len(chunk), [_orphan(namespace, backend, *candidate) for candidate in chunk]

    deadline = _LISTING * backend.timeout
    seconds = 0.0  # without those that the caller takes
    count = 0
    while True:
        began = time.monotonic()
        length, chunk = backend.run(act)
        seconds += time.monotonic() - began
        count += length
        yield from (orphan for orphan in chunk if orphan is not None)
        if length < _CHUNK:
            return
        if seconds > deadline:
            raise BackendTimeout.of_list(backend.name, deadline, count)


def _orphan(
    namespace: Namespace, backend: Backend, ref: str, size: int | None, listed_at: datetime | None
) -> Orphan | None:
    """An object as an orphan; None if a row points at it, or if it is missing."""
    with namespace.database.reading() as db:
        origin = references.provenance(db, ref)
        if references.is_held(db, ref):
            return None
    if listed_at is None and backend.is_missing(ref, origin.vouched_by):
        references.forget(namespace.database, ref)
        return None
    moments = [moment for moment in (listed_at, origin.written_at) if moment is not None]
    if not moments:  # removed and forgotten meanwhile
        return None
    return Orphan(
        ref,
        size,
        max(moments),
        ours=_is_ours(namespace, backend, ref, origin),
        unfinished=_is_unfinished(backend, ref, origin),
    )


def _is_unfinished(backend: Backend, ref: str, origin: references.Provenance) -> bool:
    if layout.is_unfinished_ref(ref):
        return True
    has_unique_refs = backend.hooks is not None and backend.hooks.unique_refs
    # a reference by the value may be in the ledger since an earlier write, so that it tells nothing
    return has_unique_refs and origin.written_at is None


def _is_ours(
    namespace: Namespace, backend: Backend, ref: str, origin: references.Provenance
) -> bool:
    """Whether an object lies under this database's prefix, or in the ledger as this backend's.

    Any client can write any reference into the ledger, so a row counts only if this service made
    the reference or the backend confirms it. Built-in backends share a base with other databases,
    so for them the prefix is required too.
    """
    under_prefix = _is_under_prefix(namespace, ref)
    if backend.name in origin.vouched_by and (under_prefix or backend.name not in BUILTIN):
        return True
    if under_prefix and _is_of_a_dropped_namespace(namespace, backend, ref):
        return True
    claimed = backend.name in origin.backends and backend.name not in BUILTIN
    return (under_prefix or claimed) and backend.owns(ref)


def _is_under_prefix(namespace: Namespace, ref: str) -> bool:
    return f"/{namespace.database.identity.database_id}/" in ref


def _is_of_a_dropped_namespace(namespace: Namespace, backend: Backend, ref: str) -> bool:
    """Whether an object belongs to a namespace that was dropped; ``default`` inherits those."""
    if namespace.name != DEFAULT or backend.hooks is None or backend.name not in BUILTIN:
        return False
    try:
        realm = backend.hooks.backend.realm_of(ref)
    except ForeignReference:
        return False
    database = namespace.database
    own = database.identity.database_id
    return realm not in {layout.realm(f"{own}/{one}") for one in realms(database)}


def _is_older(moment: datetime, seconds: float) -> bool:
    # compare durations: the moment ``seconds`` ago may lie before the year 1
    return (Clock().now() - moment).total_seconds() >= seconds


def remove_orphans(
    namespace: Namespace, backend: Backend, older_than: float, limit: int
) -> dict[str, Any]:
    """Remove the objects that no row points at and that are ours and old enough.

    :param older_than: seconds.
    :param limit: most objects to remove now.
    :returns: ``removed`` and ``left``, a :class:`Decision` each, and ``more``: whether the limit
        was reached.
    """
    removed: list[Decision] = []
    left: list[Decision] = []
    more = False
    for orphan in orphans(namespace, backend):
        decision = Decision.of(orphan, orphan.verdict(older_than))
        if decision.verdict is Verdict.REMOVABLE:
            if len(removed) == limit:
                more = True
                break
            decision = _remove(namespace, backend, orphan, older_than)
        if decision.verdict is Verdict.REMOVED:
            removed.append(decision)
        else:
            left.append(decision)
    return {"removed": removed, "left": left, "more": more}


def _remove(namespace: Namespace, backend: Backend, orphan: Orphan, older_than: float) -> Decision:
    hooks = backend.hooks
    if hooks is None or not hooks.has("remove_ref"):
        return Decision.of(orphan, Verdict.NOT_SUPPORTED)

    def is_still_old(db: Any) -> bool:
        if backend.name in BUILTIN and not _is_under_prefix(namespace, orphan.ref):
            return False  # the place has become another database's
        written_at = references.provenance(db, orphan.ref).written_at
        return written_at is None or _is_older(written_at, older_than)

    def act(call: Any) -> bool:
        backend.hold_place(to_remove=True)
        return references.remove(
            namespace.database, orphan.ref, is_still_old, hooks.backend.remove_ref
        )

    try:
        removed = backend.run(act)
    except BackendFailed as error:
        return Decision(orphan, Verdict.FAILED, str(error))
    if removed:
        return Decision.of(orphan, Verdict.REMOVED)
    return Decision.of(orphan, Verdict.IN_USE)

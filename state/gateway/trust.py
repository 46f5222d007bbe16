"""Which stored references the service's backend may resolve, and which objects it may remove.

Any client can store a reference, or name a backend in a header, so that neither is evidence: a task
could store another's reference under its own key, and read its value.
"""

from __future__ import annotations

from collections.abc import Collection

from ..backends.loading import BUILTIN
from ..errors import ForeignReference
from ..store.namespace import Namespace
from ..store.tables import references, scopes
from .backend import Backend


def may_resolve(
    namespace: Namespace,
    backend: Backend,
    scope_id: int | None,
    ref: str,
    vouched_by: Collection[str],
) -> bool:
    """Whether this backend is known to have made a reference for the scope whose row holds it.

    :param scope_id: None for one that only a snapshot holds, which no task can read.
    :param vouched_by: the backends through which this service itself wrote it there.
    """
    if not backend.may_resolve(ref, vouched_by):
        return False
    if backend.name in vouched_by or scope_id is None:
        return True
    assert backend.hooks is not None
    belongs_to = getattr(backend.hooks.backend, "belongs_to", None)
    if belongs_to is None:
        return not references.is_vouched_elsewhere(namespace.database, ref, scope_id)
    try:
        return any(belongs_to(scope, ref) for scope in scopes.spellings(namespace, scope_id))
    except ForeignReference:
        return False


def may_remove(backend: Backend, ref: str, vouched_by: Collection[str]) -> bool:
    """Whether an object is this database's to remove.

    Those of a built-in backend are if they lie under its id, which a copy of the database does not
    share; others if this service wrote them.

    :param vouched_by: the backends through which it did.
    """
    if backend.name in BUILTIN:
        return backend.owns(ref)
    return backend.owns(ref) or backend.name in vouched_by

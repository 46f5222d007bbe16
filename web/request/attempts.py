"""Which attempts may change anything (Airflow 3.4)."""

from __future__ import annotations

from flask import g, request

from state.model.scopes import AssetStateStoreWriterKind
from state.store.tables.task_instances import admit

from ..operation import current_operation
from . import version


def admit_attempt() -> None:
    """Refuse what is no read to a caller that is no current attempt, where Airflow does so first.

    A caller without a token, where none is needed, is no attempt.

    :raises TaskInstanceArchived: to a former attempt.
    :raises TaskInstanceNotFound: to any other.
    """
    if request.method in ("GET", "HEAD") or not version.is_admitted_first():
        return
    operation = current_operation()
    if operation is None or operation.knows_attempts:
        return
    if g.writer.kind is not AssetStateStoreWriterKind.API:
        admit(g.namespace, g.writer.ti_id)

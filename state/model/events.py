"""What the journal's events mean, on either side of the wire: their operations, what changed a key,
lost updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

SET_VARIABLE = "set_variable"
DELETE_VARIABLE = "delete_variable"
CALLS = ("get", "set", "delete", "clear", "list")
# what tasks do beside: reads, and what their workers tell of them
TASK_CALLS = (
    *("get_variable", "list_variables", "get_connection", "get_asset", "list_asset_events"),
    *("set_rendered_fields", "set_rendered_map_index", "set_run_note", "heartbeat"),
)
XCOM_CALLS = ("get_xcom", "list_xcoms", "set_xcom", "delete_xcom")
OPS = (
    *CALLS,
    *("state", "create", "clean", "reset", "fixture", "snapshot", "restore", "clock", "fault"),
    *("remove", "drop", SET_VARIABLE, DELETE_VARIABLE),
    *XCOM_CALLS,
    *TASK_CALLS,
)
# the operations whose names are not the words for them
VERBS = {
    "get_xcom": "get XCom",
    "list_xcoms": "list XComs",
    "set_xcom": "set XCom",
    "delete_xcom": "delete XCom",
    **{op: op.replace("_", " ") for op in (SET_VARIABLE, DELETE_VARIABLE, *TASK_CALLS)},
}

# why a call had no effect, in addition to its status
UNCHANGED = "unchanged"  # a delete of a key that does not exist
KEY_NOT_FOUND = "key_not_found"  # a read of a key that does not exist
CLOSED = "closed"  # a fault closed the connection, of a call before it took effect


_APIS = {
    "execution": "the Execution API",
    "core": "the Core API",
    "gateway": "the gateway",
    "control": "the Control API",
    "page": "the web pages",
}


def actor_name(kind: str, api: str | None = None, try_number: int | None = None) -> str:
    """An actor as every text names it: ``attempt 2``, ``a watcher``, ``the web pages``.

    :param kind: of the writer, or as :func:`actor_kind` returns it.
    :param api: of the call; None where it is unknown.
    :param try_number: of the attempt; None for another kind of actor, or for an unknown attempt.
    """
    if kind == "task" and try_number is not None:
        return f"attempt {try_number}"
    if kind in ("task", "watcher"):
        return f"a {kind}"
    return _APIS.get(api or "", "the API")


def actor_kind(kind: str, api: str) -> str:
    """The kind of an actor as it is sent; the gateway and Stateroom itself are told from the API.

    :param kind: of the writer.
    :param api: of the call.
    """
    if kind != "api":
        return kind
    return {"gateway": "gateway", "control": "stateroom"}.get(api, "api")


class Step(NamedTuple):
    """An event of a key, as far as lost updates depend on it.

    :param entry: identifies the key of a scope; any hashable value.
    :param ti_id: the attempt's id, or None.
    :param actor_kind: as :class:`~state.client.events.Event` has it in ``by``.
    :param outcome: :data:`UNCHANGED`, :data:`KEY_NOT_FOUND` or :data:`CLOSED`; None if the call
        took effect.
    :param saw: for reads, the number of the write whose value was read.
    """

    seq: int
    entry: object
    op: str
    ti_id: str | None
    actor_kind: str
    status: int | None
    outcome: str | None
    saw: int | None

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Step:
        """The step of a row of the journal: ``seq``, ``op``, ``ti_id``, ``actor``, ``api``,
        ``status``, ``outcome`` and ``saw``.
        """
        seq, op, ti_id, actor, api, status, outcome, saw = row
        return cls(seq, None, op, ti_id, actor_kind(actor, api), status, outcome, saw)

    @property
    def has_looked(self) -> bool:
        """Whether an attempt read the key or was told that it does not exist; a refused read does
        not count.
        """
        if self.op != "get" or self.ti_id is None:
            return False
        return self.status == 200 or self.outcome == KEY_NOT_FOUND

    @property
    def changed(self) -> bool:
        """Whether it changed its key; a refused call, or a delete of no key, did not."""
        took_effect = (self.status or 200) < 400 and self.outcome is None
        return took_effect and self.op in ("set", "delete")


class Lost(NamedTuple):
    """A change that another attempt overwrote without having seen it, as numbers of events.

    :param read: the last read of the other attempt before.
    :param change: the change that is lost.
    :param write: the write of the other attempt, which overwrote it.
    """

    read: int
    change: int
    write: int


def lost_updates(steps: Iterable[Step]) -> list[Lost]:
    """Find the writes over changes that their attempts had not seen, though they had read the key.

    An attempt that never read the key loses nothing, and Stateroom's own changes cannot be lost.

    :param steps: in order.
    """
    lost: list[Lost] = []
    # of an attempt and an entry: the numbers of its last read, and of the last event it has seen
    knowledge: dict[tuple[object, str | None], tuple[int, int]] = {}
    changes: dict[object, Step] = {}  # the last change of each entry
    for step in steps:
        attempt = (step.entry, step.ti_id)
        if step.has_looked:
            knowledge[attempt] = (step.seq, step.saw or step.seq)
        elif step.changed:
            change = changes.get(step.entry)
            changes[step.entry] = step
            if attempt not in knowledge:
                continue
            read, seen = knowledge[attempt]
            knowledge[attempt] = (read, step.seq)
            if change is None or change.seq <= seen:
                continue
            if change.ti_id != step.ti_id and change.actor_kind != "stateroom":
                lost.append(Lost(read, change.seq, step.seq))
    return lost

"""What the journal's events mean, on either side of the wire: their operations, what changed a key,
lost updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

CALLS = ("get", "set", "delete", "clear", "list")
OPS = (
    *CALLS,
    "state",
    "create",
    "clean",
    "reset",
    "fixture",
    "snapshot",
    "restore",
    "clock",
    "fault",
    "drop",
)


# why a call had no effect, beyond what its status tells
UNCHANGED = "unchanged"  # a delete of a key that does not exist
KEY_NOT_FOUND = "key_not_found"  # a read of a key that does not exist
CLOSED = "closed"  # a fault closed the connection, of a call before it took effect


class Step(NamedTuple):
    """What an event says of a key.

    :param place: which key, of whom; anything that compares.
    :param ti_id: the attempt's, or None.
    :param by: the kind of the actor.
    :param outcome: :data:`UNCHANGED`, :data:`KEY_NOT_FOUND` or :data:`CLOSED`; None if the call
        took effect.
    :param saw: for reads, the number of the write whose value was read.
    """

    seq: int
    place: object
    op: str
    ti_id: str | None
    by: str
    status: int | None
    outcome: str | None
    saw: int | None

    @property
    def has_looked(self) -> bool:
        """Whether it tells an attempt what the key is, also that it is not there; a refused read
        does not.
        """
        return (
            self.op == "get"
            and self.ti_id is not None
            and (self.status == 200 or self._found_nothing)
        )

    @property
    def _found_nothing(self) -> bool:
        return self.outcome == KEY_NOT_FOUND

    @property
    def changed(self) -> bool:
        """Whether it changed its key: a refused call, or a delete of no key, did not."""
        took_effect = (self.status or 200) < 400 and self.outcome is None
        return took_effect and self.op in ("set", "delete")


class Lost(NamedTuple):
    """A change that another attempt overwrote without having seen it, by number.

    :param read: what the other attempt had looked at before.
    :param change: what is lost.
    :param write: what overwrote it.
    """

    read: int
    change: int
    write: int


def lost_updates(steps: Iterable[Step]) -> list[Lost]:
    """Look through events in their order for writes over what their attempts had not seen, though
    they had looked.

    An attempt that never looked loses nothing, and Stateroom itself is nobody whose change could be
    lost.
    """
    found: list[Lost] = []
    known: dict[
        tuple[object, str | None], tuple[int, int]
    ] = {}  # of an attempt: its last read, up to what it knows
    last: dict[object, Step] = {}
    for step in steps:
        who = step.place, step.ti_id
        if step.has_looked:
            known[who] = step.seq, step.saw or step.seq
        elif step.changed:
            before, (read, seen) = last.get(step.place), known.get(who, (0, step.seq))
            is_others = (
                before is not None and before.ti_id != step.ti_id and before.by != "stateroom"
            )
            if before is not None and is_others and seen < before.seq:
                found.append(Lost(read, before.seq, step.seq))
            last[step.place] = step
            if who in known:
                known[who] = read, step.seq
    return found

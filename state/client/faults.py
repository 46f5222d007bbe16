"""The faults of a namespace, over the Control API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from ..model import faults as rules
from ..model.scopes import SCOPE_MEMBERS
from ..terminal import columns
from ..words import unknown
from .http import StateroomClient

PATH = "/_stateroom/faults"
_CALLS = ("op", "key", "scope")  # which calls a fault matches
# when it fires, and its effects
_FACTS = tuple(field.name for field in fields(rules.Fault) if field.name not in _CALLS)


class Fault:
    """A fault of a namespace; as a context manager, it is removed at the end of the block.

    :param facts: the fault as JSON of the Control API.
    """

    def __init__(self, faults: Faults, facts: dict[str, Any]) -> None:
        self._faults = faults
        self.facts = facts

    @property
    def id(self) -> Any:
        return self.facts["id"]

    @property
    def fired(self) -> int:
        """The number of calls on which it has fired."""
        return int(self._current()["fired"])

    @property
    def matched(self) -> int:
        """The number of calls that it has matched."""
        return int(self._current()["matched"])

    def _current(self) -> dict[str, Any]:
        """The fault as it is now; after its removal, as it was when it was added."""
        for fault in self._faults:
            if fault.id == self.id:
                return fault.facts
        return self.facts

    def remove(self) -> None:
        self._faults.remove(self.id)

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<fault {_description(self.facts)}>"


class Faults:
    """The faults of a namespace; iterating them gets their current counts.

    :param client: a client of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def add(self, op: str = "any", key: str | None = None, **facts: Any) -> Fault:
        """Add a fault, which makes matching calls fail.

        :param op: ``get``, ``set``, ``delete``, ``clear`` or ``any``.
        :param key: a pattern such as ``job_*``; None for every key.
        :param facts: the condition: ``nth=2``, ``times=3`` or ``probability=0.1, seed=7``; none of
            them for every call. The failure: ``status=503`` (with ``after=True``, after the call
            has taken effect), ``latency=0.5`` or ``latency=(0.1, 0.5)`` in seconds,
            ``close="before"`` or ``"after"``, ``truncate=True``, ``backend="missing"``. The scope:
            patterns for ``dag_id``, ``run_id``, ``task_id``, ``map_index``, ``asset``.
        :raises TypeError: for an unknown member.
        :raises ValueError: for an unknown operation.
        :raises ServiceError: for an invalid fault.
        """
        members = {*SCOPE_MEMBERS, *_FACTS}
        for name in sorted(set(facts) - members):
            raise TypeError(unknown("member of a fault", name, sorted(members)))
        if op not in rules.OPS:
            raise ValueError(unknown("operation", op, rules.OPS))
        fault: dict[str, Any] = {"op": op}
        if key is not None:
            fault["key"] = key
        scope = {name: facts.pop(name) for name in SCOPE_MEMBERS if name in facts}
        if scope:
            fault["scope"] = scope
        fault.update(facts)
        return Fault(self, self._client.call("POST", PATH, json=fault).json())

    def __iter__(self) -> Iterator[Fault]:
        rows = self._client.call("GET", PATH).json()["faults"]
        return iter([Fault(self, row) for row in rows])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def remove(self, fault_id: Any) -> None:
        """Remove one fault.

        :raises NotFound: if there is no fault with this id.
        """
        self._client.call("DELETE", f"{PATH}/{fault_id}")

    def clear(self) -> None:
        """Remove all faults."""
        self._client.call("DELETE", PATH)

    def __repr__(self) -> str:
        rows = [(_description(fault.facts), f"fired {fault.facts['fired']}") for fault in self]
        return columns(rows) or "<no faults>"


def _description(facts: dict[str, Any]) -> str:
    words = [facts["op"]]
    if facts.get("key"):
        words.append(facts["key"])
    words += [f"{name}={pattern}" for name, pattern in (facts.get("scope") or {}).items()]
    for name in _FACTS:
        if facts.get(name) is not None:
            words.append(f"{name}={facts[name]!r}")
    return " ".join(words)

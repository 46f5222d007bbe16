"""The faults of a namespace, from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..terminal import columns
from .http import StateroomClient

PATH = "/_stateroom/faults"
_PLACE = ("dag_id", "run_id", "task_id", "map_index", "asset")
_WHAT = ("status", "after", "latency", "close", "truncate", "backend")
_WHEN = ("nth", "times", "probability", "seed")


class Fault:
    """A fault that is set; as a context it goes at the end of the block.

    :param facts: as the service tells them.
    """

    def __init__(self, faults: Faults, facts: dict[str, Any]) -> None:
        self._faults, self.facts = faults, facts

    @property
    def id(self) -> Any:
        return self.facts["id"]

    @property
    def fired(self) -> int:
        """How often it has struck until now."""
        return int(self._now()["fired"])

    @property
    def matched(self) -> int:
        """How many calls it could have struck until now."""
        return int(self._now()["matched"])

    def _now(self) -> dict[str, Any]:
        return next((one.facts for one in self._faults if one.id == self.id), self.facts)

    def remove(self) -> None:
        self._faults.remove(self.id)

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<fault {' '.join(_words(self.facts))}>"


class Faults:
    """What goes wrong in a namespace, and when; nothing unless something is added.

    :param client: of the namespace.
    """

    def __init__(self, client: StateroomClient) -> None:
        self._client = client

    def add(self, op: str = "any", key: str | None = None, **facts: Any) -> Fault:
        """Let calls fail from now on.

        :param op: ``get``, ``set``, ``delete``, ``clear`` or ``any``.
        :param key: a pattern, ``job_*``; every key without it.
        :param facts: when: ``nth=2``, ``times=3``, ``probability=0.1, seed=7``, or always; what:
            ``status=503`` (with ``after=True`` once the write took effect), ``latency=0.5`` or
            ``latency=(0.1, 0.5)``, ``close="before"`` or ``"after"``, ``truncate=True``,
            ``backend="missing"``; where: patterns for ``dag_id``, ``run_id``, ``task_id``,
            ``map_index``, ``asset``.
        :raises TypeError: for a name that no fault has.
        """
        known = {*_PLACE, *_WHAT, *_WHEN}
        if unknown := sorted(set(facts) - known):
            raise TypeError(
                f"no fault has {', '.join(unknown)}; there are {', '.join(sorted(known))}"
            )
        scope = {name: facts.pop(name) for name in _PLACE if name in facts}
        fault = {
            "op": op,
            **({"key": key} if key is not None else {}),
            **({"scope": scope} if scope else {}),
            **facts,
        }
        return Fault(self, self._client.call("POST", PATH, json=fault).json())

    def __iter__(self) -> Iterator[Fault]:
        return iter(
            [Fault(self, facts) for facts in self._client.call("GET", PATH).json()["faults"]]
        )

    def __len__(self) -> int:
        return len(list(iter(self)))

    def remove(self, fault_id: Any) -> None:
        self._client.call("DELETE", f"{PATH}/{fault_id}")

    def clear(self) -> None:
        """Let everything work again."""
        self._client.call("DELETE", PATH)

    def __repr__(self) -> str:
        rows = [(*_words(one.facts), f"fired {one.facts['fired']}") for one in self]
        return columns([(" ".join(row[:-1]), row[-1]) for row in rows]) or "<no faults>"


def _words(facts: dict[str, Any]) -> list[str]:
    place = [f"{name}={value}" for name, value in (facts.get("scope") or {}).items()]
    given = [f"{name}={facts[name]!r}" for name in (*_WHAT, *_WHEN) if facts.get(name) is not None]
    return [facts["op"], *([facts["key"]] if facts.get("key") else []), *place, *given]

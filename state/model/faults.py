"""Faults: which calls a fault matches, on which of them it fires, and its effects.

A fault is data, and its decisions are pure: ``store/faults.py`` counts the calls and passes the
count, so that the same calls always meet the same faults.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

OPS = ("get", "set", "delete", "clear", "any")
MOMENTS = ("before", "after")
BACKEND = ("missing", "corrupt", "slow", "refused")
LONGEST = 600.0  # seconds of a delay
SLOW = 1.0  # seconds that a slow backend takes by default
_COUNTED = ("id", "matched", "fired")  # what a list adds to a fault
_READING = ("missing", "corrupt")  # only a read can meet these


@dataclass(frozen=True)
class Call:
    """What a fault is matched against.

    :param op: ``get``, ``set``, ``delete``, ``clear`` or ``list``.
    :param scope: the coordinates of a task instance, or ``asset``; empty if it is unknown.
    :param key: None for calls on a whole scope.
    """

    op: str
    scope: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class Fault:
    """One fault: which calls it matches, on which of them it fires, and its effects.

    It fires on every call that it matches, unless ``nth``, ``times`` or ``probability`` is given.

    :param scope: patterns (``*``, ``?``, ``[…]``) for members of the scope; all of them have to
        match.
    :param key: a pattern for the key; with it, calls on a whole scope do not match.
    :param nth: fire on this call only, counted from 1.
    :param times: fire on that many calls, the first ones.
    :param probability: fire on each call with this probability; ``seed`` decides on which.
    :param status: the status that is answered instead; with ``after`` the call takes effect first.
    :param latency: seconds, or the two ends of a range to draw from.
    :param close: close the connection ``before`` or ``after`` the call takes effect, without an
        answer.
    :param truncate: send half of the answer's body, then close the connection.
    :param backend: one of :data:`BACKEND`, for calls of a state backend.
    :raises ValueError: for members that contradict each other or have no effect.
    """

    op: str = "any"
    scope: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    nth: int | None = None
    times: int | None = None
    probability: float | None = None
    seed: int = 0
    status: int | None = None
    after: bool = False
    latency: float | tuple[float, float] | None = None
    close: str | None = None
    truncate: bool = False
    backend: str | None = None

    def __post_init__(self) -> None:
        _check_when(self)
        _check_what(self)
        _check_backend(self)
        if "asset" in self.scope and len(self.scope) > 1:
            raise ValueError("scope names a task instance or an asset, not both")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Fault:
        """Read what :meth:`to_json` wrote, or what a caller sent."""
        members = dict(document)
        if isinstance(members.get("latency"), list):
            members["latency"] = tuple(members["latency"])
        return cls(**members)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Fault:
        """Read a fault as it is listed: with its id, and how often it matched and fired."""
        return cls.from_json({name: row[name] for name in row if name not in _COUNTED})

    def to_json(self) -> dict[str, Any]:
        """Its members, without those that have no effect."""
        members = {
            name: value
            for name, value in asdict(self).items()
            if value is not None and value is not False
        }
        if not self.scope:
            del members["scope"]
        if self.seed == 0 and self.probability is None:
            del members["seed"]
        if isinstance(self.latency, tuple):
            members["latency"] = list(self.latency)
        return members

    @property
    def answers(self) -> bool:
        """Whether it decides the answer; one that does not only delays."""
        return bool(self.status or self.close or self.truncate or self.backend)

    def matches(self, call: Call) -> bool:
        """Whether it is for a call, whatever its count."""
        if self.op not in ("any", call.op) or (self.backend in _READING and call.op != "get"):
            return False
        if self.key is not None and (call.key is None or not fnmatchcase(call.key, self.key)):
            return False
        return all(
            name in call.scope and fnmatchcase(str(call.scope[name]), pattern)
            for name, pattern in self.scope.items()
        )

    def fires(self, count: int) -> bool:
        """Whether it fires on a call, by its number among those that it matches, from 1."""
        if self.nth is not None:
            return count == self.nth
        if self.times is not None:
            return count <= self.times
        return self.probability is None or _draw(self.seed, count, "fires") < self.probability

    def delay(self, count: int) -> float:
        """Seconds that the call of this number waits; random ones depend on the seed only."""
        if isinstance(self.latency, tuple):
            low, high = self.latency
            return low + (high - low) * _draw(self.seed, count, "latency")
        if self.latency is None:
            return SLOW if self.backend == "slow" else 0.0
        return self.latency

    def __str__(self) -> str:
        return f"{self._frequency()}, on {self._calls()}: {self._effects()}"

    def _frequency(self) -> str:
        if self.nth is not None:
            return f"call {self.nth} only"
        if self.times == 1:
            return "once"
        if self.times is not None:
            return f"the first {self.times} times"
        if self.probability is not None:
            return f"with probability {self.probability:g}"
        return "always"

    def _calls(self) -> str:
        words = [f"{name}={pattern}" for name, pattern in self.scope.items()]
        if self.key is not None:
            words.insert(0, self.key)
        calls = "any call" if self.op == "any" else self.op
        if words:
            calls += f" of {' '.join(words)}"
        return calls

    def _effects(self) -> str:
        effects = []
        if isinstance(self.latency, tuple):
            low, high = self.latency
            effects.append(f"wait {low:g} to {high:g} s")
        elif self.latency is not None:
            effects.append(f"wait {self.latency:g} s")
        if self.status and self.after:
            effects.append(f"answer {self.status} after the call takes effect")
        elif self.status:
            effects.append(f"answer {self.status}")
        if self.close:
            effects.append(f"close the connection {self.close} the call takes effect")
        if self.truncate:
            effects.append("truncate the answer")
        if self.backend:
            effects.append(f"backend {self.backend}")
        return ", ".join(effects)


def _draw(seed: int, count: int, what: str) -> float:
    # of the count rather than of a generator's state, so that a restart changes nothing
    return random.Random(f"{seed}:{count}:{what}").random()


def _check_when(fault: Fault) -> None:
    conditions = [
        name for name in ("nth", "times", "probability") if getattr(fault, name) is not None
    ]
    if len(conditions) > 1:
        raise ValueError(f"{' and '.join(conditions)} exclude each other")


def _check_what(fault: Fault) -> None:
    if not fault.answers and fault.latency is None:
        raise ValueError("name an effect: status, latency, close, truncate or backend")
    decided = [name for name in ("status", "close", "backend") if getattr(fault, name)]
    if len(decided) > 1:
        raise ValueError(f"{' and '.join(decided)} exclude each other")
    if fault.truncate and (fault.close or fault.backend):
        raise ValueError(f"truncate and {decided[0]} exclude each other")
    if fault.after and not fault.status:
        raise ValueError("after needs a status")
    if isinstance(fault.latency, tuple) and fault.latency[0] > fault.latency[1]:
        raise ValueError("latency is [low, high]: the first is greater than the second")


def _check_backend(fault: Fault) -> None:
    if fault.backend in _READING and fault.op not in ("get", "any"):
        raise ValueError(f"backend {fault.backend} is for a get only")
    if fault.backend and fault.backend != "slow" and fault.latency is not None:
        raise ValueError(f"latency is allowed with backend slow, not with {fault.backend}")

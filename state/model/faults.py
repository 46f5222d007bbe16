"""Faults on purpose: which calls a fault is for, on which of them it fires, and what happens then.

Nothing here knows HTTP or the database: a fault is data, its decisions are pure. Whoever counts its
calls (``store/faults.py``) hands the count in, so that the same calls always meet the same faults.
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
SLOW = 1.0  # seconds that a slow backend takes, unless the fault says
_READING = ("missing", "corrupt")  # what only a read can meet
_TASK = ("dag_id", "run_id", "task_id", "map_index")


@dataclass(frozen=True)
class Call:
    """What a fault is matched against.

    :param op: ``get``, ``set``, ``delete``, ``clear`` or ``list``.
    :param scope: coordinates of a task instance, or ``asset``, as far as they are known.
    :param key: None for calls on a whole scope.
    """

    op: str
    scope: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class Fault:
    """One fault: what it is for, when it fires (always, unless one of the three is given), what
    happens.

    :param scope: patterns (``*``, ``?``, ``[…]``) for members of the scope; all of them have to
        fit.
    :param key: a pattern for the key; with it, calls on a whole scope do not fit.
    :param nth: on this call only, counted from 1.
    :param times: on the first calls.
    :param probability: on each call with this chance; ``seed`` settles on which.
    :param status: answered instead; with ``after`` the call takes effect first.
    :param latency: seconds, or two of them to draw from between.
    :param close: the connection is closed ``before`` or ``after`` the call took effect, without any
        answer.
    :param truncate: half of the answer's body is sent, then the connection is closed.
    :param backend: what a state backend does wrong, where one is called.
    :raises ValueError: for what contradicts itself, or does nothing.
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
        latency = document.get("latency")
        return cls(
            **{**document, "latency": tuple(latency) if isinstance(latency, list) else latency}
        )

    def to_json(self) -> dict[str, Any]:
        """Its members, but for those that say nothing."""
        members = {
            name: value
            for name, value in asdict(self).items()
            if value is not None and value is not False
        }
        for name, says in (
            ("scope", bool(self.scope)),
            ("seed", self.seed != 0 or self.probability is not None),
        ):
            if not says:
                del members[name]
        if isinstance(self.latency, tuple):
            members["latency"] = list(self.latency)
        return members

    @property
    def answers(self) -> bool:
        """Whether it decides the answer; one that does not only delays."""
        return bool(self.status or self.close or self.truncate or self.backend)

    def fits(self, call: Call) -> bool:
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
        """Whether it fires on a call, by its number among those that it fits, from 1."""
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
        return f"{self._when()} {self._whose()}: {self._what()}"

    def _when(self) -> str:
        if self.nth is not None:
            return f"call {self.nth} of"
        if self.times is not None:
            return f"the first {self.times} of"
        if self.probability is not None:
            return f"{self.probability:g} of"
        return "every"

    def _whose(self) -> str:
        words = [self.op]
        if self.key is not None:
            words.append(self.key)
        words += [f"{name}={pattern}" for name, pattern in self.scope.items()]
        return " ".join(words)

    def _what(self) -> str:
        effects = []
        if isinstance(self.latency, tuple):
            low, high = self.latency
            effects.append(f"wait {low:g} to {high:g} s")
        elif self.latency is not None:
            effects.append(f"wait {self.latency:g} s")
        if self.status:
            after = " after it took effect" if self.after else ""
            effects.append(f"answer {self.status}{after}")
        if self.close:
            effects.append(f"close {self.close} it takes effect")
        if self.truncate:
            effects.append("truncate")
        if self.backend:
            effects.append(f"backend {self.backend}")
        return ", ".join(effects)


def _draw(seed: int, count: int, what: str) -> float:
    # of the count rather than of a generator's state, so that a restart changes nothing
    return random.Random(f"{seed}:{count}:{what}").random()


def _check_when(fault: Fault) -> None:
    given = [name for name in ("nth", "times", "probability") if getattr(fault, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} exclude each other")


def _check_what(fault: Fault) -> None:
    if not fault.answers and fault.latency is None:
        raise ValueError("say what happens: status, latency, close, truncate or backend")
    decided = [name for name in ("status", "close", "backend") if getattr(fault, name)]
    if len(decided) > 1:
        raise ValueError(f"{' and '.join(decided)} exclude each other")
    if fault.truncate and (fault.close or fault.backend):
        raise ValueError(f"truncate and {decided[0]} exclude each other")
    if fault.after and not fault.status:
        raise ValueError("after goes with status")
    if isinstance(fault.latency, tuple) and fault.latency[0] > fault.latency[1]:
        raise ValueError("latency is [low, high]: the first is greater than the second")


def _check_backend(fault: Fault) -> None:
    if fault.backend in _READING and fault.op not in ("get", "any"):
        raise ValueError(f"a backend's object is {fault.backend} for a get only")
    if fault.backend and fault.backend != "slow" and fault.latency is not None:
        raise ValueError(f"latency goes with the backend's slow, not with {fault.backend}")

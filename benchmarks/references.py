"""What references cost, beside doing the same by hand: ``python -m benchmarks.references``.

The two sides of a comparison take turns, so that what else the machine does hits both alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import requests

from state.backends.base import BaseStoreBackend
from state.backends.files import FileBackend
from state.backends.hooks import Hooks
from state.backends.loading import load
from state.client.http import StateroomClient
from state.model.scopes import TaskScope
from state.model.values import Encoded
from state.process import ServerProcess
from state.store import keyspaces
from state.store.store import Store
from state.store.tables import task_instances
from state.worker.accessors import TaskStateStoreAccessor

from .support.verdict import verdict

SCOPE = TaskScope("bench", "run", "task")
SMALL = {"job": "j-123", "n": 1}
MIB = 2**20
GOALS = {
    "over HTTP": 1.15,
    "in one process": 20.0,
    "file set": 2.5,
    "peak": 2.2,
}  # ratio, µs, ratio, ratio


class Free(BaseStoreBackend):
    """A backend that costs nothing, so that what is left is the accessor and the envelope."""

    def serialize_task_state_store_to_ref(self, *, value: Any, key: str, scope: TaskScope) -> str:
        return "free://bucket/bench"

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        return SMALL

    def delete(self, scope: Any, key: str, *, session: Any = None) -> None: ...

    def clear(self, scope: Any, *, all_map_indices: bool = False, session: Any = None) -> None: ...


class Pair(NamedTuple):
    """A call by hand and ours: medians in µs, and medians of each round's ratio and difference."""

    bare: float
    ours: float
    ratio: float
    more: float


def in_turns(rounds: int, bare: Callable[[], object], ours: Callable[[], object]) -> Pair:
    """Call both in turn and compare each round, because the machine's speed varies."""
    seen = [(_timed(bare), _timed(ours)) for _ in range(rounds)]
    columns = zip(*((one, other, other / one, other - one) for one, other in seen), strict=True)
    return Pair(*(statistics.median(column) for column in columns))


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1e6


def in_one_process(rounds: int = 3000) -> dict[str, Pair]:
    """A call of the store, bare and through an accessor, in µs."""
    namespace = Store(":memory:").namespace()
    ti_id = task_instances.create_task_instance(namespace, SCOPE)["id"]
    rows = keyspaces.task_instance(namespace, ti_id)
    expiry = namespace.clock.now()
    seen: dict[str, Pair] = {}
    for name, hooks in (("plain", None), ("reference", Hooks(Free(), "free"))):
        accessor = TaskStateStoreAccessor(rows, SCOPE, hooks, ti_id)
        accessor.set(name, SMALL)
        stored, facts = rows.fetch(name)
        sets = in_turns(
            rounds,
            partial(rows.set, name, stored, expiry, facts),
            partial(accessor.set, name, SMALL),
        )
        gets = in_turns(rounds, partial(rows.fetch, name), partial(accessor.get, name))
        seen |= {f"set, {name}": sets, f"get, {name}": gets}
    return seen


def over_http(rounds: int = 1000) -> dict[str, Pair]:
    """A call of the route, by bare requests and through accessor, envelope and client, in µs."""
    with ServerProcess(["--db", ":memory:"]) as server, requests.Session() as session:
        client = StateroomClient(server.url)
        task_instance = client.call(
            "POST", "/_stateroom/task-instances", json={"dag_id": "bench", "task_id": "task"}
        ).json()
        rows = client.task(task_instance["id"])
        url = f"{server.url}/execution/store/ti/{task_instance['id']}/bench"
        accessor = TaskStateStoreAccessor(rows, SCOPE, Hooks(Free(), "free"), task_instance["id"])
        accessor.set("bench", SMALL)
        body = {"value": rows.get("bench"), "expires_at": "2030-01-01T00:00:00.000000Z"}
        session.trust_env = False  # as the client's
        sets = in_turns(
            rounds,
            lambda: session.put(url, json=body, timeout=9),
            lambda: accessor.set("bench", SMALL),
        )
        gets = in_turns(
            rounds, lambda: session.get(url, timeout=9).json(), lambda: accessor.get("bench")
        )
    return {"set, reference": sets, "get, reference": gets}


def file_set(folder: Path, rounds: int = 500) -> dict[str, Pair]:
    """1 KiB written, synced and renamed by hand, and by the file backend, in µs."""
    backend = FileBackend(folder / "base")
    number = iter(range(10**9))

    def by_hand() -> None:
        name = f"{folder}/{next(number)}"
        descriptor = os.open(f"{name}~", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        os.write(descriptor, b"x" * 1024)
        os.fsync(descriptor)
        os.close(descriptor)
        os.rename(f"{name}~", name)

    def value() -> Encoded:
        return Encoded.of(str(next(number)).rjust(1022, "x"))

    overwrites = in_turns(rounds, by_hand, lambda: backend.write(SCOPE, "key", value()))
    new_keys = in_turns(
        rounds, by_hand, lambda: backend.write(SCOPE, f"key-{next(number)}", value())
    )
    return {"overwrite": overwrites, "new key": new_keys}


def peaks(folder: Path, size: int = 64 * MIB) -> dict[str, float]:
    """The most memory while a large value is set and got, in encoded sizes.

    What set adds to the value, which the caller has already; the value that get returns counts.
    """
    options: dict[str, dict[str, Any]] = {
        "file": {"base": folder / "large"},
        "object": {"base": f"file://{folder}/large"},
    }
    options["object, gzip"] = {**options["object"], "compression": "gzip"}
    values = {
        "one text": "x" * size,
        "a list": [f"{number:01022d}" for number in range(size // 1026)],
    }
    return {
        f"{name}, {what}, {verb}": peak
        for name, arguments in options.items()
        for what, value in values.items()
        for verb, peak in _peaks(load(name.partition(",")[0], **arguments), value).items()
    }


def _peaks(hooks: Hooks | None, value: Any) -> dict[str, float]:
    assert hooks is not None
    encoded_size = Encoded.of(value).size
    seen = {}
    ref = ""
    for verb in ("set", "get"):
        tracemalloc.start()
        if verb == "set":
            ref = str(hooks.write(SCOPE, "key", value, None)[0])
        else:
            hooks.read(SCOPE, ref)
        seen[verb] = tracemalloc.get_traced_memory()[1] / encoded_size
        tracemalloc.stop()
    hooks.clear(SCOPE)
    return seen


def main() -> int:
    """Print every figure with its goal; exit status 1 if one is missed."""
    missed = []

    def tell(goal: str, what: str, figure: float, text: str) -> None:
        mark = verdict(figure <= GOALS[goal])
        print(f"  {mark:<26} {what:<32} {text}")
        if mark.startswith("MISSED"):
            missed.append(what)

    print(f"accessor, envelope and client beside bare requests, at most {GOALS['over HTTP']} times")
    for what, (bare, ours, ratio, _) in over_http().items():
        tell("over HTTP", what, ratio, f"{ratio:.2f}   ({bare:.0f} and {ours:.0f} µs)")
    print(
        "accessor and envelope beside a bare call in the same process, "
        f"at most {GOALS['in one process']:.0f} µs more"
    )
    for what, (bare, ours, _, more) in in_one_process().items():
        tell("in one process", what, more, f"{more:.1f} µs   ({bare:.1f} and {ours:.1f} µs)")
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        print(
            f"file backend beside write, fsync, rename of 1 KiB, at most {GOALS['file set']} times"
        )
        for what, (bare, ours, ratio, _) in file_set(Path(folder)).items():
            tell("file set", what, ratio, f"{ratio:.2f}   ({bare:.0f} and {ours:.0f} µs)")
        print(f"memory for 64 MiB, at most {GOALS['peak']} times the encoded size")
        for what, peak in peaks(Path(folder)).items():
            tell("peak", what, peak, f"{peak:.2f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Time a snapshot and its restore with ten thousand rows in a file.

python -m benchmarks.snapshots
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable

from state.model.scopes import TaskScope
from state.store import fixtures, snapshots
from state.store.store import Store
from state.store.tables import scopes, task_instances

TASKS = 100
KEYS = 100
TIMES = 7


def milliseconds(act: Callable[[], object], between: Callable[[], object]) -> float:
    """The median of a few times, each after something else."""
    took = []
    for _ in range(TIMES):
        between()
        begun = time.perf_counter()
        act()
        took.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(took)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/bench.db")
        namespace = store.namespace()
        small = store.create_namespace("small")
        places = [TaskScope("d", "r", f"task-{number}") for number in range(TASKS)]
        task_instances.create_task_instance(small, places[0])
        for scope in places:
            task_instances.create_task_instance(namespace, scope)
        entries = [
            {
                "dag_id": "d",
                "run_id": "r",
                "task_id": scope.task_id,
                "key": f"k{key}",
                "value": {"job": key},
            }
            for scope in places
            for key in range(KEYS)
        ]

        def overwrite() -> None:
            fixtures.apply(namespace, {"task_state_store": entries})

        def change_few() -> None:
            for scope in places[:10]:
                scopes.task(namespace, scope).set("k1", 1)

        overwrite()
        print(
            f"take       {milliseconds(lambda: snapshots.take(namespace, 's'), lambda: None):6.1f} ms"
        )
        restore = lambda: snapshots.restore(namespace, "s")  # noqa: E731
        print(
            f"restore    {milliseconds(restore, change_few):6.1f} ms where ten of 10,000 rows had changed (goal 50)"
        )
        print(f"restore    {milliseconds(restore, overwrite):6.1f} ms where all had (goal 50)")
        clear = lambda: [scopes.task(namespace, place).clear() for place in places]  # noqa: E731
        print(f"restore    {milliseconds(restore, clear):6.1f} ms where all were gone (goal 50)")

        def key() -> None:
            task_instances.create_task_instance(small, places[0])
            scopes.task(small, places[0]).set("k", 1)

        print(
            f"reset      {milliseconds(lambda: fixtures.apply(small, {}, True), key):6.1f} ms of one task (goal 5)"
        )
        store.close()


if __name__ == "__main__":
    main()

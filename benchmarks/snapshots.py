"""Time a snapshot and its restore with ten thousand rows in a file.

python -m benchmarks.snapshots
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial

from state.model.scopes import TaskScope
from state.store import fixtures, keyspaces, snapshots
from state.store.store import Store
from state.store.tables import task_instances

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
        task_scopes = [TaskScope("d", "r", f"task-{number}") for number in range(TASKS)]
        task_instances.create_task_instance(small, task_scopes[0])
        for scope in task_scopes:
            task_instances.create_task_instance(namespace, scope)
        entries = [
            {
                "dag_id": "d",
                "run_id": "r",
                "task_id": scope.task_id,
                "key": f"k{key}",
                "value": {"job": key},
            }
            for scope in task_scopes
            for key in range(KEYS)
        ]

        def overwrite() -> None:
            fixtures.apply(namespace, {"task_state_store": entries})

        def change_few() -> None:
            for scope in task_scopes[:10]:
                keyspaces.task(namespace, scope).set("k1", 1)

        def clear() -> None:
            for scope in task_scopes:
                keyspaces.task(namespace, scope).clear()

        def add_key() -> None:
            task_instances.create_task_instance(small, task_scopes[0])
            keyspaces.task(small, task_scopes[0]).set("k", 1)

        overwrite()
        take = partial(snapshots.take, namespace, "s")
        print(f"take       {milliseconds(take, lambda: None):6.1f} ms")

        restore = partial(snapshots.restore, namespace, "s")
        after_few = milliseconds(restore, change_few)
        print(f"restore    {after_few:6.1f} ms where ten of 10,000 rows had changed (goal 50)")
        print(f"restore    {milliseconds(restore, overwrite):6.1f} ms where all had (goal 50)")
        print(f"restore    {milliseconds(restore, clear):6.1f} ms where all were deleted (goal 50)")

        reset = partial(fixtures.apply, small, {}, True)
        print(f"reset      {milliseconds(reset, add_key):6.1f} ms of one task (goal 5)")
        store.close()


if __name__ == "__main__":
    main()

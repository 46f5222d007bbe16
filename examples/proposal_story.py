"""Proposal #67530: a task sets values, a backend stores files, the API shows references.

python examples/proposal_story.py
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout that is not installed

from state.backends.loading import load  # noqa: E402
from state.client.http import StateroomClient  # noqa: E402
from state.model.scopes import TaskScope  # noqa: E402
from state.process import ServerProcess  # noqa: E402
from state.worker.context import context  # noqa: E402

SCOPE = TaskScope("etl", "manual__1", "submit")


def submit(**context):
    """Store a job id, a dict and a number like a ``@task`` function, and read them back."""
    store = context["task_state_store"]
    store.set("job_id", "job-4711")
    store.set("secret-dict", {"user": "etl", "token": "t0p"})
    store.set("int_value", 42)
    return {key: store.get(key) for key in ("job_id", "secret-dict", "int_value")}


def main():
    with tempfile.TemporaryDirectory() as folder, ServerProcess(["--db", ":memory:"]) as service:
        client = StateroomClient(service.url)
        task = {"dag_id": SCOPE.dag_id, "run_id": SCOPE.run_id, "task_id": SCOPE.task_id}
        ti_id = client.call("POST", "/_stateroom/task-instances", json=task).json()["id"]
        hooks = load("file", base=folder)

        print("the task read back:")
        for key, value in submit(**context(client.task(ti_id), SCOPE, ti_id, hooks=hooks)).items():
            print(f"  {key} = {value!r} ({type(value).__name__})")
        print("the files on disk:")
        for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            print(f"  {path.relative_to(folder)}: {path.read_text()}")
        print("the Core API:")
        run = f"/api/v2/dags/{SCOPE.dag_id}/dagRuns/{SCOPE.run_id}"
        path = f"{run}/taskInstances/{SCOPE.task_id}/state-store"
        for entry in client.call("GET", path).json()["task_state_store"]:
            print(f"  {entry['key']}: {json.dumps(entry['value']).replace(folder, '…')}")


if __name__ == "__main__":
    main()

"""A world to look at: three Dags after two days of work, told to a service as workers would."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..client.attempts import Task
from ..client.http import StateroomClient
from ..client.stateroom import Stateroom
from ..model.clock import to_text
from ..model.scopes import scope_document

FOREIGN = {"__airflow_state_ref__": "s3://former-bucket/reports/render/template"}
_WORKER = {"hostname": "worker-1", "unixname": "airflow"}
_LONGEST = 64  # bytes of a value that stays in its row; a longer one is put into a file
_QUERY = "SELECT id, placed_at, total\nFROM orders\nWHERE placed_at >= '{day}'\nORDER BY id"


class World:
    """Builds the world in an empty namespace; its clock is moved meanwhile, and real again after.

    :param stateroom: the namespace, of a service whose backend is ``file``.
    :param base: the folder of that backend.
    """

    def __init__(self, stateroom: Stateroom, base: Path) -> None:
        self._stateroom = stateroom
        self._client = StateroomClient(stateroom.url)
        self._now = stateroom.clock.now()
        stateroom.backend("file", base=str(base), threshold=_LONGEST)

    def build(self) -> None:
        self._put(dags=[_dag(*facts) for facts in _DAGS], assets=_ASSETS)
        self._expire_keys()
        self._load_orders(timedelta(days=1, hours=2))
        self._load_orders(timedelta(hours=2))
        self._watch_customers()
        self._write_reports()
        self._stateroom.clock.real()

    def _put(self, **parts: Any) -> None:
        self._client.call("PUT", "/_stateroom/fixture", json=parts)

    def _go_to(self, before: timedelta) -> None:
        """Set the clock to a time before now."""
        self._stateroom.clock.freeze(self._now - before)

    def _begin(self, dag_id: str, task_id: str, run_id: str, map_index: int = -1) -> Task:
        """The first attempt of a task instance, whose worker has started."""
        task = self._stateroom.task(dag_id, task_id, run_id, map_index)
        start(self._client, task, 4200)
        return task

    def _retry(self, task: Task, delay: timedelta) -> Task:
        """The attempt after one that failed."""
        following = task.retry(delay)
        self._stateroom.clock.advance(delay)
        start(self._client, following, 4300)
        return following

    def _end(self, task: Task) -> None:
        """The success of a task that is the only one of its run, and so of the run."""
        task.report("success")
        end_run(self._client, task)

    def _time(self, seconds: float = 0) -> str:
        return to_text(self._stateroom.clock.now() + timedelta(seconds=seconds))

    def _log(self, task: Task, records: Iterable[tuple[float, str, str]]) -> None:
        """Add to an attempt's log.

        :param records: the seconds from now, the level and the text of each.
        """
        logger = f"{task.scope.dag_id}.{task.scope.task_id}"
        rows = [
            {"timestamp": self._time(seconds), "level": level, "event": event, "logger": logger}
            for seconds, level, event in records
        ]
        path = f"/_stateroom/task-instances/{task.ti_id}/log"
        self._client.call("POST", path, json={"records": rows})

    # ------------------------------------------------------------------- orders

    def _load_orders(self, before: timedelta) -> None:
        """A run of the Dag ``orders``: one job is submitted, and three partitions are loaded."""
        self._go_to(before)
        day = (self._now - before).date()
        run_id = f"scheduled__{day}T00:00:00+00:00"
        moment = f"{day}T00:00:00Z"
        run = {"dag_id": "orders", "run_id": run_id, "logical_date": moment, "state": "running"}
        self._put(dag_runs=[{**run, "start_date": self._time()}])
        self._extract(run_id, day.isoformat())
        for index in range(3):
            self._load(run_id, index, fails=before < timedelta(days=1) and index == 1)
        end = {**run, "state": "success", "end_date": self._time()}
        self._put(dag_runs=[end])

    def _extract(self, run_id: str, day: str) -> None:
        task = self._begin("orders", "extract", run_id)
        fields = {"sql": _QUERY.format(day=day), "conn_id": "warehouse"}
        self._client.call("PUT", f"/execution/task-instances/{task.ti_id}/rtif", json=fields)
        task.set("job_id", f"spark-{day}")
        self._log(
            task,
            [
                (0, "info", f"submitted the query as spark-{day}"),
                (41, "info", "3 partitions, 3,584 rows"),
            ],
        )
        self._stateroom.clock.advance(seconds=42)
        pushed = {**scope_document(task.scope), "key": "return_value"}
        self._put(xcoms=[{**pushed, "value": ["part-0", "part-1", "part-2"]}])
        orders = task.context(assets=["orders"])["asset_state_store"]["orders"]
        orders.set("watermark", f"{day}T23:59:59Z")
        task.report("success")

    def _load(self, run_id: str, index: int, fails: bool) -> None:
        """One partition; if it fails, its second attempt goes on from the row that was reached."""
        task = self._begin("orders", "load", run_id, index)
        task.set("cursor", {"partition": index, "row": 400})
        if fails:
            lines = [
                (0, "info", f"loading part-{index}"),
                (30, "error", "TimeoutError: the warehouse did not answer in 30 s"),
            ]
            self._log(task, lines)
            self._stateroom.clock.advance(seconds=31)
            task = self._retry(task, timedelta(minutes=5))
            cursor = task.get("cursor")
            self._log(task, [(0, "info", f"going on after row {cursor['row']}")])
        self._stateroom.clock.advance(seconds=20)
        task.set("cursor", {"partition": index, "row": 1190 + index})
        task.report("success")

    # ---------------------------------------------------------------- customers

    def _expire_keys(self) -> None:
        """A run of two days ago whose keys were kept for a day."""
        self._go_to(timedelta(days=2))
        task = self._begin("customers", "login", "manual__first")
        task.set("session", "c2Vzc2lvbg", retention=timedelta(days=1))
        task.set("pages_seen", [1, 2, 3], retention=timedelta(days=1))
        self._end(task)

    def _watch_customers(self) -> None:
        """A sensor that waits, and keeps what it saw for three hours."""
        self._go_to(timedelta(minutes=40))
        task = self._begin("customers", "wait_for_export", "manual__second")
        task.set("last_seen", {"file": None, "pokes": 12}, retention=timedelta(hours=3))
        self._log(task, [(0, "info", "poke 12: no export yet")])
        customers = task.context(assets=["customers"])["asset_state_store"]["customers"]
        customers.set("watermark", {"id": 88_211, "updated_at": self._time()})

    # ------------------------------------------------------------------ reports

    def _write_reports(self) -> None:
        """References: one that resolves, one whose object is gone, one of another backend."""
        self._go_to(timedelta(minutes=25))
        task = self._begin("reports", "render", "manual__monday")
        task.set("summary", {"rows": 3584, "by_country": {"de": 1290, "fr": 1121, "pl": 1173}})
        task.set("chart", {"kind": "bar", "title": "orders by country", "width": 640, "bars": 3})
        _object_of(self._stateroom, "chart").unlink()
        self._client.acting(task.token).task(task.ti_id).set("template", FOREIGN)
        self._end(task)
        self._client.call("POST", "/_stateroom/references/check", json={})


def start(client: StateroomClient, task: Task, pid: int) -> None:
    """Tell when an attempt's worker started, and where.

    :param pid: of its process.
    """
    row = {
        **scope_document(task.scope),
        "id": task.ti_id,
        "try_number": task.try_number,
        "max_tries": 2,
        "state": "running",
        "start_date": client.ask("GET", "/_stateroom/clock")["now"],
        "pid": pid,
        **_WORKER,
    }
    client.call("PUT", "/_stateroom/fixture", json={"task_instances": [row]})


def end_run(client: StateroomClient, task: Task) -> None:
    """Tell that the run of a task has succeeded."""
    run = {
        "dag_id": task.scope.dag_id,
        "run_id": task.scope.run_id,
        "state": "success",
        "end_date": client.ask("GET", "/_stateroom/clock")["now"],
    }
    client.call("PUT", "/_stateroom/fixture", json={"dag_runs": [run]})


def _object_of(stateroom: Stateroom, key: str) -> Path:
    """The file in which the ``file`` backend keeps a key's value."""
    (row,) = [row for row in stateroom.document()["task_state_store"] if row["key"] == key]
    return Path(row["value"]["__airflow_state_ref__"])


def _dag(dag_id: str, description: str, tasks: Iterable[str]) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "description": description,
        "tasks": [{"task_id": task_id} for task_id in tasks],
    }


_DAGS = (
    ("orders", "Load the orders of a day", ("extract", "load")),
    ("customers", "Wait for the export of customers", ("login", "wait_for_export")),
    ("reports", "Render the reports of a week", ("render",)),
)
_ASSETS = [
    {"id": 1, "name": "orders", "uri": "s3://warehouse/orders"},
    {"id": 2, "name": "customers", "uri": "s3://warehouse/customers"},
]

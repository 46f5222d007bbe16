"""Put a fixture document into a migrated Airflow database, in Airflow's environment."""

import json
import sys
from datetime import datetime, timezone
from uuid import UUID

from airflow.models.asset import AssetActive, AssetModel
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import insert

DAG = {
    "bundle_name": "bench",
    "is_stale": False,
    "is_paused": False,
    "max_active_tasks": 16,
    "max_active_runs": 16,
    "max_consecutive_failed_dag_runs": 0,
    "has_task_concurrency_limits": False,
    "owners": "bench",
    "fileloc": "/dev/null",
}
TASK = {
    "max_tries": 0,
    "pool": "default_pool",
    "pool_slots": 1,
    "queue": "default",
    "priority_weight": 1,
}


def main(path: str) -> None:
    with open(path) as file:
        document = json.load(file)
    with create_session() as session:
        session.add(DagBundleModel(name="bench"))
        session.flush()
        for run in document["dag_runs"]:
            moment = datetime.fromisoformat(run["logical_date"].replace("Z", "+00:00"))
            session.add(DagModel(dag_id=run["dag_id"], **DAG))
            session.flush()
            dates = {"logical_date": moment, "data_interval": (moment, moment), "run_after": moment}
            session.add(
                DagRun(
                    dag_id=run["dag_id"],
                    run_id=run["run_id"],
                    run_type="manual",
                    state=run["state"],
                    **dates,
                )
            )
        session.flush()
        for task in document["task_instances"]:
            row = {**task, **TASK, "id": UUID(task["id"]), "operator": "EmptyOperator"}
            session.execute(
                insert(TaskInstance).values(**row, start_date=datetime.now(timezone.utc))
            )
        for asset in document["assets"]:
            session.add(
                AssetModel(id=asset["id"], name=asset["name"], uri=asset["uri"], group="asset")
            )
            session.flush()
            session.add(AssetActive(name=asset["name"], uri=asset["uri"]))


main(sys.argv[1])

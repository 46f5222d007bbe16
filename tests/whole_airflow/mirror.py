"""Write a key of each kind through the mirroring backend, and print the rows of Airflow's tables.

python mirror.py DAG_ID RUN_ID TASK_ID ASSET_ID
"""

import json
import sys

from airflow._shared.state import AssetScope, AssetStateStoreWriterKind, TaskScope
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.state import get_state_backend
from airflow.utils.session import create_session
from sqlalchemy import select


def main(dag_id: str, run_id: str, task_id: str, asset_id: str) -> None:
    backend = get_state_backend()
    task = TaskScope(dag_id, run_id, task_id)
    asset = AssetScope(int(asset_id))
    kind = AssetStateStoreWriterKind.WATCHER
    backend.set(task, "gone", "0")
    backend.delete(task, "gone")
    backend.set(task, "job_id", '"job-1"')
    backend.set_asset_state_store(asset, "watermark", "7", kind=kind)
    with create_session() as session:
        rows = {}
        for model in (TaskStateStoreModel, AssetStateStoreModel):
            found = session.execute(select(model.key, model.value))
            rows[model.__tablename__] = list(map(list, found))
    print("ROWS", json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An operator on Airflow's ResumableJobMixin, and a worker process that runs one attempt.

python resumable_operator.py TI_ID FOLDER [crash]

The worker is real, except that no scheduler starts it. Task state goes the same way as in a task:
through the Task SDK's accessor, supervisor and client, to the address in
``AIRFLOW__CORE__EXECUTION_API_SERVER_URL``.
"""

import os
import sys
import uuid
from pathlib import Path

import psutil
import structlog
from airflow.sdk import BaseOperator
from airflow.sdk.api.client import Client
from airflow.sdk.bases.resumablejobmixin import ResumableJobMixin
from airflow.sdk.configuration import conf
from airflow.sdk.execution_time.context import TaskStateStoreAccessor
from airflow.sdk.execution_time.supervisor import (
    InProcessSupervisorComms,
    InProcessTestSupervisor,
    set_supervisor_comms,
)
from airflow.sdk.state import TaskScope

CRASHED = 42  # exit status


class JobOperator(ResumableJobMixin, BaseOperator):
    """Runs a job on a cluster, which is a folder with a file for each job.

    :param crash: end the worker's process while it waits, as a lost machine would.
    """

    external_id_key = "job_id"

    def __init__(self, *, cluster, crash=False, **kwargs):
        super().__init__(**kwargs)
        self.cluster = Path(cluster)
        self.crash = crash

    def execute(self, context):
        return self.execute_resumable(context)

    def submit_job(self, context):
        job_id = f"job-{len(list(self.cluster.iterdir())) + 1}"
        (self.cluster / job_id).write_text("RUNNING")
        return job_id

    def get_job_status(self, external_id, context):
        return (self.cluster / external_id).read_text()

    def is_job_active(self, status):
        return status == "RUNNING"

    def is_job_succeeded(self, status):
        return status == "DONE"

    def poll_until_complete(self, external_id, context):
        if self.crash:
            os._exit(CRASHED)
        (self.cluster / external_id).write_text("DONE")

    def get_job_result(self, external_id, context):
        return external_id


def attempt(ti_id, operator):
    """Run an attempt of the operator."""
    supervisor = InProcessTestSupervisor(
        id=uuid.UUID(ti_id),
        pid=os.getpid(),
        process=psutil.Process(),
        process_log=structlog.get_logger(),
        client=Client(base_url=conf.get("core", "execution_api_server_url"), token="any"),
    )
    supervisor.comms = InProcessSupervisorComms(supervisor=supervisor)
    scope = TaskScope(dag_id="etl", run_id="test", task_id="submit", map_index=-1)
    with set_supervisor_comms(supervisor.comms):
        operator.execute({"task_state_store": TaskStateStoreAccessor(uuid.UUID(ti_id), scope)})


if __name__ == "__main__":
    attempt(
        sys.argv[1], JobOperator(task_id="submit", cluster=sys.argv[2], crash="crash" in sys.argv)
    )

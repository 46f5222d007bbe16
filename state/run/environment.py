"""The environment variables of a task's process."""

from __future__ import annotations

import os
from collections.abc import Mapping

from . import workers

AIRFLOW_PYTHON = "STATEROOM_AIRFLOW_PYTHON"  # the Python of an Airflow environment


def inherited() -> dict[str, str]:
    """Those of this process, which a task's process inherits as any other child does."""
    return dict(os.environ)


def of_worker(path: str, url: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Those of a worker: no example Dags, no metadata database, the file's folder as the bundle.

    :param path: of the Dag file.
    :param url: of the namespace.
    :param variables: what the worker has beside these.
    """
    bundle = (
        '[{"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.'
        f'LocalDagBundle", "kwargs": {{"path": "{os.path.dirname(path)}"}}}}]'
    )
    home = variables.get("AIRFLOW_HOME") or workers.private_folder(variables) / "airflow"
    return {
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # a worker that is refused ends sooner
        "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "3",  # else 60, if the task leaves a process
        **variables,
        "AIRFLOW_HOME": str(home),  # whose plugins are imported: nobody else may put any there
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        workers.BUNDLES: bundle,
        workers.SERVER: f"{url}/execution/",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
    }

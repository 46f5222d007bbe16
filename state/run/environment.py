"""The environment variables of a task's process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from . import workers

AIRFLOW_PYTHON = "STATEROOM_AIRFLOW_PYTHON"  # the Python of an Airflow environment


def inherited() -> dict[str, str]:
    """Those of this process, which a task's process inherits as any other child does."""
    return dict(os.environ)


def of_worker(path: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Those of a worker: no example Dags, no metadata database, the file's folder as the bundle.

    :param path: of the Dag file.
    :param variables: what the worker has beside these.
    """
    bundle = (
        '[{"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.'
        f'LocalDagBundle", "kwargs": {{"path": "{os.path.dirname(path)}"}}}}]'
    )
    return {
        "AIRFLOW_HOME": str(Path(tempfile.gettempdir(), f"stateroom-airflow-{os.getuid()}")),
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # else a run may take five seconds more
        **variables,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        workers.BUNDLES: bundle,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
    }

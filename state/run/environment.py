"""The environment variables of a task's process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from .. import jwt_secret
from . import workers

AIRFLOW_PYTHON = "STATEROOM_AIRFLOW_PYTHON"  # the Python of an Airflow environment
_OF_THE_SERVICE = (  # what lets somebody act as an admin
    "STATEROOM_TOKEN",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
)


def given(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    """These variables, or those of this process, which a child of it inherits."""
    return os.environ if environ is None else environ


def bundle_of(path: str, variables: Mapping[str, str]) -> str:
    """The folder that is the bundle of a Dag file, in which it finds modules to import: Airflow's
    folder of Dags if it is named and the file lies in it, else the file's own.
    """
    folder = variables.get("AIRFLOW__CORE__DAGS_FOLDER")
    if folder:
        folder = os.path.abspath(workers.expanded(folder, variables))
        if path.startswith(os.path.join(folder, "")):
            return folder
    return os.path.dirname(path)


def of_worker(
    bundle: str, url: str, variables: Mapping[str, str], import_timeout: float | None = None
) -> dict[str, str]:
    """Those of a worker: no example Dags, no metadata database.

    :param bundle: the folder of Dags.
    :param url: of the namespace.
    :param variables: what the worker has beside these.
    :param import_timeout: seconds that the Dag file may take; None as the environment says.
    """
    home = variables.get("AIRFLOW_HOME") or workers.private_folder(variables) / "airflow"
    environ = {
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # a worker that is refused ends sooner
        "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "3",  # else 60, if the task leaves a process
        **without_secrets(variables),
        "AIRFLOW_HOME": str(home),  # whose plugins are imported: nobody else may put any there
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        workers.BUNDLES: _bundles(bundle),
        workers.SERVER: f"{url}/execution/",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
    }
    if import_timeout is not None:
        environ[workers.IMPORT_TIMEOUT] = str(import_timeout)
    return environ


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables without the secrets of the service: a task has the token of its attempt only."""
    rest = jwt_secret.without(variables)
    return {name: value for name, value in rest.items() if name not in _OF_THE_SERVICE}


def _bundles(folder: str) -> str:
    """The bundle of a folder, as JSON in which Airflow finds no ``$`` to expand."""
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": folder},
    }
    return json.dumps([bundle]).replace("$", "\\u0024")

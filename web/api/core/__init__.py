"""The Core API: what people and ``apache-airflow-client`` call, under ``/api/v2`` (Airflow 3.3.2).

A module for each family of routes. It works on the row: a reference is shown as it is stored, never
resolved (apache/airflow #67835).
"""

from __future__ import annotations

from flask import Blueprint

from ...apis import CORE
from ...operation import current_operation
from ...request.auth import require_role
from ...request.parsing import read_body
from . import about, assets, dag_runs, dags, store, task_instances, xcom_entries


def admit() -> None:
    """The body is parsed before the caller's role is asked, as in Airflow."""
    read_body()
    operation = current_operation()
    if operation is not None and operation.entity is not None:
        require_role(operation.entity)


bp = Blueprint("core_api", __name__, url_prefix=f"{CORE.prefix}/v2")
bp.before_request(admit)
for family in (store, assets, dags, dag_runs, task_instances, xcom_entries, about):
    bp.register_blueprint(family.bp)

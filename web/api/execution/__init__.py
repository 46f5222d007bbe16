"""The Execution API for workers, under ``/execution`` (version 2026-06-30, Airflow 3.3.2): a module
for each family of routes.
"""

from __future__ import annotations

from flask import Blueprint

from ...apis import EXECUTION
from ...operation import current_operation
from ...request import version
from ...request.auth import authenticate_worker
from ...request.parsing import read_body
from . import (
    asset_events,
    assets,
    connections,
    dag_runs,
    dags,
    health,
    store,
    task_instances,
    task_queries,
    task_reschedules,
    variables,
    xcoms,
)


def admit() -> None:
    """Check the version, the body and the token, in this order as in Airflow."""
    version.check_version()
    operation = current_operation()
    version.check_route(operation)
    read_body()
    if operation is None or not operation.open:
        authenticate_worker()


bp = Blueprint("execution_api", __name__, url_prefix=EXECUTION.prefix)
bp.before_request(admit)
bp.after_request(version.echo)
for family in (
    *(health, store, task_instances, task_queries, task_reschedules, xcoms),
    *(dags, dag_runs, assets, asset_events, variables, connections),
):
    bp.register_blueprint(family.bp)

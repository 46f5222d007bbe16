"""The Execution API for workers, under ``/execution`` (version 2026-06-30, Airflow 3.3.2): a module
for each family of routes.
"""

from __future__ import annotations

from flask import Blueprint

from ...apis import EXECUTION
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

bp = Blueprint("execution_api", __name__, url_prefix=EXECUTION.prefix)
# the version, the body and then the token are checked, in this order as in Airflow
bp.before_request(version.check_version)
bp.before_request(read_body)
bp.after_request(version.echo)
bp.register_blueprint(health.bp)  # needs no token
for family in (
    *(store, task_instances, task_queries, task_reschedules, xcoms),
    *(dags, dag_runs, assets, asset_events, variables, connections),
):
    family.bp.before_request(authenticate_worker)
    bp.register_blueprint(family.bp)

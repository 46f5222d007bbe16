"""The Execution API for workers, under ``/execution`` (Airflow 3.3.2 and 3.4.0b2): a module for
each family of routes.
"""

from __future__ import annotations

from flask import Blueprint
from flask.sansio.blueprints import BlueprintSetupState

from ...apis import EXECUTION
from ...request import version
from ...request.attempts import admit_attempt
from ...request.auth import authenticate_worker
from ...request.parsing import read_body
from ...service import service_of
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


def _admit_attempts(state: BlueprintSetupState) -> None:
    """Look for the caller's attempt before each call, in an app whose Airflow version does so."""
    rules = service_of(state.app).store.rules  # type: ignore[arg-type]  # it is a Flask
    if rules.admission is not None:
        name = f"{state.name_prefix}.{state.name}"
        state.app.before_request_funcs[name].append(admit_attempt)


bp = Blueprint("execution_api", __name__, url_prefix=EXECUTION.prefix)
# the version, the body, the token and then its attempt are checked, in this order as in Airflow
bp.before_request(version.check_version)
bp.before_request(read_body)
bp.after_request(version.echo)
bp.register_blueprint(health.bp)  # needs no token
for family in (
    *(store, task_instances, task_queries, task_reschedules, xcoms),
    *(dags, dag_runs, assets, asset_events, variables, connections),
):
    family.bp.before_request(authenticate_worker)
    family.bp.record(_admit_attempts)
    bp.register_blueprint(family.bp)

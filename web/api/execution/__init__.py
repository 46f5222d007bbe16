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
from . import assets, health, store, task_instances


def admit() -> None:
    """Check the version, the body and the token, in this order as in Airflow."""
    version.check_version()
    read_body()
    operation = current_operation()
    if operation is None or not operation.open:
        authenticate_worker()


bp = Blueprint("execution_api", __name__, url_prefix=EXECUTION.prefix)
bp.before_request(admit)
bp.after_request(version.echo)
for family in (health, store, task_instances, assets):
    bp.register_blueprint(family.bp)

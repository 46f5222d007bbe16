"""What the versions of Airflow do differently: a table of rules, a record for each version.

``--compat`` chooses the record; ask it for a rule, never for a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a version.

    :param airflow: the version as the start-up lines name it.
    :param release: the release that was measured.
    :param build: what that release says of its source.
    :param execution_api: the newest version of its Execution API, a date.
    :param token_scopes: the scopes of a worker's token.
    :param run_members: what a dag run has besides in the Core API.
    :param task_members: what a task instance has besides in the Core API.
    :param try_members: what an attempt has besides in the Core API's lists of tries.
    :param has_draining_dags: whether the Core API tells if a Dag starts new runs.
    :param tells_attempts: whether the Core API tells which attempt wrote an asset's entry.
    :param admission: the first version of the Execution API whose clients are refused what is no
        read, before anything else of it is looked at, if their attempt is not the current one; None
        if none are.
    :param counts_retries: whether an attempt that is up for retry has the next try number already.
    :param restarts: whether a task instance that is to restart may run as it is.
    :param has_run_notes: whether a task may set the note of its dag run.
    :param has_paths_of_connections: whether the id of a connection may have slashes, or be empty.
    :param tells_queued_consumers: whether asset events name a dag run that has not started.
    :param has_regions: whether task instances may lie in dynamic regions, which people name by
        ``region_id`` and ``region_index``.
    :param clears_task_instances: whether ``clearTaskInstances`` is emulated: it discards task state
        unless it is told to keep it.
    :param xcom_lengths_of: the only XCom that has a length for mapped tasks; None for any.
    :param reserved_xcoms: how the key of an XCom may not begin; None if any may.
    :param further_routes: what it has besides the routes of 3.3, and Stateroom does not emulate.
    :param keeps_attempts: whether a former attempt stays the task instance that it was, in place of
        a copy in a history: with its id, its operator and its XComs.
    """

    airflow: str
    release: str
    build: str
    execution_api: str
    token_scopes: tuple[str, ...] = ("execution", "workload")
    run_members: Mapping[str, Any] = field(default_factory=dict)
    task_members: Mapping[str, Any] = field(default_factory=dict)
    try_members: Mapping[str, Any] = field(default_factory=dict)
    has_draining_dags: bool = False
    tells_attempts: bool = False
    admission: str | None = None
    counts_retries: bool = False
    restarts: bool = True
    has_run_notes: bool = False
    has_paths_of_connections: bool = False
    tells_queued_consumers: bool = False
    has_regions: bool = False
    clears_task_instances: bool = False
    xcom_lengths_of: str | None = None
    reserved_xcoms: str | None = None
    further_routes: tuple[str, ...] = ()
    keeps_attempts: bool = False


RULES = {
    "3.3": Rules(
        airflow="3.3",
        release="3.3.2",
        build=".release:aa19d2dbb9ed187ec01957a92848d9b005e9ba9d",
        execution_api="2026-06-30",
    ),
    "3.4": Rules(
        airflow="3.4.0b2",
        release="3.4.0b2",
        build=".dev0+acb52b84035c507b4a6527c9e6a68556966148de.dirty",
        execution_api="2026-10-30",
        token_scopes=("execution", "workload", "callback"),
        run_members={"team_name": None},
        task_members={
            "team_name": None,
            "in_loop": False,
            "loop_iteration": None,
            "state_reason": None,
        },
        try_members={"loop_iteration": None, "state_reason": None},
        has_draining_dags=True,
        tells_attempts=True,
        admission="2026-10-30",
        counts_retries=True,
        restarts=False,
        has_run_notes=True,
        has_paths_of_connections=True,
        tells_queued_consumers=True,
        has_regions=True,
        clears_task_instances=True,
        xcom_lengths_of="return_value",
        reserved_xcoms="_airflow_loop_",
        further_routes=(
            "GET /api/v2/backfills/{backfill_id}/dag_runs",
            "GET /api/v2/dagBundles",
            "GET /api/v2/dagBundles/{bundle_name}",
            "GET /api/v2/dagBundles/{bundle_name}/files",
            "PATCH /api/v2/dags/bulk",
            "GET /api/v2/dags/{dag_id}/dagVersions/diff",
            "PATCH /execution/callbacks/{callback_id}/run",
        ),
        keeps_attempts=True,
    ),
}
DEFAULT = RULES["3.3"]

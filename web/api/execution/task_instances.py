"""The life of a task instance, as its worker reports it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, g

from schemas import errors
from schemas.execution import task_instances as schemas
from schemas.execution.dag_runs import DagRunNoteUpdatePayload
from state.model import values
from state.model.clock import to_text
from state.store.tables import rendered_fields, task_instances
from state.store.tables.asset_events import Outlets
from state.store.tables.dag_runs import set_note
from state.store.tables.task_instances import Report, Worker
from state.store.views import run_context

from ...errors import Refused
from ...operation import NO_BODY, Operation, route_where
from ...request import version
from ...request.parsing import body, path, read
from ...responses import NO_CONTENT, json_answer
from ...service import setting
from . import newer_clients, older_clients

bp = Blueprint("task_instances", __name__, url_prefix="/task-instances")
_PATH = schemas.TaskInstancePath()
_RUN = schemas.TIEnterRunningPayload()
_HEARTBEAT = schemas.TIHeartbeatInfo()
_FIELDS = schemas.RenderedFields()
_NOTE = DagRunNoteUpdatePayload()
_MAP_INDEX = schemas.RenderedMapIndex()
_SKIPPED = schemas.TISkippedDownstreamTasksStatePayload()
_PLAIN_422 = (errors.HTTPValidationError, errors.ReasonResponse, errors.HTTPExceptionResponse)
_ENDED = ("failed", "skipped", "removed", "upstream_failed", "success", "up_for_retry")


@bp.patch("/<task_instance_id>/run")
@Operation(
    (200, schemas.TIRunContext),
    body=schemas.TIEnterRunningPayload,
    also=(404, 409),
    workload=True,
    state_op="state",
)
def ti_run(task_instance_id: str) -> Response:
    """Let a queued task instance run, and tell its worker what it needs for it."""
    segments, payload = read(path(_PATH, task_instance_id=task_instance_id), body(_RUN))
    ti_id = segments["task_instance_id"]
    start_date = to_text(payload["start_date"])
    worker = Worker(payload["hostname"], payload["unixname"], payload["pid"], start_date)
    previous_state = task_instances.start(g.namespace, ti_id, worker, g.writer)
    context = run_context.of_attempt(g.namespace, ti_id, previous_state)
    return json_answer(older_clients.run_context(context))


@bp.put("/<task_instance_id>/heartbeat")
@Operation(
    NO_BODY,
    body=schemas.TIHeartbeatInfo,
    also=(409, 410),
    errors={409: (errors.HeartbeatResponse,)},
    state_op="heartbeat",
    knows_attempts=True,
)
def ti_heartbeat(task_instance_id: str) -> Any:
    """Take a heartbeat; an error tells the worker to end its task."""
    segments, payload = read(path(_PATH, task_instance_id=task_instance_id), body(_HEARTBEAT))
    task_instances.beat(
        g.namespace, segments["task_instance_id"], payload["hostname"], payload["pid"]
    )
    return NO_CONTENT


@bp.patch("/<task_instance_id>/state")
@Operation(
    NO_BODY,
    body=tuple(map(type, schemas.TI_STATE_UPDATE.values())),
    newer=("2026-10-30", tuple(map(type, schemas.TI_STATE_UPDATE_OF_34.values()))),
    also=(200, 409, 410),
    state_op="state",
    knows_attempts=True,
)
def ti_update_state(task_instance_id: str) -> Any:
    """Take a task instance's new state; its success may drop its keys (``clear_on_success``)."""
    if newer_clients.says_stopped():
        (segments,) = read(path(_PATH, task_instance_id=task_instance_id))
        task_instances.note_stop(g.namespace, segments["task_instance_id"], g.writer)
        return NO_CONTENT
    segments, update = read(
        path(_PATH, task_instance_id=task_instance_id), newer_clients.state_report()
    )
    if update["state"] == schemas.SERVER_TERMINATED:
        task_instances.take_stop(
            g.namespace,
            segments["task_instance_id"],
            to_text(update["end_date"]),
            update.get("hostname"),
            update.get("pid"),
            g.writer,
        )
        return NO_CONTENT
    changed = task_instances.set_state(
        g.namespace,
        segments["task_instance_id"],
        _report(update),
        setting("clear_on_success"),
        g.writer,
        version.is_admitted_first(),
    )
    return NO_CONTENT if changed else Response(status=200)


def _report(update: dict[str, Any]) -> Report:
    state = update["state"]
    if set(update) == {"state"}:
        return Report(state, problem=f"it has the state {state!r} and no other member")
    if state in _ENDED:
        columns = {"end_date": to_text(update["end_date"]), **_NOT_RESUMED}
        if "rendered_map_index" in update:
            columns["rendered_map_index"] = update["rendered_map_index"]
        outlets = None
        if state == "success":
            outlets = Outlets(update.get("task_outlets", []), update.get("outlet_events", []))
        delay = update.get("retry_delay_seconds")
        return Report(state, columns, retry_delay=delay, outlets=outlets)
    if state == "up_for_reschedule":
        columns = {"end_date": to_text(update["end_date"]), **_NOT_RESUMED}
        return Report(state, columns, reschedule_date=to_text(update["reschedule_date"]))
    columns = {"next_method": update["next_method"], "trigger": None}
    columns["next_kwargs"] = _json(update.get("next_kwargs"))
    if state == "deferred":
        try:
            columns["trigger"] = _trigger(update)
        except (OverflowError, ValueError) as error:
            return Report(state, problem=f"its trigger_timeout cannot be added to now: {error}")
    return Report(state, columns)


_NOT_RESUMED: dict[str, Any] = {"next_method": None, "next_kwargs": None}


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return values.dumps(value)


def _trigger(update: dict[str, Any]) -> str:
    """A deferred task instance's trigger, as JSON text.

    :raises OverflowError: if its timeout lies beyond the calendar.
    :raises ValueError: if its timeout is not a number.
    """
    now = g.namespace.clock.now()
    seconds = update.get("trigger_timeout")
    timeout = None
    if seconds is not None:
        timeout = to_text(now + timedelta(seconds=seconds))
    return values.dumps(
        {
            "classpath": update["classpath"],
            "kwargs": update.get("trigger_kwargs", {}),
            "queue": update.get("queue"),
            "created_date": to_text(now),
            "timeout": timeout,
        }
    )


@bp.patch("/<task_instance_id>/skip-downstream")
@Operation(NO_BODY, body=schemas.TISkippedDownstreamTasksStatePayload, state_op="state")
def ti_skip_downstream(task_instance_id: str) -> Any:
    """Skip task instances of the same run, but for those that run or have ended."""
    segments, payload = read(path(_PATH, task_instance_id=task_instance_id), body(_SKIPPED))
    task_instances.skip_downstream(
        g.namespace, segments["task_instance_id"], payload["tasks"], g.writer
    )
    return NO_CONTENT


@bp.put("/<task_instance_id>/rtif")
@Operation(
    (201, schemas.RenderedFieldsResponse),
    body=schemas.RenderedFields,
    also=(410,),
    errors={422: _PLAIN_422},
    state_op="set_rendered_fields",
)
def ti_put_rtif(task_instance_id: str) -> Response:
    """Store the rendered template fields of a task instance."""
    segments, rendered = read(path(_PATH, task_instance_id=task_instance_id), body(_FIELDS))
    if not rendered:
        raise Refused(422, "rendered fields cannot be empty")
    rendered_fields.set_fields(g.namespace, segments["task_instance_id"], rendered, g.writer)
    return json_answer({"message": "Rendered task instance fields successfully set"}, 201)


@bp.patch("/<task_instance_id>/rendered-map-index")
@Operation(
    NO_BODY,
    body=schemas.RenderedMapIndex,
    errors={422: _PLAIN_422},
    state_op="set_rendered_map_index",
)
def ti_patch_rendered_map_index(task_instance_id: str) -> Any:
    """Store the label of a mapped task instance."""
    segments, text = read(path(_PATH, task_instance_id=task_instance_id), body(_MAP_INDEX))
    if not text:
        raise Refused(422, "rendered_map_index cannot be empty")
    ti_id = segments["task_instance_id"]
    if not task_instances.set_rendered_map_index(g.namespace, ti_id, text, g.writer):
        raise Refused(404, "Task Instance not found")
    return NO_CONTENT


@route_where(bp, lambda rules: rules.has_run_notes, "/<task_instance_id>/dag-run-note", "PATCH")
@Operation(
    NO_BODY,
    body=DagRunNoteUpdatePayload,
    also=(404, 410),
    since="2026-10-30",
    state_op="set_run_note",
)
def update_dag_run_note(task_instance_id: str) -> Any:
    """Set the note of a task instance's dag run, or remove it."""
    segments, payload = read(path(_PATH, task_instance_id=task_instance_id), body(_NOTE))
    if payload["note"] is not None:
        set_note(g.namespace, segments["task_instance_id"], payload["note"] or None, g.writer)
    return NO_CONTENT

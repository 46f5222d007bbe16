"""Run an attempt to its end, with the triggers for which it waits in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..model.clock import from_text
from .errors import RunError, WorkerEnded
from .register import Service, contents
from .task import Record

OnRecord = Callable[[Record], None]
_TASK_INSTANCES = "/_stateroom/task-instances"


class Job(Protocol):
    """What runs the task and its triggers."""

    def said(self) -> str: ...

    def ask(self, request: Mapping[str, Any], on_record: OnRecord) -> Record | None: ...


def run_to_end(
    service: Service,
    job: Job,
    request: Mapping[str, Any],
    has_trigger: bool,
    on_record: OnRecord,
) -> str:
    """Run an attempt and return its final state; with a trigger, it is not ``deferred``.

    :param service: a client of the namespace, as an admin.
    :param request: the task instance, as ``ti``, the ``server`` and the ``token`` for it, and
        whether its trigger runs first, as ``is_deferred``.
    :param has_trigger: whether triggers are run at all.
    :raises RunError: if the worker's process ends before.
    """
    ti_id = request["ti"]["id"]
    is_first = request["is_deferred"]
    state = "deferred" if is_first else _run(job, request, on_record)
    while state == "deferred" and has_trigger:
        trigger = {**request, **_trigger(service, ti_id), "kind": "trigger", "is_first": is_first}
        is_first = False
        outcome = job.ask(trigger, on_record)
        if outcome is None:
            raise WorkerEnded("the worker process ended while the trigger ran", job.said())
        answer = service.call("POST", f"{_TASK_INSTANCES}/{ti_id}/resume", json=outcome)
        state = answer.json()["state"]
        if state == "queued":
            state = _run(job, request, on_record)
    return state


def defer(service: Service, request: Mapping[str, Any], deferral: Record) -> None:
    """Let a task instance wait for the trigger from which its task starts."""
    body = {
        "state": "deferred",
        "classpath": deferral["classpath"],
        "trigger_kwargs": deferral["kwargs"],
        "trigger_timeout": deferral["seconds"],
        "next_method": deferral["next_method"],
        "next_kwargs": deferral["next_kwargs"],
    }
    path = f"/execution/task-instances/{request['ti']['id']}/state"
    service.acting(request["token"]).call("PATCH", path, json=body)


def _run(job: Job, request: Mapping[str, Any], on_record: OnRecord) -> str:
    states = []

    def record(item: Record) -> None:
        if "final_state" in item:
            states.append(str(item["final_state"]).lower())
        on_record(item)

    end = job.ask({**request, "kind": "run"}, record)
    if end is None:
        raise WorkerEnded("the worker process ended while the task ran", job.said())
    if end["error"]:
        raise RunError(f"the supervisor could not run the task: {end['error'].strip()}")
    return str(end["state"] or states[-1])


def _trigger(service: Service, ti_id: str) -> Record:
    """What the service holds of a deferred task instance's trigger."""
    rows = contents(service)["task_instances"]
    (trigger,) = [row["trigger"] for row in rows if row["id"] == ti_id]
    seconds = None
    if trigger["timeout"] is not None:
        left = from_text(trigger["timeout"]) - from_text(trigger["created_date"])
        seconds = left.total_seconds()
    return {
        "trigger_id": trigger["id"],
        "classpath": trigger["classpath"],
        "kwargs": trigger["kwargs"],
        "timeout": trigger["timeout"],
        "seconds": seconds,
    }

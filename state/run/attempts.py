"""Run an attempt to its end, with the triggers for which it waits in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from ..model.clock import from_text
from .errors import RunError, WorkerEnded
from .register import Service
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
    state = "deferred" if is_first else _run(service, job, request, on_record)
    while state == "deferred" and has_trigger:
        trigger = {**request, **_trigger(service, ti_id), "kind": "trigger", "is_first": is_first}
        is_first = False
        outcome = job.ask(trigger, on_record)
        if outcome is None:
            raise WorkerEnded("the worker process ended while the trigger ran", job.said())
        answer = service.call("POST", f"{_TASK_INSTANCES}/{ti_id}/resume", json=outcome)
        state = answer.json()["state"]
        if state == "queued":
            state = _run(service, job, request, on_record)
    return state


def settled(service: Service, ti_id: str) -> str:
    """The state of an attempt that nobody runs any more.

    One that its worker has left running has failed, or is up for retry, as a scheduler of Airflow
    decides after a heartbeat timeout.
    """
    path = f"{_TASK_INSTANCES}/{ti_id}/heartbeat-timeout"
    return str(service.call("POST", path).json()["state"])


@contextmanager
def settled_at_an_error(service: Service, ti_id: str) -> Iterator[None]:
    """Leave no attempt running behind if the context ends by an error or an interrupt."""
    try:
        yield
    except BaseException:
        settled(service, ti_id)
        raise


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


def _run(service: Service, job: Job, request: Mapping[str, Any], on_record: OnRecord) -> str:
    end = job.ask({**request, "kind": "run"}, on_record)
    if end is None:
        raise WorkerEnded("the worker process ended while the task ran", job.said())
    if end["error"]:
        raise RunError(f"the supervisor could not run the task: {end['error'].strip()}")
    return settled(service, request["ti"]["id"])


def _trigger(service: Service, ti_id: str) -> Record:
    """What the service holds of a deferred task instance's trigger."""
    trigger = service.call("GET", f"{_TASK_INSTANCES}/{ti_id}").json()["trigger"]
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

"""Run the trigger of a deferred task to its first event, as the triggerer does."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import signal
import traceback
from datetime import datetime, timezone
from typing import Any

from . import dags, isolated
from .answers import Answers, Lines
from .comms import connected
from .processes import interrupt

_GRACE = 2.0  # seconds between the end of the time and SIGKILL
_AFTER_EVENT = 0.5  # seconds for what a trigger does after its first event
_ON_KILL = 1.0  # seconds of its on_kill()
_LEVELS = {"stdout": "info", "stderr": "error"}
_TIMEOUT, _FAILURE = "Trigger timeout", "Trigger failure"  # as the Task SDK compares them


class NotInTime(Exception):
    """A trigger did not fire before its timeout; one may raise ``TimeoutError`` itself."""


def run_isolated(job: dict[str, Any], request: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Run a trigger in a process of its own, and return what came of it: ``event``, ``state`` or
    ``error``, with its ``traceback``.
    """
    lines = {name: Lines() for name in ("log", *_LEVELS)}

    def forward(stream: str, data: bytes) -> None:
        for line in lines[stream].add(data):
            _forward(stream, line, request, answers)

    def fire(log: int) -> dict[str, Any]:
        answers.redirect(log)
        signal.signal(signal.SIGTERM, interrupt)
        return run(job, request)

    seconds = request["seconds"]
    limit = None
    if seconds is not None:
        limit = seconds + _GRACE
    result, problem = isolated.call(fire, limit, forward)
    for stream, buffer in lines.items():
        for line in buffer.last():
            _forward(stream, line, request, answers)
    if result is not None:
        return dict(result)
    if problem is None:
        return {"error": _TIMEOUT}
    message = f"the process of the trigger {problem}"
    _write(answers, request, "error", message, "trigger")
    return {"error": _FAILURE, "traceback": [f"{message}\n"]}


def _forward(stream: str, line: bytes, request: dict[str, Any], answers: Answers) -> None:
    """Send a line of a trigger's output as a record of the log that names the trigger."""
    if stream != "log":
        text = line.decode("utf-8", "backslashreplace")
        _write(answers, request, _LEVELS[stream], text, f"trigger.{stream}")
        return
    record = {**json.loads(line), "trigger_id": request["trigger_id"]}
    if "exception" in record:
        record["error_detail"] = record.pop("exception")  # as a supervisor names it
    answers.record(record)


def _write(answers: Answers, request: dict[str, Any], level: str, event: str, logger: str) -> None:
    answers.record(
        {
            "timestamp": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
            "level": level,
            "event": event,
            "logger": logger,
            "trigger_id": request["trigger_id"],
        }
    )


def run(job: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Run a trigger in this process."""
    import structlog
    from airflow.sdk.api.datamodels._generated import TaskInstance

    log = structlog.get_logger(logger_name="trigger")
    ti = TaskInstance(**request["ti"])
    with (
        structlog.contextvars.bound_contextvars(trigger_id=request["trigger_id"]),
        connected(ti, request["server"], request["token"]),
    ):
        try:
            trigger = _built(job, request, ti)
            event = asyncio.run(_first_event(trigger, request["seconds"], log))
            if event is None:
                log.error("The trigger ended without an event, so the task fails.")
                return {"error": _FAILURE}
            return _handed_over(event)
        except NotInTime:
            log.error("The trigger did not fire in time, so the task fails.")
            return {"error": _TIMEOUT}
        except Exception as error:
            log.exception("The trigger failed, so the task fails.")
            return {"error": _FAILURE, "traceback": traceback.format_exception(error)}


def _built(job: dict[str, Any], request: dict[str, Any], ti: Any) -> Any:
    """The trigger, with what the triggerer sets."""
    from airflow.models.trigger import Trigger
    from airflow.serialization.decoders import smart_decode_trigger_kwargs

    module, _, name = request["classpath"].rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    kwargs = request["kwargs"]
    if not isinstance(kwargs, str):  # a text is encrypted
        kwargs = json.dumps(kwargs)
    decoded = Trigger._decrypt_kwargs(kwargs)
    trigger = cls(**{key: smart_decode_trigger_kwargs(value) for key, value in decoded.items()})
    trigger.trigger_id = request["trigger_id"]
    trigger.task_instance = ti
    trigger.triggerer_job_id = None
    trigger.timeout_after = None
    if request["timeout"] is not None:
        trigger.timeout_after = datetime.fromisoformat(request["timeout"].replace("Z", "+00:00"))
    if request["is_first"]:  # the task has not run, so nothing has rendered its templates
        runtime_ti = _runtime_ti(job, ti)
        trigger.task_instance = runtime_ti
        trigger.render_template_fields(runtime_ti.get_template_context())
    return trigger


def _runtime_ti(job: dict[str, Any], ti: Any) -> Any:
    """A task instance with its task and its run."""
    from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetDagRun

    task = dags.bag(job).dags[ti.dag_id].get_task(ti.task_id)
    run = task_runner.SUPERVISOR_COMMS.send(GetDagRun(dag_id=ti.dag_id, run_id=ti.run_id))
    facts = {name: getattr(run, name) for name in DagRun.model_fields if hasattr(run, name)}
    context = TIRunContext.model_construct(
        dag_run=DagRun.model_construct(**facts), max_tries=task.retries
    )
    return task_runner.RuntimeTaskInstance.model_construct(
        **ti.model_dump(exclude_unset=True), task=task, _ti_context_from_server=context
    )


async def _first_event(trigger: Any, seconds: float | None, log: Any) -> Any:
    """A trigger's first event; None if it ends without one.

    :raises NotInTime: if it has none in time.
    """
    first: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(_consume(trigger, first))
    try:
        await asyncio.wait({task, first}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            if not task.done():
                raise NotInTime
            task.result()
            return None
        await asyncio.wait({task}, timeout=_AFTER_EVENT)
        if task.done() and task.exception() is not None:
            log.error("The trigger failed after its event.", exc_info=task.exception())
        return first.result()
    except asyncio.CancelledError:  # somebody interrupts the run
        if hasattr(trigger, "on_kill"):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(trigger.on_kill(), _ON_KILL)
        raise
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=_ON_KILL)
        with contextlib.suppress(Exception):
            await trigger.cleanup()


async def _consume(trigger: Any, first: asyncio.Future[Any]) -> None:
    async for event in trigger.run():
        if not first.done():
            first.set_result(event)


def _handed_over(event: Any) -> dict[str, Any]:
    """What a trigger's event does: it resumes the task, or it ends it and pushes its XComs."""
    from airflow.sdk.serde import serialize
    from airflow.triggers.base import BaseTaskEndEvent

    if not isinstance(event, BaseTaskEndEvent):
        return {"event": serialize(event.payload)}
    xcoms = {key: serialize(value) for key, value in (event.xcoms or {}).items()}
    return {"state": event.task_instance_state.value, "xcoms": xcoms}

"""The Dags of a file, with what a run needs to know of their tasks."""

from __future__ import annotations

import logging
import traceback
from itertools import chain
from typing import Any

from . import isolated

BUNDLE = "dags-folder"
_GRACE = 2.0  # seconds until a file is killed that Airflow has interrupted
_MOST_PRINTED = 20_000  # characters of what a Dag file printed before it failed


def inspected(job: dict[str, Any]) -> dict[str, Any]:
    """The Dags of the job's file, from a process of its own: a file may do anything."""
    printed = bytearray()

    def keep(stream: str, data: bytes) -> None:
        printed.extend(data)
        del printed[:-_MOST_PRINTED]

    seconds = _import_timeout()
    limit = None
    if seconds > 0:
        limit = seconds + _GRACE
    result, problem = isolated.call(lambda log: _facts_quietly(job), limit, keep)
    if result is None:
        error = f"it was not imported within {seconds:g} seconds, and did not let itself be stopped"
        if problem is not None:
            error = f"the process that imported it {problem}"
        result = {"error": error, "dags": {}}
    return {**result, "printed": printed.decode("utf-8", "replace")}


def _import_timeout() -> float:
    """Seconds, after which Airflow interrupts the import of a file; 0 for never."""
    from airflow.configuration import conf

    return float(conf.getfloat("core", "dagbag_import_timeout"))


def _facts_quietly(job: dict[str, Any]) -> dict[str, Any]:
    """The same without Airflow's own lines, which repeat the error; for a process of its own."""
    from airflow.dag_processing.dagbag import BundleDagBag

    silent = logging.getLogger("airflow.dag_processing")
    silent.setLevel(logging.CRITICAL + 1)
    BundleDagBag.log = silent  # its own is of structlog, which has no level for each logger
    return facts(job)


def facts(job: dict[str, Any]) -> dict[str, Any]:
    """The Dags of the job's file, by their ids, or the error of its import."""
    try:
        dags = bag(job)
    except BaseException:
        return {"error": traceback.format_exc(), "dags": {}}
    error = "\n".join(map(str, dags.import_errors.values())) or None
    return {"error": error, "dags": {dag_id: _dag(dag) for dag_id, dag in dags.dags.items()}}


def bag(job: dict[str, Any]) -> Any:
    """The bag of the Dags of the job's file."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(
        dag_folder=job["dag_file"],
        safe_mode=False,
        load_op_links=False,
        bundle_path=job["bundle"],
        bundle_name=BUNDLE,
    )


def _dag(dag: Any) -> dict[str, Any]:
    return {"tasks": {task_id: _task(task) for task_id, task in dag.task_dict.items()}}


def _task(task: Any) -> dict[str, Any]:
    expansions = _expansions(task)
    return {
        "retries": int(task.retries or 0),
        "inlets": list(map(_asset, task.inlets or ())),
        "outlets": list(map(_asset, task.outlets or ())),
        "is_mapped": bool(expansions),
        "length": ["product", *chain.from_iterable(map(_lengths, expansions))],
        "multiple_outputs": bool(getattr(task, "multiple_outputs", False)),
        "deferral": _first_deferral(task),
    }


def _expansions(task: Any) -> list[Any]:
    """What a task, and the task groups that it is in, are mapped over."""
    groups = task.iter_mapped_task_groups()
    inputs = [getattr(group, "_expand_input", None) for group in groups]
    if getattr(task, "is_mapped", False):
        inputs.append(task._get_specified_expand_input())
    return [getattr(each, "value", None) for each in inputs]


def _lengths(expansion: Any) -> list[Any]:
    """How many values each argument of an expansion has; the product is the number of task
    instances.
    """
    parts = expansion.values() if isinstance(expansion, dict) else [expansion]
    return list(map(_length, parts))


def _length(values: Any) -> Any:
    """How many values there are: a number, the task whose return value decides it, or the name of a
    rule for several, with the length of each; None if it cannot be said.
    """
    from airflow.sdk.definitions._internal.types import is_arg_set
    from airflow.sdk.definitions.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, ZipXComArg

    if isinstance(values, list | tuple | dict):
        return len(values)
    if isinstance(values, PlainXComArg):
        task = values.operator
        return {"task_id": task.task_id, "is_mapped": bool(task.is_mapped)}
    if isinstance(values, MapXComArg):
        return _length(values.arg)
    if isinstance(values, ConcatXComArg):
        return ["concat", *map(_length, values.args)]
    if isinstance(values, ZipXComArg):
        rule = "zip_longest" if is_arg_set(values.fillvalue) else "zip"
        return [rule, *map(_length, values.args)]
    return None


def _first_deferral(task: Any) -> dict[str, Any] | None:
    """The trigger from which a task starts, if it does."""
    arguments = getattr(task, "start_trigger_args", None)
    if arguments is None or not getattr(task, "start_from_trigger", False):
        return None
    from airflow.sdk.serde import serialize

    limits = [limit for limit in (arguments.timeout, task.execution_timeout) if limit is not None]
    return {
        "classpath": arguments.trigger_cls,
        "kwargs": serialize(arguments.trigger_kwargs or {}),
        "next_method": arguments.next_method,
        "next_kwargs": serialize(arguments.next_kwargs or {}),
        "seconds": min(limits).total_seconds() if limits else None,
    }


def _asset(asset: Any) -> dict[str, Any]:
    """An asset, or a reference of one, by the class and what names it."""
    names = {name: getattr(asset, name, None) for name in ("name", "uri", "group")}
    return {"type": type(asset).__name__, **names}

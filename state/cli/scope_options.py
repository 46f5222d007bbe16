"""The options that name a task instance or an asset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..model.scopes import AssetScope, StoreScope, TaskScope

_NAMES = ("dag_id", "run_id", "task_id")


def scoped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a task instance or an asset."""
    for option in (
        click.option("--asset", help="Name of the asset."),
        click.option(
            "--map-index", type=int, help="Map index; default: -1, a task that is not mapped."
        ),
        click.option("--task", "task_id", help="Task id."),
        click.option("--run", "run_id", help="Run id."),
        click.option("--dag", "dag_id", help="Dag id."),
    ):
        command = option(command)
    return command


def scope_of(where: dict[str, Any]) -> StoreScope:
    """The scope that the options name.

    :raises click.UsageError: if they name neither, only part of a task instance, or both.
    """
    if where["asset"] is not None:
        if any(where[name] for name in _NAMES):
            raise click.UsageError(
                "name a task instance (--dag, --run, --task) or an --asset, not both"
            )
        return AssetScope(name=where["asset"])
    if not all(where[name] for name in _NAMES):
        raise click.UsageError(
            "name a task instance with --dag, --run and --task, or an asset with --asset"
        )
    map_index = where["map_index"]
    if map_index is None:
        map_index = -1
    return TaskScope(where["dag_id"], where["run_id"], where["task_id"], map_index)


def scope_if_any(where: dict[str, Any]) -> StoreScope | None:
    """Like :func:`scope_of`, but None if no option was given at all."""
    if all(value is None for value in where.values()):
        return None
    return scope_of(where)

"""The options that name a task instance or an asset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..model.scopes import StoreScope, scope_named

_SCOPE = "name a task instance with --dag, --run and --task, or an asset with --asset"


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
    try:
        scope = scope_named({name: value for name, value in where.items() if value != ""})
    except ValueError:
        raise click.UsageError(f"{_SCOPE}, not both") from None
    if scope is None:
        raise click.UsageError(_SCOPE)
    return scope


def scope_if_any(where: dict[str, Any]) -> StoreScope | None:
    """Like :func:`scope_of`, but None if no option was given at all."""
    if all(value is None for value in where.values()):
        return None
    return scope_of(where)

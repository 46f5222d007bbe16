"""The options that name a task instance or an asset, as short as they can be."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ...errors import NotFound
from ...model.scopes import (
    COORDINATES,
    AssetScope,
    StoreScope,
    label,
    scope_document,
    task_scope_from,
)
from ...terminal import printable
from ...words import count, near
from .connection import pages

if TYPE_CHECKING:
    from ...client.http import StateroomClient

LATEST = "latest"  # as a run id: the newest run of each Dag
_TASKS = "/_stateroom/tasks"
_SCOPE = (
    "name a task instance with --task (and --dag, --run, --map-index), or an asset with --asset"
)
_FLAGS = {"dag_id": "--dag", "run_id": "--run", "task_id": "--task", "map_index": "--map-index"}
_HIGHEST_MAP_INDEX = 2**63 - 1
_SHOWN = 10  # task instances that fit
_USAGE = 2  # exit status


class MapIndex(click.types.IntParamType):
    """A map index, or -1; the help need not show the 19 digits of the highest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = int(super().convert(value, param, ctx))
        if not -1 <= number <= _HIGHEST_MAP_INDEX:
            self.fail(f"{value!r} is not between -1 and {_HIGHEST_MAP_INDEX}.", param, ctx)
        return number


MAP_INDEX = MapIndex()


def scoped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a task instance or an asset."""
    for option in (
        click.option("--asset", help="Name of the asset."),
        click.option("--ti", "ti_id", type=click.UUID, help="Id of an attempt, instead of those."),
        click.option(
            "--map-index", type=MAP_INDEX, help="Map index; -1 for a task that is not mapped."
        ),
        click.option("--task", "task_id", help="Task id."),
        click.option(
            "--run", "run_id", help=f"Run id, or a part of it; {LATEST!r} for the newest run."
        ),
        click.option("--dag", "dag_id", help="Dag id."),
    ):
        command = option(command)
    return command


def scope_of(
    client: StateroomClient, where: dict[str, Any], key: str | None = None, exact: bool = False
) -> StoreScope:
    """The scope that the options name, of which only so many are needed that one fits.

    :param key: for a call that asks for a key: only task instances that have it count, if any has.
    :param exact: take whole coordinates as they are where not one task instance has them, as for a
        call about the past.
    :raises click.ClickException: if the options name nothing, both, or several.
    :raises NotFound: if nothing fits.
    """
    given = check_one_way(where)
    if "asset" in given:
        return AssetScope(name=given["asset"])
    is_whole = given.keys() >= set(COORDINATES) and given["run_id"] != LATEST
    page = _fitting(client, given, None if exact and is_whole else key)
    if page["total_entries"] == 1:
        return task_scope_from(page["tasks"][0])
    if exact and is_whole:
        return task_scope_from(given)
    if not page["total_entries"]:
        raise _no_task_fits(page["problem"])
    raise Several(page, given)


def check_one_way(where: dict[str, Any]) -> dict[str, Any]:
    """The options that are given.

    :raises click.UsageError: if they name nothing, or something in two ways.
    """
    given = {name: value for name, value in where.items() if value not in (None, "")}
    if not given:
        raise click.UsageError(_SCOPE)
    if len(given) > 1 and given.keys() & {"asset", "ti_id"}:
        raise click.UsageError(f"{_SCOPE}, or an attempt with --ti, not both")
    return given


def scope_if_any(client: StateroomClient, where: dict[str, Any]) -> StoreScope | None:
    """Like :func:`scope_of`, but None if no option was given at all."""
    if all(value is None for value in where.values()):
        return None
    return scope_of(client, where, exact=True)


def tasks_query(where: dict[str, Any]) -> dict[str, Any]:
    """The query for the task instances that the options name."""
    query = {name: value for name, value in where.items() if value is not None}
    if query.get("run_id") == LATEST:
        del query["run_id"]
        query["latest"] = "1"
    return query


def fitting_tasks(client: StateroomClient, query: dict[str, Any]) -> list[dict[str, Any]]:
    """All task instances that fit a query, those of the newest runs first.

    :raises NotFound: if the query names some, and none fits.
    """
    rows = pages(client, _TASKS, "tasks", query)
    if query and not rows:
        raise _no_task_fits(client.ask("GET", _TASKS, params={**query, "limit": 1})["problem"])
    return rows


def _no_task_fits(problem: str | None) -> NotFound:
    return NotFound(f"no task instance fits: {problem or 'stateroom tasks lists those that exist'}")


def _fitting(client: StateroomClient, given: dict[str, Any], key: str | None) -> dict[str, Any]:
    query = {**tasks_query(given), "limit": _SHOWN}
    page: dict[str, Any] = {"total_entries": 0}
    if key is not None:
        page = client.ask("GET", _TASKS, params={**query, "key": key})
    if not page["total_entries"]:
        page = client.ask("GET", _TASKS, params=query)
    return page


class Several(click.ClickException):
    """Several task instances fit: the options that tell them apart are listed."""

    exit_code = _USAGE

    def __init__(self, page: dict[str, Any], given: dict[str, Any]) -> None:
        tasks = page["tasks"]
        differing = [name for name in _FLAGS if len({task[name] for task in tasks}) > 1]
        lines = [_options(task, differing) for task in tasks]
        if page["total_entries"] > len(tasks):
            lines.append(f"and {page['total_entries'] - len(tasks)} more: stateroom tasks list")
        fitting = count(page["total_entries"], "task instance")
        listed = "\n  ".join(lines)
        super().__init__(f"{fitting} fit; add one of\n  {listed}")


def _options(task: dict[str, Any], members: list[str]) -> str:
    return printable(" ".join(f"{_FLAGS[name]} {shlex.quote(str(task[name]))}" for name in members))


def key_not_found(client: StateroomClient, scope: StoreScope, key: str) -> NotFound:
    """The error for a missing key: where a similar one is, or else what became of it."""
    query = {**scope_document(scope), "key": key}
    answer = client.ask("GET", "/_stateroom/explain", params=query)
    message = f"key {key!r} of {label(scope)} not found"
    if answer["near"]:
        return NotFound(f"{message}: {answer['near'][0]['why']}")
    return NotFound(f"{message}. {answer['sentence']}")


def asset_id_of(client: StateroomClient, name: str) -> int:
    """The id of an active asset.

    :raises NotFound: if there is none of this name, with those that are alike.
    """
    query = {"name_prefix_pattern": name, "order_by": "name"}
    for asset in client.ask("GET", "/api/v2/assets", params=query)["assets"]:
        if asset["name"] == name:
            return int(asset["id"])
    names = [asset["name"] for asset in pages(client, "/api/v2/assets", "assets")]
    raise NotFound(f"no asset {name!r}{near(name, names)}")

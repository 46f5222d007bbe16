"""The metadata of a view, in one place: what it takes, what it answers, and what it does to the
state of a task instance or an asset.

``/openapi.json``, the journal, the faults and the server's lanes read it here. A view of an API
without it fails a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Blueprint, Flask, current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from marshmallow import Schema

from state.model.compat import Rules

from .service import service_of

View = TypeVar("View", bound=Callable[..., Any])
Query = type[Schema]
Body = type[Schema] | tuple[type[Schema], ...]
StateOp = Literal[
    "get",
    "set",
    "delete",
    "clear",
    "list",
    "state",
    "get_xcom",
    "list_xcoms",
    "set_xcom",
    "delete_xcom",
    "get_variable",
    "list_variables",
    "get_connection",
    "get_asset",
    "list_asset_events",
    "set_rendered_fields",
    "set_rendered_map_index",
    "set_run_note",
    "heartbeat",
]
LaneName = Literal["slow", "backend", "waiting", "passed", "reporting", "learning"]

NO_BODY = (204, None)

# lanes, see web/server/lanes.py; a view that names none answers at once
SLOW: LaneName = "slow"  # counts, sorts, or writes many rows
BACKEND: LaneName = "backend"  # calls the state backend
WAITING: LaneName = "waiting"  # waits on purpose
PASSED: LaneName = "passed"  # is passed on to an Airflow
REPORTING: LaneName = "reporting"  # is passed on to it too, for a worker
LEARNING: LaneName = "learning"  # asks an Airflow first what it is about

BACKEND_ERRORS = (400, 404, 429, 502, 503, 504)  # of a call that asks the backend


@dataclass(frozen=True)
class Operation:
    """What a view takes and answers; the view keeps it as its attribute ``operation``.

    :param answer: its status, and the schema of its body, a bare JSON schema, or None for no body.
    :param regional: its query where task instances may lie in regions.
    :param body: a schema, or several of which one has to fit.
    :param newer: a version of the Execution API, and its body from that on.
    :param preferred: the schema of the body, with status 200, that a client gets which prefers one
        by ``Prefer: return=representation``, if the headers have too little room.
    :param also: further statuses of its own.
    :param errors: the bodies of errors, by their status, where they differ from its API's.
    :param by: the queries of a path that goes by name or by uri.
    :param open: whether it needs no token even where there is a secret.
    :param workload: whether it takes a worker's first token too, whose scope is ``workload``.
    :param forms: whether its body may be a form too.
    :param since: the first version of the Execution API that has it.
    :param older_methods: the methods that older versions take at its path, if they have it.
    :param headers: of its answer, with what they say.
    :param state_op: what it does to the state of a task instance or an asset, as the journal and
        the faults name it; None if it does nothing to it.
    :param entity: on whose state a person's role must allow it: ``task`` (viewers read, users
        write) or ``asset`` (viewers read, ops write).
    :param lane: which threads answer it; None for those of the short calls.
    :param waits: the query parameter with which it waits on purpose.
    :param knows_attempts: whether it tells itself that the caller's attempt is a former one.
    """

    answer: tuple[int, type[Schema] | dict[str, Any] | None]
    query: Query | None = None
    regional: Query | None = None
    body: Body | None = None
    newer: tuple[str, Body] | None = None
    preferred: type[Schema] | None = None
    also: tuple[int, ...] = ()
    errors: Mapping[int, tuple[type[Schema], ...]] | None = None
    by: Mapping[str, Query] | None = None
    open: bool = False
    workload: bool = False
    forms: bool = False
    since: str = ""
    older_methods: tuple[str, ...] = ()
    headers: Mapping[str, str] | None = None
    state_op: StateOp | None = None
    entity: Literal["task", "asset"] | None = None
    lane: LaneName | None = None
    waits: str | None = None
    knows_attempts: bool = False

    def __call__(self, view: View) -> View:
        view.operation = self  # type: ignore[attr-defined]  # a function takes any attribute
        if self.lane:
            return lane(self.lane)(view)
        return view


def or_null(schema: type[Schema]) -> dict[str, Any]:
    """The JSON schema of an answer that is null where there is nothing to answer."""
    return {"anyOf": [schema, {"type": "null"}]}


def lane(name: LaneName) -> Callable[[View], View]:
    """Set which threads answer a page; an API's view sets it in its :class:`Operation`."""

    def decorate(view: View) -> View:
        view.lane = name  # type: ignore[attr-defined]  # a function takes any attribute
        return view

    return decorate


def route_where(
    bp: Blueprint, rule: Callable[[Rules], bool], path: str, method: str
) -> Callable[[View], View]:
    """Route a path to a view only where the Airflow version that is emulated has it."""

    def decorate(view: View) -> View:
        def add(state: BlueprintSetupState) -> None:
            if rule(service_of(state.app).store.rules):  # type: ignore[arg-type]  # it is a Flask
                state.add_url_rule(path, view.__name__, view, methods=[method])

        bp.record(add)
        return view

    return decorate


def part_of_page(view: View) -> View:
    """Mark a view whose answer a script puts into a page, so that no redirect can replace it."""
    view.is_part_of_page = True  # type: ignore[attr-defined]  # a function takes any attribute
    return view


def operation_of(app: Flask, endpoint: str | None) -> Operation | None:
    """The metadata of an endpoint's view; None if it has none or does not exist."""
    return getattr(app.view_functions.get(endpoint or ""), "operation", None)


def current_operation() -> Operation | None:
    """The metadata of this request's view; None if it has none."""
    return operation_of(current_app, request.endpoint)

"""Routes that Airflow has and Stateroom does not: 400 with the reason ``not_emulated``,
instead of a 404 that looks like a typo.

``not_emulated.txt`` lists those of 3.3.2, as Airflow's own OpenAPI documents do, and the rules of a
later version those that it has besides. The SDK retries every 5xx
for ten seconds, so this is a 4xx. They are no rules of the app, since those of a hundred paths took
a seventh of its start; a path that no rule takes is looked up here. Below stand Airflow's own
answers to paths that it does not have either.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from ..apis import CORE, EXECUTION, current_api
from ..error_handlers import redirected, with_or_without_slash
from ..errors import NotEmulated
from ..request.auth import authenticate_worker, core_role
from ..request.version import check_version, echo
from ..responses import json_answer
from ..service import rules

bp = Blueprint("not_emulated", __name__)
_VARIABLE = re.compile(r"\\{\w+(:path)?\\}")
Route = tuple[re.Pattern[str], str, list[str]]


@lru_cache(maxsize=2)
def routes(further: tuple[str, ...] = ()) -> list[Route]:
    """Pattern, path template and methods of each route, the longest fixed parts first.

    :param further: the lines of a later version.
    """
    lines = Path(__file__).with_suffix(".txt").read_text("ascii").splitlines()
    pairs = [
        (template, methods.split(","))
        for methods, _, template in (line.partition(" ") for line in [*lines, *further])
    ]
    pairs.sort(key=lambda pair: -len(re.sub(r"{.*?}", "", pair[0])))
    return [(_pattern(template), template, methods) for template, methods in pairs]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_VARIABLE.sub(lambda part: ".+" if part[1] else "[^/]+", re.escape(template)))


def templates(path: str, further: tuple[str, ...] = ()) -> dict[str, str]:
    """The methods that Airflow takes at a path, each with its template.

    :param further: as for :func:`routes`.
    """
    found: dict[str, str] = {}
    for pattern, template, methods in routes(further):
        if pattern.fullmatch(path):
            found = {**dict.fromkeys(methods, template), **found}
    return found


def refuse() -> Response | None:
    """Refuse a route that Airflow has, and no view here.

    :returns: a redirect to the path without its last slash or with one, or None for a path that
        Airflow has not either.
    :raises NotEmulated: to an authorised caller.
    """
    is_execution = current_api() is EXECUTION
    if is_execution:
        check_version()
    further = rules().further_routes
    routes = templates(request.path, further)
    if request.method in routes:
        if is_execution:
            authenticate_worker()
        else:
            core_role()
        raise NotEmulated(routes[request.method])
    if routes:
        if isinstance(request.routing_exception, NotFound):
            raise MethodNotAllowed(sorted(routes))
        return None
    if is_execution and templates(path := with_or_without_slash(), further):
        return echo(redirected(path))
    return None


@bp.get(f"{CORE.prefix}/<key:rest>")
def unknown(rest: str) -> Response:
    """Answer as Airflow does; that this takes every path is also why a write to one is 405."""
    refuse()
    return json_answer({"error": "API route not found"}, 404)


@bp.get(f"{CORE.prefix}/v1/<key:rest>")
def removed(rest: str) -> Response:
    """Say that the API of Airflow 2 is removed."""
    refuse()
    message = (
        "/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead."
    )
    return json_answer({"error": message}, 404)

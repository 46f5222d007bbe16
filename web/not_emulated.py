"""Routes that Airflow 3.3.2 has and Stateroom does not: an honest 400 instead of a 404 that looks like a typo.

Below them stand Airflow's own answers to paths that it does not have either.

``not_emulated.txt`` lists them, as Airflow's own OpenAPI documents do. The SDK retries every 5xx for ten seconds, so
this is a 4xx.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from flask import Blueprint, Response

from .auth import authenticate_worker, core_role
from .errors import NotEmulated, api_name, json_answer

bp = Blueprint("not_emulated", __name__)


def routes() -> list[tuple[list[str], str]]:
    """Methods and path template of each route."""
    lines = Path(__file__).with_suffix(".txt").read_text("ascii").splitlines()
    return [(methods.split(","), template) for methods, _, template in (line.partition(" ") for line in lines)]


def _view(template: str) -> Callable[..., Any]:
    def refuse(**_: str) -> NoReturn:
        authenticate_worker() if api_name() == "execution" else core_role()
        raise NotEmulated(template)

    return refuse


for _number, (_methods, _template) in enumerate(routes()):
    _rule = re.sub(r"{(\w+)(:path)?}", lambda part: f"<{'path:' if part[2] else ''}{part[1]}>", _template)
    bp.add_url_rule(_rule, endpoint=str(_number), view_func=_view(_template), methods=_methods)


@bp.get("/api/<key:rest>")
def unknown(rest: str) -> Response:
    """Answer as Airflow does; that this takes every path is also why a write to one is 405."""
    return json_answer({"error": "API route not found"}, 404)


@bp.get("/api/v1/<key:rest>")
def removed(rest: str) -> Response:
    """Say where the API of Airflow 2 went."""
    message = "/api/v1 has been removed in Airflow 3, please use its upgraded version /api/v2 instead."
    return json_answer({"error": message}, 404)

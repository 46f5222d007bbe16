"""Routes that Airflow 3.3.2 has and Stateroom does not: an honest 400 instead of a 404 that looks like a typo.

``not_emulated.txt`` lists them, as Airflow's own OpenAPI documents do. The SDK retries every 5xx for ten seconds, so
this is a 4xx.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from flask import Blueprint

from .errors import NotEmulated

bp = Blueprint("not_emulated", __name__)


def routes() -> list[tuple[list[str], str]]:
    """Methods and path template of each route."""
    lines = Path(__file__).with_suffix(".txt").read_text("ascii").splitlines()
    return [(methods.split(","), template) for methods, _, template in (line.partition(" ") for line in lines)]


def _view(template: str) -> Callable[..., Any]:
    def refuse(**_: str) -> NoReturn:
        raise NotEmulated(template)

    return refuse


for _number, (_methods, _template) in enumerate(routes()):
    _rule = re.sub(r"{(\w+)(:path)?}", lambda part: f"<{'path:' if part[2] else ''}{part[1]}>", _template)
    bp.add_url_rule(_rule, endpoint=str(_number), view_func=_view(_template), methods=_methods)

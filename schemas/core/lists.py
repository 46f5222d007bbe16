"""A page of a list."""

from __future__ import annotations

from ..base import Parameters
from ..fields.airflow import Integer


class Pagination(Parameters):
    """A page of a list; ``limit`` is cut to ``maximum_page_limit``."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)

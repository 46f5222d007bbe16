"""A page of a list."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Integer, Text, UtcDateTime


class Pagination(Parameters):
    """A page of a list; ``limit`` is cut to ``maximum_page_limit``."""

    limit = Integer(least=0, load_default=50)
    offset = Integer(least=0, load_default=0)


class DatedPagination(Pagination):
    """A page of a list; what it shows may be limited by two moments of the dag runs, and by how
    the ids of their Dags and their own begin.
    """

    dag_id_prefix_pattern = Text()
    run_id_prefix_pattern = Text()
    run_after_gte = UtcDateTime()
    run_after_gt = UtcDateTime()
    run_after_lte = UtcDateTime()
    run_after_lt = UtcDateTime()
    logical_date_gte = UtcDateTime()
    logical_date_gt = UtcDateTime()
    logical_date_lte = UtcDateTime()
    logical_date_lt = UtcDateTime()


class CursorPage(Schema):
    """What stands beside a page of a list that Airflow can also read by a cursor."""

    total_entries = fields.Int(required=True)
    total_entries_limit = fields.Int(required=True, allow_none=True)
    next_cursor = fields.Str(required=True, allow_none=True)
    previous_cursor = fields.Str(required=True, allow_none=True)

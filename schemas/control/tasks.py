"""Bodies of the list of task instances."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Parameters
from ..fields.airflow import Integer, Text, Truth, Uuid4


class TasksQuery(Parameters):
    """What is known of the task instances.

    ``run_id`` may be a part of one; ``latest`` means the newest run of each Dag; ``key`` is
    one that they have, ``ti_id`` the id of any attempt.
    """

    dag_id = Text()
    run_id = Text(least=1)
    latest = Truth(load_default=False)
    task_id = Text()
    map_index = Integer(least=-1)
    key = Text(least=1)
    ti_id = Uuid4()
    limit = Integer(least=1, load_default=100)
    offset = Integer(least=0, load_default=0)


class TaskInstanceRow(Schema):
    """A task instance with its current attempt, if it has one, and the number of its keys."""

    id = fields.Str(required=True, allow_none=True)
    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    task_id = fields.Str(required=True)
    map_index = fields.Int(required=True)
    try_number = fields.Int(required=True, allow_none=True)
    state = fields.Str(required=True, allow_none=True)
    keys = fields.Int(required=True)


class Tasks(Schema):
    """A page of them; ``problem`` says which coordinate none of them has, and which are alike."""

    tasks = fields.List(fields.Nested(TaskInstanceRow), required=True)
    total_entries = fields.Int(required=True)
    problem = fields.Str(required=True, allow_none=True)

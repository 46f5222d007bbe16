"""Bodies of namespaces and of their clocks."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Control
from ..fields.airflow import UtcDateTime
from ..fields.control import Flag, Span, Word
from .fixtures import Fixture


class NamespaceBody(Control):
    """Create a namespace; a fixture is loaded into it, also by each reset."""

    name = Word(required=True)
    fixture = fields.Nested(Fixture)


class NamespaceMade(Schema):
    """A namespace, and the path prefix of its APIs."""

    name = fields.Str(required=True)
    path = fields.Str(required=True)
    created_at = UtcDateTime(required=True, allow_none=True)


class Namespace(NamespaceMade):
    """A namespace, with counts of what it holds."""

    dag_runs = fields.Int(required=True)
    task_instances = fields.Int(required=True)
    assets = fields.Int(required=True)
    keys = fields.Int(required=True)


class Namespaces(Schema):
    """All namespaces, by name."""

    namespaces = fields.List(fields.Nested(Namespace), required=True)
    total_entries = fields.Int(required=True)


class ClockBody(Control):
    """Changes of a clock: set it, freeze it, advance it by seconds, use it for tokens too."""

    now = UtcDateTime()
    frozen = Flag()
    advance = Span()
    tokens = Flag()


class Clock(Schema):
    """A clock; ``offset`` is the seconds by which a running one is ahead of real time."""

    now = UtcDateTime(required=True)
    frozen = fields.Bool(required=True)
    offset = fields.Float(required=True)
    tokens = fields.Bool(required=True)

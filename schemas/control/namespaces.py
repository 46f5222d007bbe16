"""Bodies of namespaces and of their clocks."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..base import Control
from ..fields.airflow import UtcDateTime
from ..fields.control import Flag, Span, Word
from .fixtures import Fixture


class NamespaceBody(Control):
    """Make a namespace; with a fixture it begins with that, and a reset returns to it."""

    name = Word(required=True)
    fixture = fields.Nested(Fixture)


class NamespaceMade(Schema):
    """A namespace, and the path before its APIs."""

    name = fields.Str(required=True)
    path = fields.Str(required=True)
    created_at = UtcDateTime(required=True, allow_none=True)


class Namespace(NamespaceMade):
    """A namespace, and how much it holds."""

    dag_runs = fields.Int(required=True)
    task_instances = fields.Int(required=True)
    assets = fields.Int(required=True)
    keys = fields.Int(required=True)


class Namespaces(Schema):
    """All namespaces, by name."""

    namespaces = fields.List(fields.Nested(Namespace), required=True)
    total_entries = fields.Int(required=True)


class ClockBody(Control):
    """Changes to a clock: set, freeze or resume it, move it by seconds, use it for tokens too."""

    now = UtcDateTime()
    frozen = Flag()
    advance = Span()
    tokens = Flag()


class Clock(Schema):
    """A clock; ``offset`` is how far it is ahead of real time, in seconds, while it runs."""

    now = UtcDateTime(required=True)
    frozen = fields.Bool(required=True)
    offset = fields.Float(required=True)
    tokens = fields.Bool(required=True)

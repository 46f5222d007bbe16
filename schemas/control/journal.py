"""Bodies of the journal, of a key's history and of explanations."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from state.model.events import OPS

from ..base import Control, Parameters
from ..fields.airflow import AnyJson, Integer, Text, Truth, UtcDateTime, Uuid4
from ..fields.control import Seconds, Span, Whole, Word

MOST = 1000  # events in one response, and in one body


class ScopeQuery(Parameters):
    """A task instance by its coordinates, or an asset by its name, or neither."""

    dag_id = Text()
    run_id = Text()
    task_id = Text()
    map_index = Integer(least=-1, load_default=-1)
    asset = Text()


class JournalQuery(ScopeQuery):
    """The events after a number; ``wait`` is a timeout in seconds, if there is none yet.

    At most ``limit`` events: the first ones, or with ``newest`` the last ones; always in order.
    With ``fitting``, coordinates of task instances may be left out, and ``run_id`` may be a part
    of one, or ``latest`` is given, as in ``/_stateroom/tasks``.
    With ``as_written`` the notes leave out which calls probably were retries.
    """

    map_index = Integer(least=-1)
    fitting = Truth(load_default=False)
    latest = Truth(load_default=False)

    after = Integer(least=0, load_default=0)
    wait = Seconds(load_default=0.0)
    limit = Integer(least=1, load_default=100)
    newest = Truth(load_default=False)
    op = Text(validate=validate.OneOf(OPS))
    api = Text()
    key = Text()
    ti_id = Text()
    as_written = Truth(load_default=False)


class Actor(Schema):
    """The actor of an event."""

    kind = fields.Str(required=True)
    ti_id = fields.Str(required=True, allow_none=True)
    try_number = fields.Int(required=True, allow_none=True)


class Event(Schema):
    """An event; ``value`` is missing if it has none."""

    seq = fields.Int(required=True)
    at = UtcDateTime(required=True)
    real_at = fields.Float(required=True)
    actor = fields.Nested(Actor, required=True)
    api = fields.Str(required=True)
    op = fields.Str(required=True)
    scope = fields.Dict(required=True, allow_none=True)
    key = fields.Str(required=True, allow_none=True)
    status = fields.Int(required=True, allow_none=True)
    value = fields.Raw(allow_none=True)
    kind = fields.Str(required=True, allow_none=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    expires_by = fields.Str(required=True, allow_none=True)
    parent = fields.Int(required=True, allow_none=True)
    saw = fields.Int(required=True, allow_none=True)
    note = fields.Str(required=True, allow_none=True)
    delay = fields.Float(required=True, allow_none=True)
    outcome = fields.Str(required=True, allow_none=True)
    state = fields.Str(required=True, allow_none=True)


class Events(Schema):
    """Events in order, and the numbers of the oldest and the newest in the journal."""

    events = fields.List(fields.Nested(Event), required=True)
    oldest = fields.Int(required=True)
    last = fields.Int(required=True)


class WrittenActor(Control):
    """The actor of an event of another journal."""

    kind = Word(required=True)
    ti_id = Word(allow_none=True)


class WrittenScope(Control):
    """A task instance by its coordinates, or an asset by its name."""

    dag_id = Word()
    run_id = Word()
    task_id = Word()
    map_index = Whole(least=-1)
    asset = Word()


class WrittenEvent(Control):
    """An event of another journal, as that sends it."""

    seq = Whole(least=1, required=True)
    at = UtcDateTime(required=True)
    real_at = Span(required=True)
    actor = fields.Nested(WrittenActor, required=True)
    api = Word(required=True)
    op = Word(required=True, validate=validate.OneOf(OPS))
    scope = fields.Nested(WrittenScope, allow_none=True, load_default=None)
    key = Word(allow_none=True)
    status = Whole(least=0, allow_none=True)
    value = AnyJson()
    kind = Word(allow_none=True)
    expires_at = UtcDateTime(allow_none=True)
    expires_by = Word(allow_none=True)
    parent = Whole(least=0, allow_none=True)
    saw = Whole(least=0, allow_none=True)
    note = Word(allow_none=True)
    delay = Span(allow_none=True)
    outcome = Word(allow_none=True)
    state = Word(allow_none=True)


class EventsToAdd(Control):
    """Events of another journal, in order, and the numbers that earlier ones have here, by those
    that they have there.
    """

    events = fields.List(
        fields.Nested(WrittenEvent), required=True, validate=validate.Length(max=MOST)
    )
    numbers = fields.Dict(keys=Integer(least=1), values=Whole(least=1), load_default=dict)


class EventsAdded(Schema):
    """How many events were added, and the numbers that all of them have here."""

    added = fields.Int(required=True)
    numbers = fields.Dict(keys=fields.Str(), values=fields.Int(), required=True)


class HistoryQuery(ScopeQuery):
    """A key; ``at`` is a time of the namespace's clock, or the number of an event."""

    key = Text(least=1, required=True)
    at = Text(least=1)


class Change(Event):
    """An event that changed the key; ``lost`` is the number of the write it overwrote unread."""

    lost = fields.Int(required=True, allow_none=True)


class History(Schema):
    """The events that changed a key, oldest first; with ``at``, its value then and the event."""

    history = fields.List(fields.Nested(Change))
    found = fields.Bool()
    value = fields.Raw(allow_none=True)
    event = fields.Nested(Change, allow_none=True)


class ExplainQuery(ScopeQuery):
    """A key of a task instance (by coordinates or by an attempt's id), or of an asset."""

    key = Text(required=True, least=1)
    ti_id = Uuid4()


class Miss(Schema):
    """The same key in another scope, or a similar key."""

    scope = fields.Dict(required=True)
    key = fields.Str(required=True)
    why = fields.Str(required=True)


class Explanation(Schema):
    """Why a key is readable, or missing, and when it expires, by which clock."""

    key = fields.Str(required=True)
    scope = fields.Dict(required=True, allow_none=True)
    found = fields.Bool(required=True)
    sentence = fields.Str(required=True)
    expires_at = UtcDateTime(required=True, allow_none=True)
    expired = fields.Bool(required=True)
    expires_by = fields.Str(required=True, allow_none=True)
    near = fields.List(fields.Nested(Miss), required=True)

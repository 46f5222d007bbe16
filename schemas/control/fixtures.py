"""Stateroom's own bodies: the fixture document, task instances, assets, the service itself."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from ..base import Control, Parameters
from ..fields.airflow import (
    AnyJson,
    Integer,
    JsonObject,
    JsonValue,
    Text,
    Truth,
    UtcDateTime,
    Uuid4,
)
from ..fields.control import AssetReference, Flag, Secret, Span, Whole, Word
from ..fields.problems import Problem
from ..fields.task_states import TASK_INSTANCE_STATES, Mapping

RUN_TYPES = (
    "backfill scheduled manual operator_triggered asset_triggered asset_materialization"
).split()


class Config(Control):
    """The settings of a namespace, which override those of the service."""

    clear_on_success = Flag()
    default_retention_days = Whole(least=-(2**31))
    max_value_storage_bytes = Whole(least=0)
    maximum_page_limit = Whole(least=1)
    state_cleanup_batch_size = Whole(least=0)
    jwt_secret = Word(least=1, allow_none=True)


class Coordinates(Control):
    """A task instance by its coordinates; one in a dynamic region with the id of that, and with its
    index there, which may also stand as ``map_index``.
    """

    dag_id = Word(least=1, required=True)
    run_id = Word(least=1, required=True)
    task_id = Word(least=1, required=True)
    map_index = Whole(least=-1)
    region_id = Uuid4(allow_none=True)
    region_index = Whole(least=-1, allow_none=True)


class DagRun(Control):
    """A dag run."""

    dag_id = Word(least=1, required=True)
    run_id = Word(least=1, required=True)
    logical_date = UtcDateTime(allow_none=True)
    run_after = UtcDateTime(allow_none=True)
    state = Word(validate=validate.OneOf(["queued", "running", "success", "failed"]))
    run_type = Word(validate=validate.OneOf(RUN_TYPES))
    data_interval_start = UtcDateTime(allow_none=True)
    data_interval_end = UtcDateTime(allow_none=True)
    start_date = UtcDateTime(allow_none=True)
    end_date = UtcDateTime(allow_none=True)
    queued_at = UtcDateTime(allow_none=True)
    conf = JsonObject(allow_none=True)
    note = Word(allow_none=True)
    triggering_user_name = Word(allow_none=True)
    triggered_by = Word(allow_none=True)
    partition_key = Word(allow_none=True)
    clear_number = Whole(least=0)


class DynamicRegion(Control):
    """A dynamic region of a dag run (Airflow 3.4): the expansion of a mapped task, or a loop.

    :cvar node_id: the id of the task, or of the loop.
    """

    id = Uuid4(required=True)
    dag_id = Word(least=1, required=True)
    run_id = Word(least=1, required=True)
    node_id = Word(least=1, required=True)


class Trigger(Control):
    """What a deferred task instance waits for; its ``kwargs`` are a text if they are encrypted.

    With ``timeout``, the moment from which it is too late.
    """

    id = Whole(least=1)
    classpath = Word(least=1, required=True)
    kwargs = Mapping(or_text=True)
    queue = Word(allow_none=True)
    created_date = UtcDateTime()
    timeout = UtcDateTime(allow_none=True)


class Attempt(Coordinates):
    """What every attempt of a task instance has; its ``ref`` is its name within the document."""

    id = Uuid4(required=True)
    ref = Word()
    state = Word(allow_none=True, validate=validate.OneOf(TASK_INSTANCE_STATES))
    try_number = Whole(least=0)
    max_tries = Whole(least=0)
    hostname = Word()
    unixname = Word(allow_none=True)
    pid = Whole(least=-(2**63), allow_none=True)
    start_date = UtcDateTime(allow_none=True)
    end_date = UtcDateTime(allow_none=True)
    next_method = Word(allow_none=True)
    next_kwargs = JsonObject(allow_none=True)
    rendered_map_index = Word(allow_none=True)
    never_ran = Flag()
    trigger = fields.Nested(Trigger, allow_none=True)


class TaskInstance(Attempt):
    """An attempt of a task instance; a new id for existing coordinates is the next attempt."""

    rendered_fields = JsonObject()


class FormerAttempt(Attempt):
    """An attempt that another has superseded; its id is not valid any more.

    :cvar retry_delay: seconds from then until the next attempt, if its worker reported them.
    """

    superseded_at = UtcDateTime(required=True)
    retry_delay = Span(allow_none=True)


class Asset(Control):
    """An asset; a ``ref`` is its name within the document."""

    id = Whole(least=-(2**63), required=True)
    ref = Word()
    name = Word(least=1, required=True)
    uri = Word(least=1, required=True)
    active = Flag(load_default=True)
    group = Word()
    extra = JsonObject()


class DagTask(Control):
    """A task of a Dag; those of a task group have its name and a dot before their own."""

    task_id = Word(least=1, required=True)
    inlets = fields.List(AssetReference())
    outlets = fields.List(AssetReference())


class Dag(Control):
    """A Dag; only one with ``tasks`` has a version."""

    dag_id = Word(least=1, required=True)
    owners = Word()
    is_paused = Flag()
    is_stale = Flag()
    tags = fields.List(Word())
    description = Word(allow_none=True)
    timetable_summary = Word(allow_none=True)
    timetable_description = Word(allow_none=True)
    next_dagrun_logical_date = UtcDateTime(allow_none=True)
    max_active_tasks = Whole(least=0)
    max_active_runs = Whole(least=0, allow_none=True)
    relative_fileloc = Word(allow_none=True)
    tasks = fields.List(fields.Nested(DagTask), allow_none=True)


class AssetAlias(Control):
    """An alias, and the assets that it stands for."""

    name = Word(least=1, required=True)
    group = Word()
    assets = fields.List(AssetReference())


class AssetEvent(Control):
    """An event of an asset, with the aliases that it came from and the runs that consumed it, each
    as a Dag id and a run id; its id is its place in the list unless it is given.
    """

    id = Whole(least=1)
    asset = AssetReference(required=True)
    timestamp = UtcDateTime()
    extra = JsonObject()
    source_dag_id = Word(allow_none=True)
    source_task_id = Word(allow_none=True)
    source_run_id = Word(allow_none=True)
    source_map_index = Whole(least=-1, allow_none=True)
    partition_key = Word(allow_none=True)
    source_aliases = fields.List(Word())
    created_dagruns = fields.List(
        fields.List(Word(), validate=validate.Length(equal=2, error="Expected a Dag id, a run id"))
    )


class TaskReschedule(Control):
    """A run of a sensor that waits; those of an attempt replace the ones that it has.

    :cvar ti: the ``ref`` in the document or the id of the attempt.
    """

    ti = Word(least=1, required=True)
    start_date = UtcDateTime(required=True)
    end_date = UtcDateTime(required=True)
    reschedule_date = UtcDateTime(required=True)


class TaskEntry(Coordinates):
    """An entry of a task instance."""

    key = Word(required=True)
    value = JsonValue(required=True, nested_nan=True)
    expires_at = UtcDateTime(allow_none=True)
    updated_at = UtcDateTime(allow_none=True)


class LastUpdatedBy(Control):
    """The writer of an asset's entry; a former attempt with its id."""

    kind = Word(required=True, validate=validate.OneOf(["task", "watcher", "api"]))
    dag_id = Word(allow_none=True)
    run_id = Word(allow_none=True)
    task_id = Word(allow_none=True)
    map_index = Whole(least=-1, allow_none=True)
    region_id = Uuid4(allow_none=True)
    task_instance_id = Uuid4(allow_none=True)


class AssetEntry(Control):
    """An entry of an asset, by the asset's name; also by its id, if several have this name."""

    asset = Word(least=1, required=True)
    asset_id = Whole(least=-(2**63))
    key = Word(required=True)
    value = JsonValue(required=True, nested_nan=True)
    updated_at = UtcDateTime(allow_none=True)
    last_updated_by = fields.Nested(LastUpdatedBy, allow_none=True)


class Variable(Control):
    """A variable."""

    key = Word(least=1, required=True)
    value = Secret(required=True)
    description = Word(allow_none=True)


class Connection(Control):
    """A connection."""

    conn_id = Word(least=1, required=True)
    conn_type = Word(required=True)
    description = Word(allow_none=True)
    host = Secret(allow_none=True)
    schema = Word(allow_none=True)
    login = Word(allow_none=True)
    password = Secret(allow_none=True)
    port = Whole(least=-(2**63), allow_none=True)
    extra = Secret(allow_none=True)


class XCom(Coordinates):
    """An XCom of a task instance."""

    key = Word(least=1, required=True)
    value = AnyJson(required=True)
    timestamp = UtcDateTime()


class Fixture(Control):
    """The state of a namespace, or a part of it."""

    config = fields.Nested(Config)
    dag_runs = fields.List(fields.Nested(DagRun))
    dynamic_regions = fields.List(fields.Nested(DynamicRegion))
    former_attempts = fields.List(fields.Nested(FormerAttempt))
    task_instances = fields.List(fields.Nested(TaskInstance))
    assets = fields.List(fields.Nested(Asset))
    task_state_store = fields.List(fields.Nested(TaskEntry))
    asset_state_store = fields.List(fields.Nested(AssetEntry))
    variables = fields.List(fields.Nested(Variable))
    connections = fields.List(fields.Nested(Connection))
    xcoms = fields.List(fields.Nested(XCom))
    dags = fields.List(fields.Nested(Dag))
    asset_aliases = fields.List(fields.Nested(AssetAlias))
    asset_events = fields.List(fields.Nested(AssetEvent))
    task_reschedules = fields.List(fields.Nested(TaskReschedule))


class TaskInstanceBody(Control):
    """Create a task instance, or its next attempt."""

    dag_id = Word(least=1, required=True)
    run_id = Word(least=1)
    task_id = Word(least=1, required=True)
    map_index = Whole(least=-1, load_default=-1)
    try_number = Whole(least=1)


class TaskInstanceQuery(Control):
    """A task instance by its coordinates."""

    dag_id = Text(required=True)
    run_id = Text(required=True)
    task_id = Text(required=True)
    map_index = Integer(least=-1, load_default=-1)


class Resumption(Control):
    """What came of the trigger of a deferred task instance: exactly one of ``event``, which resumes
    it, ``error``, with which its next run fails, and ``state``, in which it ends. A traceback goes
    with an error, and XComs with a state.
    """

    event = AnyJson()
    error = Word()
    traceback = fields.List(Word())
    state = Word(validate=validate.OneOf(["success", "failed", "skipped"]))
    xcoms = JsonObject()

    @validates_schema
    def _check_members(self, data: dict[str, Any], **kwargs: Any) -> None:
        for name, needed in (("traceback", "error"), ("xcoms", "state")):
            if name in data and needed not in data:
                raise ValidationError([_ONE_OF])
        if len(data.keys() & {"event", "error", "state"}) != 1:
            raise ValidationError([_ONE_OF])


_ONE_OF = Problem(
    "Give one of event, error (also with traceback) and state (also with xcoms)", "value_error"
)


class AssetBody(Control):
    """Create an asset; the default of its uri is its name, as in Airflow."""

    name = Word(least=1, required=True)
    uri = Word(least=1)


class AssetQuery(Parameters):
    """An asset by its name, or by its uri."""

    name = Text()
    uri = Text()


class AssetNameQuery(Control):
    """An active asset by its name."""

    name = Text(required=True)


class TaskInstanceRemoved(Schema):
    """The numbers of attempts and keys that were removed."""

    attempts = fields.Int(required=True)
    keys = fields.Int(required=True)


class AssetRemoved(Schema):
    """The number of keys that were removed."""

    keys = fields.Int(required=True)


class ResetOptions(Control):
    """Where to reset to: the fixture loaded at start, or ``empty``."""

    to = Text(validate=validate.OneOf(["empty"]))


class ExportOptions(Control):
    """Whether secrets are exported; else each is the name of an environment variable."""

    with_secrets = Truth(load_default=False)


class StrictOption(Control):
    """Whether unknown members of the body are refused."""

    strict = Truth(load_default=False)


class CleanOptions(Control):
    """Whether expired entries are only counted."""

    dry_run = Truth(load_default=False)


class BackendHealth(Schema):
    """The backend of the gateway, and the number of its calls."""

    class Meta:
        unknown = INCLUDE

    name = fields.Str(required=True, allow_none=True)


class Health(Schema):
    """The health of the service, its version, database and backend."""

    status = fields.Str(required=True)
    version = fields.Str(required=True)
    compat = fields.Str(required=True)
    database = fields.Str(required=True)
    backend = fields.Nested(BackendHealth, required=True)
    uptime = fields.Float(required=True)
    realm = fields.Str()
    problem = fields.Str()


class TaskInstanceFacts(Schema):
    """An attempt of a task instance; with ``trigger``, it waits for that one.

    :cvar max_tries: up to which try number a failure is ``up_for_retry``; 0 for a task without
        retries.
    :cvar is_current: whether no later attempt has taken its place.
    """

    id = Uuid4(required=True)
    dag_id = fields.Str(required=True)
    run_id = fields.Str(required=True)
    task_id = fields.Str(required=True)
    map_index = fields.Int(required=True)
    try_number = fields.Int(required=True)
    max_tries = fields.Int(required=True)
    state = fields.Str(required=True, allow_none=True)
    is_current = fields.Bool(required=True)
    trigger = fields.Nested(Trigger, required=True, allow_none=True)


class TaskInstanceMade(TaskInstanceFacts):
    """An attempt of a task instance, and the token of its worker."""

    token = fields.Str(required=True)


class Resumed(Schema):
    """The new state of a task instance that was deferred."""

    state = fields.Str(required=True)


class TimedOut(Schema):
    """The state of an attempt whose worker sends no heartbeats any more."""

    state = fields.Str(required=True, allow_none=True)


class AssetMade(Schema):
    """An active asset."""

    id = fields.Int(required=True)
    name = fields.Str(required=True)
    uri = fields.Str(required=True)


class AssetsFound(Schema):
    """Active assets."""

    assets = fields.List(fields.Nested(AssetMade), required=True)


class Cleaned(Schema):
    """The number of entries that were removed, or with ``dry_run`` have expired."""

    removed = fields.Int()
    expired = fields.Int()

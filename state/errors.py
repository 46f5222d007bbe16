"""The errors that Stateroom raises; none of them knows HTTP.

StateError
├── NotFound
│   ├── KeyNotFound
│   ├── TaskInstanceNotFound
│   │   └── TaskInstanceArchived   a former attempt
│   ├── AssetNotFound
│   ├── DagNotFound
│   ├── DagRunNotFound
│   ├── TaskGroupNotFound
│   ├── TaskNotFound
│   ├── VariableNotFound
│   ├── ConnectionNotFound
│   ├── XComNotFound
│   ├── NamespaceDropped
│   ├── NamespaceNotFound
│   └── SnapshotNotFound
├── UnmappableLength       a pushed list is too long for a mapped task
├── LengthOfOtherXCom      only one XCom of a task has a length for mapped tasks
├── NamespaceExists        a namespace of this name exists, or cannot be dropped
├── InvalidName            an invalid name of a namespace or a snapshot
├── InvalidTransition      a task instance that is not running cannot report a state
│   ├── InvalidStart         a task instance that is not queued cannot start
│   │   └── RestartingElsewhere  one that restarts is not started by another process
│   └── NotDeferred          a task instance that waits for no trigger cannot be resumed
├── NotRunning             a heartbeat of a task instance that does not run any more
├── RunningElsewhere       a heartbeat of another process than the one that runs it
├── InvalidStop            a worker has ended a task that was not to end
├── StoppedElsewhere       a worker has ended a task that another process runs
├── InvalidRegion          the numbers of a dynamic region that do not fit each other
├── AmbiguousTaskInstance  several task instances have these coordinates
├── NoLogicalDate          runs before or after one without a logical date are to be cleared
├── RunningTask            a task instance that runs is not to be cleared
├── MissingDag             a list of task instances names a run and no Dag
├── MissingParameter       a query names neither an asset's name nor its uri
├── InvalidPartitionKey    the partition key of an outlet's event is blank or too long
├── BadOutletEvent         an outlet's event is malformed
├── ClientTooOld           Airflow fails to tell a client of an older version what it asks for
├── RunNotStarted          an asset event was consumed by a run that has not started
├── InvalidRetention       [state_store] default_retention_days is negative, or beyond the calendar
├── UnreadableValue        the stored text is not JSON that this API can send
├── UnreadableEvent        the extra of an asset event is not an object that can be sent
├── BadDocument            an invalid fixture document, such as one with a duplicate
├── OutOfRange             a number that no database row can hold
├── ReferenceTooLong       a reference that is longer than any that names an object
├── BackendError           an error of a state backend
│   ├── BadBackend           a class that cannot be a backend, or broke its contract
│   ├── ObjectMissing        the object behind a reference does not exist
│   ├── ObjectCorrupt        the object differs from what was written
│   ├── ObjectTooLarge       the object is larger than the service returns
│   ├── ForeignReference     this backend did not make the reference, or its base path has moved
│   ├── RefusedReference     the service does not resolve a reference of unknown origin
│   ├── ReferenceBusy        the object behind a reference is just being removed
│   ├── BackendFailed        the service's backend raised something
│   ├── BackendTimeout       the service's backend did not answer before the deadline
│   └── BackendBusy          all of the backend's threads are taken, perhaps by calls that hang
├── ServiceError           a service answered with an error that has no class of its own here
├── Unreachable            no service answers at the address
├── PeerError              the Airflow or Stateroom to exchange state with cannot be used so
├── NotInTime              a key did not get the expected value in time
├── SettingError           a setting with an invalid value
└── StoreError             the database file; each has an exit status of its own
    ├── DatabaseOwned        3   another process serves the file
    ├── NotADatabase         4   not SQLite, or not ours
    ├── CorruptDatabase      5
    ├── ReadOnlyDatabase     6
    ├── NewerDatabase        7   written by a newer release
    ├── DatabaseFull         8   no room for a write; nothing was changed
    ├── WrongLog            12   its last writes are in a log elsewhere
    └── DatabaseReplaced         it was removed, replaced or overwritten while it was served
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .masking import masked


class StateError(Exception):
    """The base class of all errors that Stateroom raises on purpose.

    :ivar details: members of the Execution API's answer beside ``reason`` and ``message``.
    :ivar is_plain: whether the Execution API answers with the message alone.
    :ivar is_bare: whether it answers without the message, as Airflow does.
    """

    reason = "error"
    is_plain = False
    is_bare = False
    details: Mapping[str, object] = {}


class NotFound(StateError):
    """The requested thing does not exist."""

    reason = "not_found"


class KeyNotFound(NotFound):
    """The scope exists, or may exist, and holds no such key.

    :param what: ``Task`` or ``Asset``, as Airflow's message begins.
    :param recorded: whether the journal has an event for the read already.
    """

    def __init__(self, what: str, key: str, recorded: bool = False) -> None:
        super().__init__(f"{what} state store key {key!r} not found")
        self.what = what
        self.key = key
        self.recorded = recorded

    @classmethod
    def from_message(cls, what: str, message: str) -> KeyNotFound:
        """The error from a service's message, which is kept as it is."""
        error = cls(what, "")
        error.args = (message,)
        error.key = message.removeprefix(f"{what} state store key ").removesuffix(" not found")
        return error


class TaskInstanceNotFound(NotFound):
    """No task instance has this id or these coordinates; the messages are Airflow's."""

    @classmethod
    def bare(cls) -> TaskInstanceNotFound:
        """The answer of Airflow 3.4 to a worker that has ended its task."""
        error = cls("Task Instance not found")
        error.is_bare = True
        return error

    @classmethod
    def of_xcom(cls, run_id: str, task_id: str) -> TaskInstanceNotFound:
        """The message of Airflow 3.4 to a worker that pushes an XCom."""
        return cls(f"Task Instance {task_id!r} not found in {run_id!r}")

    @classmethod
    def by_id(cls, ti_id: str) -> TaskInstanceNotFound:
        return cls(f"Task instance {ti_id} not found")

    @classmethod
    def by_coordinates(
        cls, dag_id: str, run_id: str, task_id: str, map_index: int | None
    ) -> TaskInstanceNotFound:
        """:param map_index: None for all map indices."""
        index = f"map_index={map_index}"
        if map_index is None:
            index = "all_map_indices=True"
        return cls(
            f"Task instance not found for dag_id={dag_id!r}, run_id={run_id!r}, "
            f"task_id={task_id!r}, {index}"
        )

    @classmethod
    def in_core(
        cls, dag_id: str, run_id: str, task_id: str, map_index: int | None = None
    ) -> TaskInstanceNotFound:
        """The message of the Core API's routes for a task instance itself.

        :param map_index: None where the path has none.
        """
        place = f"with dag_id: `{dag_id}`, run_id: `{run_id}`"
        if map_index is None:
            return cls(f"The Task Instance {place} and task_id: `{task_id}` was not found")
        return cls(
            f"The Mapped Task Instance {place}, task_id: `{task_id}`, and map_index: "
            f"`{map_index}` was not found"
        )

    @classmethod
    def tried(
        cls, dag_id: str, run_id: str, task_id: str, map_index: int, number: int | None = None
    ) -> TaskInstanceNotFound:
        """The messages of the Core API's routes for the attempts of a task instance.

        :param number: of one attempt; None for all.
        """
        place = f"with dag_id: `{dag_id}`, run_id: `{run_id}`, task_id: `{task_id}`"
        if number is not None:
            place += f", try_number: `{number}`"
        return cls(f"The Task Instance {place} and map_index: `{map_index}` was not found")


class TaskInstanceArchived(TaskInstanceNotFound):
    """The id is that of a former attempt (410 in Airflow)."""

    def __init__(self) -> None:
        super().__init__(
            "Task Instance not found, it may have been moved to the Task Instance History table"
        )

    @classmethod
    def on_admission(cls) -> TaskInstanceArchived:
        """The message of Airflow 3.4, which looks for the attempt before it reads the call."""
        error = cls()
        error.args = ("Task Instance not found in the working set; its attempt has been archived",)
        return error


class AssetNotFound(NotFound):
    """No such asset, or none that is active; the messages are Airflow's."""

    @classmethod
    def by(cls, attribute: str, value: str) -> AssetNotFound:
        return cls(f"Asset with {attribute}={value!r} not found")

    @classmethod
    def unknown(cls, attribute: str, value: str) -> AssetNotFound:
        """The message of the Execution API's routes for an asset itself."""
        return cls(f"Asset with {attribute.replace('uri', 'URI')} {value} not found")

    @classmethod
    def by_id(cls, asset_id: int) -> AssetNotFound:
        return cls(f"Asset with id {asset_id} not found")

    @classmethod
    def in_core(cls, asset_id: int) -> AssetNotFound:
        """The message of the Core API's route for an asset itself."""
        return cls(f"The Asset with ID: `{asset_id}` was not found")


class DagNotFound(NotFound):
    """No such Dag, or none that has a version; the messages are Airflow's."""

    @classmethod
    def by_id(cls, dag_id: str) -> DagNotFound:
        return cls(f"The Dag with dag_id: `{dag_id}` was not found")

    @classmethod
    def without_version(cls, dag_id: str) -> DagNotFound:
        """The message of the routes that read the serialized Dag."""
        return cls(f"The Dag with ID: `{dag_id}` was not found")


class DagRunNotFound(NotFound):
    """No dag run has this id; the message is Airflow's."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        super().__init__(f"Dag run with dag_id '{dag_id}' and run_id '{run_id}' was not found")

    @classmethod
    def in_core(cls, dag_id: str, run_id: str, article: str = "The ") -> DagRunNotFound:
        """The messages of the Core API's routes."""
        error = cls(dag_id, run_id)
        place = f"with dag_id: `{dag_id}` and run_id: `{run_id}`"
        error.args = (f"{article}DagRun {place} was not found",)
        return error

    @classmethod
    def to_clear(cls, dag_id: str, run_id: str) -> DagRunNotFound:
        """The message of the Core API's route that clears task instances."""
        error = cls(dag_id, run_id)
        error.args = (f"Dag Run id {run_id} not found in dag {dag_id}",)
        return error

    @classmethod
    def for_xcom(cls, dag_id: str, run_id: str) -> DagRunNotFound:
        """The message to a worker that pushes an XCom."""
        error = cls(dag_id, run_id)
        error.args = (f"DAG run not found on DAG {dag_id!r} with ID {run_id!r}",)
        error.is_plain = True
        return error


class TaskGroupNotFound(NotFound):
    """A Dag has no task group of this name; the message is Airflow's."""

    def __init__(self, dag_id: str, task_group_id: str) -> None:
        super().__init__(f"Task group {task_group_id} not found in DAG {dag_id}")


class TaskNotFound(NotFound):
    """A Dag has no such task, or it is not mapped; the messages are Airflow's."""

    def __init__(self, task_id: str, is_known: bool) -> None:
        problem = "not found"
        if is_known:
            problem = "is not mapped"
        super().__init__(f"Task id {task_id} {problem}")


class VariableNotFound(NotFound):
    """No variable has this key; the message is Airflow's."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Variable with key '{key}' not found")


class ConnectionNotFound(NotFound):
    """No connection has this id; the message is Airflow's."""

    def __init__(self, conn_id: str) -> None:
        super().__init__(f"Connection with ID {conn_id} not found")


class XComNotFound(NotFound):
    """No XCom has this key; the messages are Airflow's."""

    @classmethod
    def at(cls, key: str, place: str, dag_id: str, run_id: str, task_id: str) -> XComNotFound:
        """:param place: ``map_index=…``, or ``offset=…`` for one of a sequence."""
        return cls(
            f"XCom with {key=} {place} not found for task {task_id!r} in DAG run {run_id!r} "
            f"of {dag_id!r}"
        )

    @classmethod
    def entry(cls, key: str) -> XComNotFound:
        """The message of the Core API."""
        return cls(f"XCom entry with key: `{key}` not found")


class UnmappableLength(StateError):
    """A pushed list is longer than a task can be mapped over; the message is Airflow's."""

    reason = "unmappable_return_value_length"

    def __init__(self) -> None:
        super().__init__("pushed value is too large to map as a downstream's dependency")


class LengthOfOtherXCom(StateError):
    """Only one XCom of a task has a length for mapped tasks; the message is Airflow's."""

    reason = "invalid_mapped_length_key"

    def __init__(self, key: str) -> None:
        super().__init__(f"mapped_length is only valid for the {key!r} key.")


class NamespaceDropped(NotFound):
    """The namespace was dropped during a call."""

    reason = "namespace_not_found"

    def __init__(self) -> None:
        super().__init__("the namespace was dropped during the call")


class NamespaceNotFound(NotFound):
    """No namespace has this name.

    :param suggestions: similar names, or some of the existing ones.
    """

    reason = "namespace_not_found"

    def __init__(self, name: str, suggestions: Iterable[str] = ()) -> None:
        self.suggestions = list(suggestions)
        message = f"namespace {name!r} not found"
        if self.suggestions:
            message += f"; existing: {', '.join(map(repr, self.suggestions))}"
        super().__init__(f"{message}; `stateroom namespaces create` creates one")


class SnapshotNotFound(NotFound):
    """No snapshot of the namespace has this name.

    :param existing: the names of the snapshots.
    """

    reason = "snapshot_not_found"

    def __init__(self, name: str, existing: Iterable[str] = ()) -> None:
        names = ", ".join(map(repr, existing)) or "none"
        super().__init__(f"snapshot {name!r} not found; existing: {names}")


class NamespaceExists(StateError):
    """A namespace of this name exists, or cannot be dropped."""

    reason = "namespace_exists"


class InvalidName(StateError):
    """An invalid name of a namespace or a snapshot.

    :param what: ``namespace name``, ``snapshot name``, or ``name`` for either.
    """

    reason = "invalid_name"
    exit_status = 2

    def __init__(self, name: str, what: str = "name") -> None:
        rule = "a letter or digit, then at most 99 letters, digits, dots, dashes and underscores"
        super().__init__(f"invalid {what} {name[:120]!r}: use {rule}")


class InvalidTransition(StateError):
    """A task instance that is not running reports a new state (409 in Airflow)."""

    reason = "invalid_state"
    message = "TI was not in the running state so it cannot be updated"

    def __init__(self, previous_state: str | None) -> None:
        super().__init__(self.message)
        self.details = {"previous_state": previous_state}


class InvalidStart(InvalidTransition):
    """A task instance that is neither queued nor restarting starts (409 in Airflow)."""

    message = "TI was not in a state where it could be marked as running"


class RestartingElsewhere(InvalidStart):
    """A task instance that restarts is started by another process (409 in Airflow 3.4)."""

    reason = "running_elsewhere"
    is_bare = True


class InvalidStop(StateError):
    """A worker says that it has ended a task that was not to end (409 in Airflow 3.4)."""

    reason = "invalid_state"
    is_bare = True

    def __init__(self, state: str | None) -> None:
        super().__init__(f"the task instance was not told to end, its state is {state}")


class StoppedElsewhere(StateError):
    """A worker says that it has ended a task that another process runs (409 in Airflow 3.4)."""

    reason = "running_elsewhere"
    is_bare = True

    def __init__(self) -> None:
        super().__init__("the task instance runs elsewhere")


class NotDeferred(InvalidTransition):
    """A task instance that is not deferred is resumed."""

    message = "only a deferred task instance can be resumed; this one is"

    def __init__(self, state: str | None) -> None:
        super().__init__(state)
        self.args = (f"{self.message} {state}",)


class NotRunning(StateError):
    """A heartbeat of a task instance that does not run any more (409 in Airflow)."""

    reason = "not_running"

    def __init__(self, state: str | None) -> None:
        super().__init__("TI is no longer in the running state and task should terminate")
        self.details = {"current_state": state}


class RunningElsewhere(StateError):
    """A heartbeat of another process than the one that runs the task instance (409 in Airflow)."""

    reason = "running_elsewhere"

    def __init__(self, hostname: str, pid: int | None) -> None:
        super().__init__("TI is already running elsewhere")
        self.details = {"current_hostname": hostname, "current_pid": pid}


class InvalidRegion(StateError):
    """The numbers of a task instance in a dynamic region do not fit each other (400 in Airflow)."""

    reason = "invalid_region"


class AmbiguousTaskInstance(StateError):
    """Several task instances in a dynamic region have these coordinates (409 in Airflow)."""

    reason = "ambiguous_task_instance"

    def __init__(self, place: str, map_index: int) -> None:
        super().__init__(f"Multiple live producers for {place} index {map_index}")


class NoLogicalDate(StateError):
    """Runs before or after one that has no logical date are to be cleared (400 in Airflow)."""

    reason = "no_logical_date"

    def __init__(self) -> None:
        super().__init__(
            "Cannot use include_past or include_future with no logical_date"
            "(e.g. manually or asset-triggered)."
        )


class RunningTask(StateError):
    """A task instance that runs is not to be cleared (409 in Airflow)."""

    reason = "running_task"

    def __init__(self) -> None:
        super().__init__(
            "AirflowClearRunningTaskException: Disable 'prevent_running_task' to proceed, or wait "
            "until the task is not running, queued, or scheduled state."
        )


class MissingDag(StateError):
    """A list of the task instances of a run needs a Dag (400 in Airflow)."""

    reason = "missing_dag"

    def __init__(self) -> None:
        super().__init__("dag_id is required when dag_run_id is specified")


class MissingParameter(StateError):
    """A query for the events of an asset has neither its name nor its uri (400 in Airflow)."""

    reason = "Missing parameter"

    def __init__(self) -> None:
        super().__init__("name and uri cannot both be None")


class InvalidPartitionKey(StateError):
    """The partition key of an outlet's event is blank or too long (422 in Airflow).

    :param rule: what it must be, and what it is.
    """

    reason = "invalid_partition_key"

    def __init__(self, rule: str) -> None:
        super().__init__(f"partition_key in outlet event {rule}")


class BadOutletEvent(StateError):
    """An outlet's event is malformed; in Airflow, the task instance that reports it has failed."""

    reason = "bad_outlet_event"


class ClientTooOld(StateError):
    """Airflow 3.3.2 fails to tell a client of an older version what it asks for (500 there).

    :param what: the thing that it asks for.
    :param since: the first version that is told.
    """

    reason = "client_too_old"

    def __init__(self, what: str, since: str) -> None:
        super().__init__(
            f"Airflow 3.3.2 answers 500 to a client before {since} that asks for {what}; "
            "use a newer Task SDK"
        )


class RunNotStarted(StateError):
    """An asset event cannot be sent, since a run that consumed it has not started (500 in
    Airflow 3.3.2).
    """

    reason = "run_not_started"

    def __init__(self, event_id: int, dag_id: str, run_id: str) -> None:
        super().__init__(
            f"the asset event {event_id} cannot be sent, since it was consumed by the run "
            f"{run_id!r} of the Dag {dag_id!r}, which has no start_date (Airflow 3.3.2 answers "
            "500); ask again when the run has started, or give it a start_date"
        )


class InvalidRetention(StateError):
    """``default_retention_days`` is negative (400 in Airflow) or too large (500 in Airflow).

    Too large means that it ends beyond the year 9999.
    """

    reason = "invalid_retention"

    def __init__(self, days: int) -> None:
        rule = "must end before the year 10000"
        if days < 0:
            rule = "must be >= 0"
        super().__init__(
            f"[state_store] default_retention_days {rule}, got {days}. Set to 0 to disable expiry."
        )


class UnreadableValue(StateError):
    """The stored value is not JSON (NaN, Infinity, a lone surrogate); Airflow answers 500."""

    reason = "unreadable_value"

    def __init__(self, key: str, why: str) -> None:
        super().__init__(
            f"the stored value of key {key!r} cannot be sent as JSON: {why}; set it again"
        )
        self.key = key


class UnreadableEvent(StateError):
    """The extra of an asset event is not an object that can be sent (500 in Airflow)."""

    reason = "unreadable_event"

    def __init__(self, event_id: int, why: str) -> None:
        super().__init__(f"the extra of asset event {event_id} cannot be sent: {why}")


class BadDocument(StateError):
    """A fixture document that cannot be applied; nothing was changed.

    :param where: the place in the document, such as ``task_instances[3].run_id``.
    """

    reason = "bad_document"

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


class OutOfRange(StateError):
    """A whole number beyond 64 bits, which no row can hold; Airflow answers 500."""

    reason = "out_of_range"

    def __init__(self, name: str, value: int) -> None:
        super().__init__(f"{name} must be between -2^63 and 2^63-1, got {value}")


class BackendError(StateError):
    """An error of a state backend."""

    reason = "backend"


class BadBackend(BackendError):
    """A class cannot be a backend, or what it returned breaks the contract."""

    reason = "bad_backend"
    exit_status = 2


class ObjectMissing(BackendError):
    """The object behind a reference does not exist."""

    reason = "missing"

    def __init__(self, ref: str) -> None:
        super().__init__(f"there is no object behind the reference {masked(ref)}")
        self.ref = ref


class ObjectCorrupt(BackendError):
    """The object behind a reference differs from what was written."""

    reason = "corrupt"

    def __init__(self, ref: str, why: str) -> None:
        super().__init__(f"the object behind the reference {masked(ref)} is damaged: {why}")
        self.ref = ref


class ObjectTooLarge(BackendError):
    """A backend returned a value that is larger than the service returns.

    :param largest: bytes.
    """

    reason = "too_large"

    def __init__(self, largest: int) -> None:
        super().__init__(
            f"the value is larger than {largest:,} bytes, the most that this service sends "
            "(--max-body); a worker with this backend can read it"
        )


class ForeignReference(BackendError):
    """A reference that this backend did not make, or that lies outside its base path."""

    reason = "foreign"

    def __init__(self, ref: str, why: str) -> None:
        super().__init__(f"the reference {masked(ref)} is not this backend's: {why}")
        self.ref = ref


class RefusedReference(BackendError):
    """A stored reference that the service does not resolve, since any client can store one."""

    reason = "refused"

    def __init__(self, ref: str, why: str) -> None:
        super().__init__(f"the reference {masked(ref)} is not resolved here: {why}")
        self.ref = ref


class ReferenceTooLong(StateError):
    """A reference is longer than any that a backend should make."""

    reason = "reference_too_long"

    def __init__(self, length: int, most: int) -> None:
        super().__init__(
            f"a reference has at most {most} characters, this one has {length}; "
            "it names an object, and is not the value itself"
        )


class ReferenceBusy(BackendError):
    """A write refers to an object that is being removed; try again."""

    reason = "reference_busy"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"the object behind the reference {masked(ref)} is being removed; try again"
        )
        self.ref = ref


class BackendFailed(BackendError):
    """A backend raised an exception in a call of the service.

    :param error: the exception.
    :param row: ``unchanged``, or ``changed`` if the row had been written or deleted before.
    """

    def __init__(self, backend: str, error: BaseException, row: str = "unchanged") -> None:
        self.reason = "backend_failed"
        if isinstance(error, BackendError):
            self.reason = error.reason
        self.kind = type(error).__name__
        self.row = row
        super().__init__(
            f"the backend {backend} raised {self.kind}: {masked(str(error))[:2000]}; "
            f"the row is {row}"
        )


class BackendTimeout(BackendError):
    """A backend did not answer in time, and the call was abandoned.

    :param row: as for :class:`BackendFailed`.
    """

    reason = "backend_timeout"

    def __init__(self, backend: str, seconds: float, row: str = "unchanged") -> None:
        super().__init__(
            f"the backend {backend} did not answer within {seconds:g} s; the row is {row}"
        )
        self.row = row

    @classmethod
    def of_list(cls, backend: str, seconds: float, count: int) -> BackendTimeout:
        """The error for a list of objects that has not ended.

        :param count: of the objects that were listed.
        """
        error = cls(backend, seconds)
        error.args = (
            f"after {seconds:g} s, the backend {backend} had listed {count:,} objects and went on; "
            "if it has more, give a longer --backend-timeout",
        )
        return error


class BackendBusy(BackendError):
    """All threads for backend calls are taken."""

    reason = "backend_busy"

    def __init__(self, running: int, stuck: int) -> None:
        super().__init__(
            f"{running} backend calls are running, {stuck} of them past their deadline; "
            "try again later"
        )


class ServiceError(StateError):
    """A service answered with an error.

    :param status: the HTTP status.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{message} (HTTP {status})")
        self.status = status
        self.reason = reason


class Unreachable(StateError):
    """Nothing listens at the address, or it does not answer in time."""

    reason = "unreachable"


class PeerError(StateError):
    """The Airflow or Stateroom with which state is exchanged cannot be used so."""

    reason = "peer"
    exit_status = 10


class NotInTime(StateError, AssertionError):
    """A key did not get the expected value in time.

    :param facts: what it had instead.
    """

    reason = "not_in_time"

    def __init__(self, key: str, seconds: float, *facts: str) -> None:
        super().__init__(
            f"key {key!r} did not get a matching value within {seconds:g} s: {'; '.join(facts)}"
        )
        self.key = key


class SettingError(StateError):
    """A setting has an invalid value."""

    reason = "bad_setting"
    exit_status = 2

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} is {value!r}; expected {expected}")
        self.name = name


class StoreError(StateError):
    """The database file cannot be used; it was not changed."""

    reason = "store"
    exit_status = 1


class DatabaseOwned(StoreError):
    """Another process serves this file."""

    reason = "database_owned"
    exit_status = 3


class NotADatabase(StoreError):
    """The file is not SQLite, or is the database of another application."""

    reason = "not_a_database"
    exit_status = 4


class CorruptDatabase(StoreError):
    """SQLite finds the file damaged."""

    reason = "corrupt_database"
    exit_status = 5


class ReadOnlyDatabase(StoreError):
    """The file or its folder cannot be written."""

    reason = "read_only_database"
    exit_status = 6


class NewerDatabase(StoreError):
    """The file was written by a newer release."""

    reason = "newer_database"
    exit_status = 7


class DatabaseFull(StoreError):
    """The disk is full; the write was rolled back and no row changed."""

    reason = "database_full"
    exit_status = 8


class WrongLog(StoreError):
    """The file's last writes are in a log (``-wal``) elsewhere, or it has another file's log."""

    reason = "wrong_log"
    exit_status = 12


class DatabaseReplaced(StoreError):
    """The file or its log was removed, replaced or overwritten while it was served: a write would
    be lost.
    """

    reason = "database_replaced"

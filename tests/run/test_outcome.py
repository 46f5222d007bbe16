"""What came of a run, from the records of its log and the attempt's own events."""

import pytest

from state.errors import ServiceError
from state.model.scopes import TaskScope
from state.run import changes, outcome

SCOPE = TaskScope("etl", "test", "load")
RAISED = {"event": "Task failed", "error_detail": [{"exc_type": "ValueError", "exc_value": "no"}]}
ENDED = {"event": "Process exited abnormally", "exit_code": 1}
TRACEBACK = "Traceback (most recent call last):\nValueError: no"


@pytest.mark.parametrize("log", [[RAISED, ENDED], [ENDED, RAISED], [RAISED]])
def test_the_traceback_goes_before_an_exit_code(log):
    assert outcome.error_of("failed", log) == TRACEBACK


def test_the_last_of_two_tracebacks_is_the_error():
    earlier = {**RAISED, "error_detail": [{"exc_type": "KeyError", "exc_value": "k"}]}
    assert outcome.error_of("failed", [earlier, RAISED, ENDED]) == TRACEBACK


def test_the_exit_code_is_the_error_without_a_traceback():
    assert outcome.error_of("failed", [ENDED]) == "the process of the task ended with status 1"


def test_a_process_that_ends_well_may_have_reported_nothing():
    ended = {"event": "Workload finished", "exit_code": 0, "final_state": "success"}
    assert outcome.error_of("failed", [ended]) == (
        "the process of the task ended with status 0 before it had reported a state"
    )
    assert outcome.error_of("failed", [{**ended, "final_state": "deferred"}]) is None


@pytest.mark.parametrize("code", [None, 0, 3, "the input is wrong"])
def test_what_a_task_gives_to_sys_exit_is_told(code):
    ended = {"event": "Workload finished", "exit_code": 0, "final_state": "up_for_retry"}
    log = [{"event": "Task exited", "exit_code": code}, ended]
    assert outcome.error_of("up_for_retry", log) == f"the task called sys.exit({code!r})"


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "the signal 40")])
def test_the_signal_that_killed_a_process_is_named(number, name):
    error = outcome.error_of("failed", [{**ENDED, "exit_code": -number}])
    assert f"was killed by {name}" in error


def test_a_task_may_log_an_exit_code_of_any_kind():
    assert outcome.error_of("failed", [ENDED, {"event": "ssh", "exit_code": "n/a"}]) == (
        "the process of the task ended with status 1"
    )


def test_a_success_has_no_error():
    assert outcome.error_of("success", [RAISED, ENDED]) is None


CAUSE = {"exc_type": "KeyError", "exc_value": "'a'", "is_cause": True}


def test_a_frame_has_its_line_of_the_file(tmp_path):
    path = tmp_path / "etl.py"
    path.write_text("def load():\n    raise ValueError('no')\n")
    frames = [{"filename": str(path), "lineno": 2, "name": "load"}]
    record = {"error_detail": [{"exc_type": "ValueError", "exc_value": "no", "frames": frames}]}
    assert outcome.error_of("failed", [record]).splitlines()[1:] == [
        f'  File "{path}", line 2, in load',
        "    raise ValueError('no')",
        "ValueError: no",
    ]
    path.write_text("\n    raise ValueError('changed')\n")
    assert "'changed'" in outcome.error_of("failed", [record])


def test_an_error_in_an_operator_begins_with_the_operator():
    names = ["sdk/task_runner.py", "providers/standard/bash.py", "sdk/hook.py"]
    paths = [f"/venv/lib/site-packages/airflow/{name}" for name in names]
    frames = [{"filename": path, "lineno": 1, "name": "run"} for path in paths]
    error = {"exc_type": "AirflowException", "exc_value": "no", "frames": frames}
    lines = outcome.error_of("failed", [{"error_detail": [error]}]).splitlines()
    assert [line.partition('"')[2].partition('"')[0] for line in lines[1:-1]] == paths[1:]


def test_a_breakpoint_without_a_terminal_says_what_to_do():
    frames = [{"filename": "/usr/lib/python3.11/bdb.py", "lineno": 1, "name": "user_line"}]
    error = {"exc_type": "UnsupportedOperation", "exc_value": "not readable", "frames": frames}
    text = outcome.error_of("failed", [{"error_detail": [error]}])
    assert text.endswith("run the task with --in-process (in_process=True).")


def test_an_error_has_its_cause_before_it_and_its_notes_after_it():
    error = {"exc_type": "ValueError", "exc_value": "no", "exc_notes": ["see the manual"]}
    assert outcome.error_of("failed", [{"error_detail": [error, CAUSE]}]).splitlines() == [
        "Traceback (most recent call last):",
        "KeyError: 'a'",
        "",
        "The error above was the cause of the next one:",
        "",
        "Traceback (most recent call last):",
        "ValueError: no",
        "see the manual",
    ]


def test_the_errors_of_a_group_follow_it():
    members = [[{"exc_type": "ValueError", "exc_value": "one"}], [CAUSE]]
    group = {"exc_type": "ExceptionGroup", "exc_value": "two at once", "exceptions": members}
    text = outcome.error_of("failed", [{"error_detail": [group]}])
    assert "\n  ValueError: one\n" in text
    assert text.endswith("\n  KeyError: 'a'")


def test_groups_without_a_bottom_are_cut():
    group = {"exc_type": "ExceptionGroup", "exc_value": "bottom"}
    for _ in range(2000):
        group = {"exc_type": "ExceptionGroup", "exc_value": "deeper", "exceptions": [[group]]}
    text = outcome.error_of("failed", [{"error_detail": [group]}])
    assert text.count("deeper") == 5


def read(op, key, note, status=404):
    """The event of a read."""
    return {"op": op, "scope": None, "key": key, "note": note, "status": status}


def test_what_was_not_found_is_said_once_with_how_to_give_it():
    variable = read("get_variable", "k", "Variable with key 'k' not found")
    hook = read("get_connection", "db", "Connection with ID db not found")
    assert changes.missing_of([variable, hook, variable, read("get_variable", "k", None, 200)]) == [
        "Variable with key 'k' not found; --var KEY=VALUE (variables=) gives it",
        "Connection with ID db not found; --conn ID=URI (connections=) gives it",
    ]


def test_the_end_of_a_sequence_of_xcoms_is_not_missing():
    note = "XCom with key='return_value' offset={} not found for task 'double'"
    events = [read("get_xcom", "return_value", note.format(offset)) for offset in (0, 3)]
    assert changes.missing_of(events) == [f"{note.format(0)}; --xcom double=JSON (xcoms=) gives it"]


def test_an_xcom_that_no_option_gives_is_missing_without_one():
    assert changes.missing_of([read("get_xcom", "rows", "no rows")]) == ["no rows"]


@pytest.fixture
def observed(client):
    """The function that returns the changes of an attempt from now on, and its XComs."""

    def observe(ti_id):
        after = changes.last_event(client)

        def result():
            events = changes.events_of(client, ti_id, after)
            return changes.changes_of(client, events), changes.xcoms_of(SCOPE, events)

        return result

    return observe


@pytest.fixture
def task(stateroom):
    return stateroom.task("etl", "load")


@pytest.fixture
def client(stateroom):
    return stateroom._client


def changed(result):
    return result()[0]


def test_a_change_has_the_values_before_and_after(observed, task):
    task.set("page", 1)
    result = observed(task.ti_id)
    task.set("page", 2)
    task.set("page", 3)
    task.set("new", "a")
    assert changed(result) == {("etl/load", "new"): (None, "a"), ("etl/load", "page"): (1, 3)}


def test_the_value_before_may_be_of_a_fixture_or_snapshot(observed, task, stateroom, client):
    task.set("page", 1)
    stateroom.snapshot("one")
    document = stateroom.document()
    document["task_state_store"][0]["value"] = 5
    client.call("PUT", "/_stateroom/fixture", json=document)
    result = observed(task.ti_id)
    task.set("page", 2)
    assert changed(result) == {("etl/load", "page"): (5, 2)}
    stateroom.restore("one")
    result = observed(task.ti_id)
    task.set("page", 3)
    assert changed(result) == {("etl/load", "page"): (1, 3)}


def test_a_deleted_key_has_no_value_after(observed, task):
    task.set("page", 1)
    task.set("other", 1)
    result = observed(task.ti_id)
    task.delete("page")
    task.delete("missing")
    assert changed(result) == {("etl/load", "page"): (1, None)}
    task.clear()
    assert changed(result)["etl/load", "other"] == (1, None)


def test_a_key_that_has_its_value_again_is_not_changed(observed, task):
    task.set("page", 1)
    result = observed(task.ti_id)
    task.set("page", 2)
    task.set("page", 1)
    assert changed(result) == {}


def test_changes_of_others_are_not_the_attempts(observed, task, stateroom):
    result = observed(task.ti_id)
    other = stateroom.task("etl", "extract")
    orders = task.context(assets=["orders"])["asset_state_store"]["orders"]
    theirs = other.context(assets=["orders"])["asset_state_store"]["orders"]
    theirs.set("watermark", 1)
    orders.set("watermark", 2)
    theirs.set("watermark", 3)
    other.set("page", 1)
    assert changed(result) == {("asset orders", "watermark"): (1, 2)}


def test_a_change_that_was_refused_is_none(observed, task, stateroom):
    result = observed(task.ti_id)
    with stateroom.faults.add("set", "page", status=403), pytest.raises(ServiceError):
        task.set("page", 1)
    assert changed(result) == {}


def test_many_changes_are_read_page_by_page(observed, task, monkeypatch):
    monkeypatch.setattr(changes, "_PAGE", 10)
    result = observed(task.ti_id)
    for number in range(25):
        task.set("page", number)
    assert changed(result) == {("etl/load", "page"): (None, 24)}


def push(stateroom, task, key, value, method="POST"):
    client = stateroom._client.acting(task.attempt.token)
    client.call(method, f"/execution/xcoms/etl/test/load/{key}", json=value)


def test_xcoms_are_those_that_the_attempt_pushed(observed, stateroom, task):
    push(stateroom, task, "former", 1)
    retry = task.retry()
    result = observed(retry.ti_id)
    assert result()[1] == {}
    push(stateroom, retry, "own", [1])
    push(stateroom, retry, "own", [2])
    push(stateroom, retry, "gone", 1)
    push(stateroom, retry, "gone", None, "DELETE")
    assert result()[1] == {"own": [2]}

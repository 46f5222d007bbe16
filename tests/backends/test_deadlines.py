"""Calls that may hang: deadlines, the limit of threads, and effects of abandoned calls."""

import os
import sys
import threading

import pytest

from state.backends.deadlines import Abandoned, Calls, Overdue
from state.errors import BackendBusy
from tests.support.waiting import wait_for

LONG = 30


@pytest.fixture
def go():
    go = threading.Event()
    yield go
    go.set()


@pytest.fixture
def calls():
    return Calls(most=3)


def stick(calls, go, count):
    """Start calls that hang until ``go``."""
    for _ in range(count):
        with pytest.raises(Overdue):
            calls.run(lambda call: go.wait(LONG), 0.01)


def test_a_call_returns_what_it_returns(calls):
    assert calls.run(lambda call: 7, LONG) == 7


@pytest.mark.parametrize(
    "error", [ValueError("x"), TimeoutError("of its own"), SystemExit(3), KeyboardInterrupt()]
)
def test_a_call_raises_what_it_raises_and_its_thread_lives_on(calls, error):
    def act(call):
        raise error

    with pytest.raises(type(error)):
        calls.run(act, LONG)
    assert calls.run(lambda call: 1, LONG) == 1


def test_threads_are_used_again(calls):
    names = {calls.run(lambda call: threading.current_thread().name, LONG) for _ in range(20)}
    assert len(names) == 1


def test_stuck_calls_are_counted_until_they_return(calls, go):
    stick(calls, go, 2)
    assert calls.counts() == {"running": 2, "stuck": 2, "most": 3}
    go.set()
    wait_for(lambda: calls.counts() == {"running": 0, "stuck": 0, "most": 3})


def test_when_all_are_stuck_a_call_is_refused_at_once(calls, go):
    stick(calls, go, 3)
    with pytest.raises(BackendBusy, match="3 of them past their deadline"):
        calls.run(lambda call: 1, LONG)
    go.set()
    wait_for(lambda: calls.counts()["running"] == 0)
    assert calls.run(lambda call: 1, LONG) == 1


def test_an_abandoned_call_changes_no_row(calls, go):
    result = []

    def act(call):
        go.wait(LONG)
        try:
            with call.changing_row():
                result.append("changed")
        except Abandoned:
            result.append("abandoned")

    with pytest.raises(Overdue) as info:
        calls.run(act, 0.01)
    go.set()
    wait_for(lambda: result)
    assert result == ["abandoned"]
    assert info.value.row_changed is False


def test_a_change_before_the_deadline_is_reported(calls, go):
    def act(call):
        with call.changing_row():
            pass
        go.wait(LONG)

    with pytest.raises(Overdue) as info:
        calls.run(act, 0.2)
    assert info.value.row_changed


def test_the_deadline_waits_for_a_change_that_has_begun(calls):
    began = threading.Event()
    end = threading.Event()

    def act(call):
        with call.changing_row():
            began.set()
            end.wait(LONG)
        threading.Event().wait(0.5)

    threading.Timer(0.3, end.set).start()
    with pytest.raises(Overdue) as info:
        calls.run(act, 0.05)
    assert began.is_set()
    assert info.value.row_changed


@pytest.mark.parametrize(
    ("ending", "status"), [("sys.exit(3)", 3), ("sys.exit()", 0), ("1 / 0", 1)]
)
def test_a_forked_child_that_comes_back_ends(calls, ending, status):
    """It would go on as the server, with copies of its connections."""

    def fork(call):
        child = os.fork()
        if child == 0:
            exec(ending, {"sys": sys})
        return os.waitpid(child, 0)[1]

    assert os.waitstatus_to_exitcode(calls.run(fork, LONG)) == status

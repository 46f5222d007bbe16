"""A forked child beside an open database: it neither uses, changes nor keeps the parent's file."""

import multiprocessing
import subprocess
import sys

import pytest

from state.errors import StoreError
from state.store import fixtures
from state.store.store import Store

# Python 3.12 warns of a fork beside threads, such as those of pytest-xdist
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
VARIABLES = {"variables": [{"key": "v", "value": "1"}]}
OUTLIVED = """
import os, sys
from state.store.store import Store
store = Store(sys.argv[1])
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
    store.close()
else:
    os._exit(0)
"""


@pytest.fixture
def in_child():
    """Runs a function in a forked child; returns its exit status."""

    def run(function, *arguments):
        child = multiprocessing.get_context("fork").Process(target=function, args=arguments)
        child.start()
        child.join(60)
        return child.exitcode

    return run


def refused(act):
    with pytest.raises(StoreError, match="forked"):
        act()


def test_a_child_cannot_write(store, in_child):
    assert in_child(refused, lambda: fixtures.apply(store.namespace(), VARIABLES)) == 0
    assert fixtures.counts(store.namespace())["variable"] == 0


def test_a_child_cannot_read(store, in_child):
    fixtures.apply(store.namespace(), VARIABLES)
    assert in_child(refused, lambda: fixtures.export(store.namespace())) == 0


def test_a_child_is_refused_while_a_thread_of_the_parent_writes(store, in_child):
    with store.transaction():
        assert in_child(refused, lambda: fixtures.apply(store.namespace(), VARIABLES)) == 0


def test_a_child_that_closes_leaves_its_own_files_alone(store, in_child, tmp_path):
    def close():
        files = [open(tmp_path / f"{number}.txt", "w+") for number in range(9)]
        for file in files:
            file.write("kept")
            file.flush()
        store.close()
        for file in files:
            file.close()

    assert in_child(close) == 0
    assert [file.read_text() for file in sorted(tmp_path.glob("*.txt"))] == ["kept"] * 9


def test_a_child_that_closes_leaves_the_parents_store_open(store, in_child, tmp_path):
    assert in_child(store.close) == 0
    fixtures.apply(store.namespace(), VARIABLES)
    store.close()
    again = Store(str(tmp_path / "stateroom.db"))
    assert fixtures.counts(again.namespace())["variable"] == 1
    again.close()


def test_a_child_that_outlives_its_parent_does_not_hold_the_file(tmp_path):
    path = tmp_path / "stateroom.db"
    arguments = [sys.executable, "-c", OUTLIVED, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"forked\n"
        assert parent.wait(60) == 0
        store = Store(str(path))
        parent.stdin.close()
        assert parent.stdout.read() == b""  # ends with the child
        fixtures.apply(store.namespace(), VARIABLES)
        store.close()

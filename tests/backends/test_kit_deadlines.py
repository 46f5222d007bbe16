"""The kit with backends that hang: every check ends, and says which call it waits in."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from state.conformance.runner import run, run_one
from state.conformance.samples import CHECKS
from tests.support.backends import hanging
from tests.support.backends.hanging import (
    HangsInAwait,
    HangsInDelete,
    HangsInOtherProcesses,
    HangsInWrite,
    HangsWhenMade,
)

pytestmark = pytest.mark.slow  # seconds are spent waiting
ROOT = Path(__file__).parents[2]
BY_NAME = {check.name: check for check in CHECKS}
SOON = 60  # seconds
HANGING = f"{hanging.__name__}.HangsIn"
CONTRACT = """
import pytest
from state.testing import BackendContract
from tests.support.backends.hanging import HangsInDelete

class TestMine(BackendContract):
    check_timeout = 5

    @pytest.fixture
    def make_backend(self, tmp_path):
        return lambda: HangsInDelete(tmp_path)
"""


def run_until_call(check, make, timeout):
    """Run a check, with more time if a busy machine did not get it to the backend's call."""
    for seconds in (timeout, 10 * timeout):
        result = run_one(BY_NAME[check], make, timeout=seconds)
        if "waits in Hangs" in result.detail:
            break
    return result


@pytest.mark.parametrize(
    ("backend", "check", "call"),
    [
        (HangsInWrite, "round_trip", "HangsInWrite.serialize_task_state_store_to_ref"),
        (HangsInWrite, "two_writers", "HangsInWrite.serialize_task_state_store_to_ref"),
        (HangsInDelete, "async_agrees", "HangsInDelete.delete"),
        (HangsInAwait, "async_agrees", "HangsInAwait.adelete"),
        (HangsWhenMade, "overwrite", "HangsWhenMade.__init__"),
    ],
)
def test_a_check_that_hangs_fails_and_names_the_call(backend, check, call, tmp_path):
    result = run_until_call(check, lambda: backend(tmp_path), 2)
    assert result.outcome == "failed"
    words = rf"it did not end within \d+ s; it waits in {re.escape(call)} \(\w+\.py, line \d+\)"
    assert re.fullmatch(words, result.detail), result.detail


@pytest.mark.parametrize("check", ["same_in_every_process", "crash_while_writing"])
def test_a_call_that_hangs_in_a_forked_process_is_named(check, tmp_path):
    result = run_until_call(check, lambda: HangsInOtherProcesses(tmp_path), 4)
    assert "it waits in HangsInOtherProcesses.serialize_task" in result.detail


def test_a_call_that_hangs_in_a_new_process_is_named(tmp_path):
    spec = (f"{HANGING}Write", {"root": str(tmp_path)})
    check = BY_NAME["same_in_every_process"]
    result = run_one(check, lambda: HangsInOtherProcesses(tmp_path), "mine", spec, timeout=10)
    assert "in another process: it did not end within 5 s; it waits in HangsInW" in result.detail


def test_after_three_checks_that_hang_the_others_are_not_run(tmp_path):
    begun = time.monotonic()
    results = run(CHECKS, lambda: HangsInWrite(tmp_path), timeout=0.2)
    assert time.monotonic() - begun < SOON
    assert [result.check for result in results] == CHECKS
    assert sum(result.overdue for result in results) == 3
    assert results[-1].detail == "not run, because 3 checks before it did not end"


def test_a_check_that_is_in_time_is_not_overdue(tmp_path):
    assert not run_one(BY_NAME["round_trip"], lambda: HangsInDelete(tmp_path)).overdue


def test_the_command_ends_and_says_where_it_waited(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "state", "check", f"{HANGING}Delete", "--timeout", "5"]
        + ["--option", f"root={tmp_path}", "--only", "async_agrees", "--only", "twin_keys"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=SOON,
    )
    assert result.returncode == 1, result.stderr
    assert "ok    twin_keys" in result.stdout
    assert "it waits in HangsInDelete.delete" in " ".join(result.stdout.split())


def test_a_call_that_keeps_the_lock_of_python_ends_the_command(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "state", "check", "tests.support.backends.hanging.HangsWithTheLock"]
        + ["--timeout", "2", "--option", f"root={tmp_path}", "--only", "round_trip"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=SOON,
    )
    assert result.returncode == 1, result.stderr
    assert "hanging.py" in result.stderr
    assert "in read" in result.stderr


def test_pytest_ends_after_checks_that_hang(tmp_path):
    test = tmp_path / "test_mine.py"
    test.write_text(CONTRACT)
    call = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-k",
        "async_agrees",
        "-p",
        "no:cacheprovider",
    ]
    result = subprocess.run(
        [*call, "--rootdir", tmp_path, "-c", ROOT / "pyproject.toml", test],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=SOON,
    )
    assert result.returncode == 1, result.stdout
    assert "waits in HangsInDelete.delete" in " ".join(result.stdout.replace("\nE", "").split())

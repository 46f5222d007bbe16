"""A pull that is killed or interrupted, and goes on where it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.transfer import document
from state.model import tokens
from tests.support.waiting import wait_for
from tests.support.world import SECRET

ROOT = Path(__file__).parents[2]
TASKS = 1500
VIEWER = {"STATEROOM_PEER_TOKEN": tokens.for_role(SECRET, "viewer")}


@pytest.fixture
def pull(here, peer):
    """Starts a pull in a process of its own."""

    def start():
        call = [sys.executable, "-m", "state", "--url", here.url, "pull", "--from", peer.url]
        return subprocess.Popen(
            [*call, "--connections", "1"],
            env={**os.environ, **VIEWER},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def pulled(service):
    """The number of task instances that a service holds."""
    path = "/api/v2/dags/~/dagRuns/~/taskInstances?limit=1"
    return service.call("GET", path).json()["total_entries"]


@pytest.mark.parametrize(
    "sign", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_the_same_command_goes_on_where_it_was(sign, pull, peer, here, interruptible):
    peer.begin_with(document(TASKS))
    process = pull()
    wait_for(lambda: pulled(here) > 0, 30)
    process.send_signal(sign)
    _, errors = process.communicate(timeout=30)
    before = pulled(here)
    assert 0 < before < TASKS
    assert len(here.all_entries()) == before
    if sign == signal.SIGINT:
        assert "of 1,500 after" in errors
        assert "the same command goes on from there" in errors

    process = pull()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    rest = TASKS - before
    assert f"carried {rest:,} keys, {rest:,} task instances" in output
    assert f"skipped {before:,} task instances: finished" in output
    assert here.all_entries() == peer.all_entries()

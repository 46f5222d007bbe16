"""A full disk of temporary files refuses a long body, and keeps no answer back."""

import os
import shutil

import pytest
import requests

from state.process import ServerProcess
from tests.support.connections import running
from tests.support.small_disk import small_disk
from tests.support.waiting import wait_for
from tests.support.world import TASK_KEY

LARGE = "x" * 3_000_000


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path, "8m", "other tests need none") as disk:
        yield disk


def test_on_a_full_disk_a_body_is_507_and_an_answer_is_whole(disk):
    environ = {**os.environ, "TMPDIR": str(disk.folder)}
    with ServerProcess(["--db", ":memory:"], environ) as process:
        requests.post(f"{process.url}/_stateroom/assets", json={"name": "a"}).raise_for_status()
        value = f"{process.url}/execution/store/asset/by-name/value?name=a&key=k"
        requests.put(value, json={"value": LARGE}).raise_for_status()
        wait_for(lambda: shutil.disk_usage(disk.folder).used == 0)  # the body's file is gone
        disk.fill()
        refused = requests.put(value, json={"value": "new" + LARGE})
        assert refused.status_code == 507
        assert "no room in a temporary file" in refused.json()["detail"]["message"]
        assert requests.get(value, timeout=20).json() == {"value": LARGE}
        disk.make_room()
        assert requests.put(value, json={"value": "new"}).status_code == 204


@pytest.fixture
def server(world, open_app):
    world.put(TASK_KEY, json={"value": LARGE})
    with running(open_app) as server:
        yield server


def test_a_body_without_room_is_refused(server, connect, monkeypatch):
    def refuse(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer", refuse)
    status, _, body = connect(server).send("PUT", TASK_KEY, body=b"x" * 100_000).answer()
    assert status == 507
    assert b"set TMPDIR" in body


def test_an_answer_stays_in_memory_where_the_disk_may_fill_up(server, connect, monkeypatch):
    monkeypatch.setattr("web.server.connections.FREE_ON_DISK", 2**62)
    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer", None)
    answer = connect(server).send("GET", TASK_KEY).answer()
    assert answer[0] == 200
    assert LARGE.encode() in answer[2]

"""The object backend over SFTP: whatever the server does to a write, it ends and says why."""

from __future__ import annotations

import os
import socket
import threading
from functools import partial

import pytest

from state.backends import storage
from state.backends.objects import ObjectBackend
from state.model.scopes import TaskScope
from state.model.values import Encoded
from tests.support.waiting import wait_for

pytestmark = pytest.mark.object_store
pytest.importorskip(
    "paramiko", reason="needs paramiko: pip install -r requirements-object-stores.txt"
)
sftp = pytest.importorskip(
    "tests.support.sftp", reason="needs asyncssh: pip install -r requirements-object-stores.txt"
)

TASK = TaskScope("dag", "run", "task")
SMALL = Encoded.of("small")
LARGE = Encoded.of("x" * 20_000_000)
HALF = 10_000_000
SOON = 30  # seconds


@pytest.fixture
def server(tmp_path, request):
    """A server; parametrised indirectly with what happens to the second half of a large value."""
    options = {}
    if hasattr(request, "param"):
        options = {"limit": HALF, "beyond": request.param}
    with sftp.sftp_server(tmp_path, **options) as server:
        yield server


def after_half(beyond):
    return pytest.mark.parametrize("server", [beyond], indirect=True)


@pytest.fixture
def make(server):
    """Makes another worker's backend on the same server."""
    return partial(ObjectBackend, server.base, storage=server.storage, timeout=SOON)


def files(folder):
    return [name for _, _, names in os.walk(folder) for name in names]


def test_a_large_value_comes_back(make):
    ref = make().write(TASK, "key", LARGE)
    assert make().read(ref).text == LARGE.text


@after_half("refuse")
def test_a_write_without_room_says_so_and_leaves_nothing(make, tmp_path):
    with pytest.raises(OSError, match=sftp.NO_ROOM):
        make().write(TASK, "key", LARGE)
    assert files(tmp_path) == []


@after_half("refuse")
def test_after_a_write_without_room_a_small_one_succeeds(make):
    backend = make()
    with pytest.raises(OSError, match=sftp.NO_ROOM):
        backend.write(TASK, "key", LARGE)
    ref = backend.write(TASK, "key", SMALL)
    assert backend.read(ref).value() == "small"


@after_half("stall")
def test_a_server_that_stops_answering_is_a_timeout(make):
    with pytest.raises(TimeoutError, match=r"sftp://127\.0\.0\.1.* within 1 s: writing "):
        make(timeout=1).write(TASK, "key", LARGE)


@after_half("stall")
def test_a_timeout_holds_no_thread_for_good(make, monkeypatch):
    monkeypatch.setattr(storage, "_PROCESS", storage._Process())  # none of another test's
    with pytest.raises(TimeoutError):
        make(timeout=1).write(TASK, "key", LARGE)
    wait_for(lambda: storage._PROCESS.calls.counts()["running"] == 0)


@after_half("die")
def test_a_dead_server_is_told_and_what_followed_is_noted(make):
    with pytest.raises(Exception, match="dropped|closed") as caught:
        make().write(TASK, "key", LARGE)
    [note] = caught.value.__notes__
    assert "was not removed: " in note  # no connection any more, or none that answers


def test_a_server_that_is_back_is_used_again(make, server):
    backend = make()
    ref = backend.write(TASK, "key", SMALL)
    server.kill()
    server.start()
    wait_for(lambda: _reads(backend, ref))


def _reads(backend, ref):
    try:
        return backend.read(ref).value() == "small"
    except Exception:  # the thread's old connection has not yet noticed
        return False


def test_calls_of_two_backends_use_one_connection(make, server):
    backend = make()
    other = make()
    ref = backend.write(TASK, "key", SMALL)
    for reader in [backend, other] * 3:
        assert reader.read(ref).value() == "small"
    assert server.logins() == 1


def test_a_forked_child_leaves_the_connection_alone(make, server):
    backend = make()
    ref = backend.write(TASK, "key", SMALL)
    child = os.fork()
    if child == 0:
        backend = None
        os._exit(make().read(ref).value() != "small")
    assert os.waitpid(child, 0)[1] == 0
    assert make().read(ref).value() == "small"
    assert server.logins() == 2  # the parent's, and the child's


def test_a_silent_host_keeps_nobody_from_another(make):
    with socket.create_server(("127.0.0.1", 0)) as host:
        port = host.getsockname()[1]
        waiting = [threading.Thread(target=_connect_in_vain, args=(port,)) for _ in range(8)]
        for thread in waiting:
            thread.start()
        connections = [host.accept()[0] for _ in range(storage._CONNECTING)]
        make().write(TASK, "key", SMALL)
        assert all(thread.is_alive() for thread in waiting)
        for connection in connections:
            connection.close()
    for thread in waiting:
        thread.join()


def _connect_in_vain(port):
    with pytest.raises(Exception, match="SSH|EOF|refused|closed|Unable to connect"):
        ObjectBackend("sftp://127.0.0.1/state", storage={"port": port}, timeout=SOON)


def test_a_backend_that_is_gone_leaves_no_connection(make, server):
    make().write(TASK, "key", SMALL)
    wait_for(lambda: server.connections() == 0)


@pytest.mark.parametrize(("count", "turns"), [(4, 10), (40, 1)])
def test_threads_share_a_backend(make, count, turns):
    backend = make()
    failures = []

    def work(number):
        try:
            for turn in range(turns):
                ref = backend.write(TASK, f"key {number}", Encoded.of([number, turn]))
                assert backend.read(ref).value() == [number, turn]
        except Exception as error:  # carried to the thread that asks
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []

"""Files: written atomically, safe from crashes, confined to their folder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from state.backends import files
from state.backends.files import FileBackend
from state.backends.objects import ObjectBackend
from state.errors import BadBackend, ForeignReference
from state.model.values import Encoded
from tests.support.objects import TASK, put
from tests.support.packages import NEEDS_FSSPEC

ROOT = Path(__file__).parents[2]
DIES = """
import os, signal, sys
from state.backends.files import FileBackend
from state.model.scopes import TaskScope
from state.model.values import Encoded

class Deadly(Encoded):
    def pieces(self):
        yield b"half of it"
        os.kill(os.getpid(), signal.SIGKILL)

FileBackend(sys.argv[1]).write(TaskScope("dag", "run", "task"), "key", Deadly("1", "0" * 64))
"""


@pytest.fixture
def backend(tmp_path):
    return FileBackend(tmp_path / "base")


def test_a_reference_is_a_path_that_a_person_can_open(backend, tmp_path):
    folder = tmp_path / "base/local/default/tasks/dag/run/task/-1/key"
    assert Path(put(backend)).parent == folder


def test_a_relative_base_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert put(FileBackend("base")).startswith(f"{tmp_path}/base/local/default/")


def test_an_empty_base_is_refused():
    with pytest.raises(BadBackend, match="empty"):
        FileBackend("")


def test_killed_writer_leaves_the_old_object_and_a_listed_part(backend, tmp_path):
    ref = put(backend)
    child = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path / "base")], cwd=ROOT, timeout=60
    )
    assert child.returncode == -signal.SIGKILL
    assert backend.read(ref).value() == 1
    [unfinished] = {path for path, _, _ in backend.iter_refs()} - {ref}
    with pytest.raises(ForeignReference, match="unfinished"):
        backend.read(unfinished)
    backend.remove_ref(unfinished)
    assert [path for path, _, _ in backend.iter_refs()] == [ref]


def test_data_is_synced_before_the_name_and_folders_after(backend, monkeypatch):
    events = []
    note_sync = os.fsync
    note_move = os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (events.append(os.readlink(f"/proc/self/fd/{fd}")), note_sync(fd))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("moved"), note_move(*names)))
    folder = os.path.dirname(put(backend))
    assert "~" in events[0]
    assert events[1:3] == ["moved", folder]
    assert {
        os.path.dirname(backend.base),
        backend.base,
        f"{backend.base}/local",
        f"{backend.base}/local/default",
        f"{backend.base}/local/default/tasks",
        os.path.dirname(folder),
    } < set(events)


def test_a_failed_write_leaves_nothing(backend, monkeypatch):
    monkeypatch.setattr(
        os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space"):
        put(backend)
    assert [name for _, _, names in os.walk(backend.base) for name in names] == []


@pytest.mark.parametrize(
    "make",
    [FileBackend, pytest.param(lambda base: ObjectBackend(f"file://{base}"), marks=NEEDS_FSSPEC)],
    ids=["file", "object"],
)
@pytest.mark.parametrize(
    "link", ["local", "local/default/tasks/dag", "local/default/tasks/dag/run/task/-1/key"]
)
def test_a_symbolic_link_is_not_followed(tmp_path, make, link):
    backend = make(tmp_path / "base")
    ref = put(backend)
    inside = tmp_path / "base" / link
    inside.rename(tmp_path / "outside")
    inside.symlink_to(tmp_path / "outside")
    for act in (backend.read, backend.holds, backend.remove_ref, lambda _: put(backend)):
        with pytest.raises(ForeignReference, match="symbolic link"):
            act(ref)
    with suppress(ForeignReference):
        backend.clear(TASK)  # may remove the link, not what is behind it
    assert any(names for _, _, names in os.walk(tmp_path / "outside"))


def test_an_object_that_is_a_symbolic_link_is_not_read(backend, tmp_path):
    ref = put(backend)
    (tmp_path / "secret").write_text("1")
    os.unlink(ref)
    os.symlink(tmp_path / "secret", ref)
    with pytest.raises(ForeignReference, match="symbolic link"):
        backend.read(ref)


def test_a_base_may_itself_be_a_symbolic_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "base").symlink_to(tmp_path / "disk")
    backend = FileBackend(tmp_path / "base")
    assert backend.read(put(backend)).value() == 1


def test_delete_leaves_no_empty_folders(backend):
    put(backend)
    backend.delete(TASK, "key")
    assert os.listdir(f"{backend.base}/local/default") == []


def test_a_set_wins_over_deletes_at_the_same_time(backend):
    stop = threading.Event()

    def delete():
        while not stop.is_set():
            backend.delete(TASK, "key")

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        refs = {put(backend) for _ in range(200)}
    finally:
        stop.set()
        thread.join()
    assert len(refs) == 200
    assert backend.read(put(backend)).value() == 1


def test_a_folder_that_a_delete_removes_twice_is_made_again(backend, tmp_path, monkeypatch):
    mkdir = os.mkdir
    removals = []

    def beside_a_delete(path, *args):
        folder = Path(path)
        if folder.name == "task" and folder.parent.exists() and len(removals) < 2:
            removals.append(folder.parent)
            folder.parent.rmdir()
        mkdir(path, *args)

    monkeypatch.setattr(os, "mkdir", beside_a_delete)
    ref = put(backend)
    assert len(removals) == 2
    assert Path(ref).is_file()


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    mask = os.umask(request.param)
    yield request.param
    os.umask(mask)


BACKENDS = pytest.mark.parametrize(
    "make",
    [FileBackend, pytest.param(lambda base: ObjectBackend(f"file://{base}"), marks=NEEDS_FSSPEC)],
    ids=["file", "object"],
)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def modes_of_folders(base):
    return {mode_of(folder) for folder, _, _ in os.walk(base)}


@BACKENDS
def test_only_its_owner_reads_a_base_that_a_write_has_made(tmp_path, make, umask):
    base = tmp_path / "above" / "base"
    ref = put(make(base))
    assert mode_of(ref.removeprefix("file://")) == 0o600
    assert modes_of_folders(base) == {0o700}
    assert mode_of(base.parent) == 0o777 & ~umask


@BACKENDS
@pytest.mark.parametrize(
    ("shared", "object_mode"),
    [(0o700, 0o600), (0o750, 0o640), (0o755, 0o644), (0o2770, 0o640), (0o1777, 0o644)],
    ids=oct,
)
def test_who_may_use_the_base_may_use_what_is_in_it(tmp_path, make, umask, shared, object_mode):
    base = tmp_path / "base"
    base.mkdir()
    base.chmod(shared)
    ref = put(make(base))
    assert modes_of_folders(base) == {shared}
    assert mode_of(ref.removeprefix("file://")) == object_mode


@pytest.fixture
def group_base():
    """A base of the group GROUP, where other users reach it."""
    if os.geteuid() != 0:
        pytest.skip("only root can write as another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, -1, GROUP)
        os.chmod(folder, 0o2770)
        yield folder


def test_members_of_the_group_of_a_base_share_it(group_base):
    with as_user(20_001):
        ref = put(FileBackend(group_base), 1)
    with as_user(20_002):
        assert FileBackend(group_base).read(ref).value() == 1
        put(FileBackend(group_base), 2)
        FileBackend(group_base).remove_ref(ref)
    with as_user(20_003, group=20_003), pytest.raises(PermissionError):
        put(FileBackend(group_base), 3)


GROUP = 20_000


@contextmanager
def as_user(user, group=GROUP):
    """Let this process be another user, with one group, for the block."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def test_a_large_value_is_never_copied_as_a_whole():
    encoded = Encoded.of("x" * 5_000_000)
    assert max(len(piece) for piece in encoded.pieces()) == 2**20
    assert b"".join(encoded.pieces()) == encoded.text.encode()


def test_confined_paths_of_a_base_at_the_root():
    assert files.confined("", "proc/nothing") == "/proc/nothing"

"""The built-in backends as a real worker makes them."""

from dataclasses import dataclass

import pytest

from state.errors import BadBackend
from state.testing.contracts import BackendContract
from state.worker.backends import FileBackend, ObjectBackend


@dataclass(frozen=True)
class Theirs:
    """A task scope of a foreign class."""

    dag_id: str = "etl"
    run_id: str = "r"
    task_id: str = "submit"
    map_index: int = -1


@pytest.fixture
def environ(monkeypatch, tmp_path):
    monkeypatch.setenv("STATEROOM_BACKEND_BASE", str(tmp_path))
    monkeypatch.setenv("STATEROOM_BACKEND_REALM", "database/mine")
    return monkeypatch


class TestFile(BackendContract):
    @pytest.fixture
    def make_backend(self, environ):
        return FileBackend


@pytest.mark.parametrize(("make", "protocol"), [(FileBackend, ""), (ObjectBackend, "file://")])
def test_scopes_of_airflows_classes_are_taken(environ, make, protocol, tmp_path):
    if protocol:
        pytest.importorskip("fsspec", reason="needs fsspec: pip install -r requirements-test.txt")
    environ.setenv("STATEROOM_BACKEND_BASE", f"{protocol}{tmp_path}")
    backend = make()
    scope = Theirs()
    ref = backend.serialize_task_state_store_to_ref(value=1, key="k", scope=scope)
    assert backend.deserialize_task_state_store_from_ref(ref) == 1
    assert "/database/mine/tasks/etl/r/submit/-1/k/" in ref
    backend.delete(scope, "k")
    backend.clear(scope)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BASE", "", "set STATEROOM_BACKEND_BASE"),
        ("THRESHOLD", "100", "Airflow 3.3"),
    ],
)
def test_unusable_backends_are_refused(environ, name, value, message):
    environ.setenv(f"STATEROOM_BACKEND_{name}", value)
    with pytest.raises(BadBackend, match=message):
        FileBackend()

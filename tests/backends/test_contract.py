"""Every built-in backend passes the kit; Airflow's own fails only the known checks."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from state.backends.files import FileBackend
from state.backends.memory import MemoryBackend
from state.backends.objects import ObjectBackend
from state.testing.contracts import BackendContract

ROOT = Path(__file__).parents[2]
OWN = "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"
KNOWN = {
    "missing_object": "gives None for a missing object",
    "hostile_keys": "refuses `..`, long keys, and cannot read back keys that end in .gz",
    "twin_keys": "keeps `Key` and `key` under names that a file system may fold together",
    "isolated_scopes": "keeps assets under `assets/`, where a dag of that name keeps its tasks",
    "crash_keeps_old_value": "overwrites in place",
}


class TestFile(BackendContract):
    @pytest.fixture
    def make_backend(self, tmp_path):
        return lambda: FileBackend(str(tmp_path / "objects"))


@pytest.mark.slow
class TestFileWithThreshold(BackendContract):
    airflow = "main"  # whose workers take the None with which it keeps a value in its row

    @pytest.fixture
    def make_backend(self, tmp_path):
        return lambda: FileBackend(str(tmp_path / "objects"), threshold=1000)


class TestObject(BackendContract):
    @pytest.fixture
    def make_backend(self, tmp_path):
        pytest.importorskip("fsspec", reason="needs fsspec: pip install -r requirements-test.txt")
        return lambda: ObjectBackend(f"file://{tmp_path}/objects", compression="gzip")


class TestObjectInMemory(BackendContract):
    @pytest.fixture
    def make_backend(self, tmp_path):
        pytest.importorskip("fsspec", reason="needs fsspec: pip install -r requirements-test.txt")
        return lambda: ObjectBackend(f"memory://{tmp_path}")


class TestMemory(BackendContract):
    @pytest.fixture
    def make_backend(self, tmp_path):
        return lambda: MemoryBackend(f"memory://{tmp_path}")


@pytest.mark.airflow
def test_airflows_own_backend_fails_just_the_known_checks(tmp_path):
    venv = os.environ.get("AIRFLOW_VENV")
    if not venv:
        pytest.skip("AIRFLOW_VENV is not an environment with Airflow; see requirements-airflow.txt")
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH": f"file://{tmp_path}/objects",
    }
    call = [Path(venv).absolute() / "bin/python", ROOT / "tests/airflow/check_backend.py", OWN]
    result = subprocess.run(
        call, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    rows = json.loads(result.stdout.splitlines()[-1])
    assert {name for name, outcome in rows.items() if outcome == "failed"} == set(KNOWN), (
        result.stdout
    )

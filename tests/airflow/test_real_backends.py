"""Classes on Airflow's real base class run unchanged, its object-storage backend too."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from state.model.envelope import MARKER

ROOT = Path(__file__).parents[2]
VENV = os.environ.get("AIRFLOW_VENV", "")
OWN = "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"
FILES, TASKS_ONLY, KEEPS = (
    f"tests.airflow.real_backends.{name}" for name in ("FileBackend", "TasksOnly", "Keeps")
)
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        not VENV,
        reason="AIRFLOW_VENV is not an environment with Airflow; see requirements-airflow.txt",
    ),
]
BOTH = pytest.mark.parametrize("kind", ["task", "asset"])
EITHER = pytest.mark.parametrize("style", ["sync", "async"])


@pytest.fixture
def live(tmp_path):
    """Runs ``life.py`` in Airflow's Python and returns its report."""

    def run(spec, kind, style):
        objects = tmp_path / "objects"
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "AIRFLOW_HOME": str(tmp_path / "home"),
            "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH": f"file://{objects}",
            "REAL_BACKEND_ROOT": str(objects),
        }
        script = [
            str(Path(VENV).absolute() / "bin/python"),
            str(ROOT / "tests/airflow/life.py"),
            spec,
            kind,
            style,
            str(objects),
        ]
        result = subprocess.run(
            script, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, result.stderr
        return json.loads(
            next(line for line in result.stdout.splitlines() if line.startswith("STORY "))[6:]
        )

    return run


@pytest.mark.parametrize("spec", [OWN, FILES])
@BOTH
@EITHER
def test_a_key_is_set_read_and_deleted(live, spec, kind, style):
    story = live(spec, kind, style)
    folder = "dag/run/task/1" if kind == "task" else "assets/orders"
    assert list(story["row"]) == [MARKER]
    assert story["objects"] == [f"{folder}/key"]
    assert story["retry reads"] is True
    assert story["overwritten"] == [0, 1]
    assert story["deleted"] == ["default", []]
    assert story["cleared"] == ["default", []]
    assert story["warnings"] == []


@BOTH
def test_hooks_are_given_airflows_own_scope_classes(live, kind):
    calls = live(FILES, kind, "async")["calls"]
    assert calls == ["aclear", "adelete", f"airflow.sdk._shared.state.{kind.capitalize()}Scope"]


def test_hooks_not_overridden_store_plain_json_for_that_kind(live):
    story = live(TASKS_ONLY, "asset", "sync")
    assert story["row"]["é"][0] == 1
    assert story["objects"] == []
    assert story["calls"] == []


@BOTH
@EITHER
def test_backend_without_remove_leaves_orphans_and_a_warning(live, kind, style):
    story = live(KEEPS, kind, style)
    assert story["deleted"][0] == "default"
    assert len(story["deleted"][1]) == 1
    assert story["cleared"][0] == "default"
    assert len(story["cleared"][1]) == 3
    assert ["write once" in line for line in story["warnings"]] == [True, True]

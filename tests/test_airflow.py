"""Unmodified, real Airflow clients keep state in a served Stateroom (see requirements-airflow.txt)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from state import tokens
from state.process import ServerProcess

HERE = Path(__file__).parent
DEMO = HERE.parent / "examples" / "demo.json"
SECRET = "a-secret-for-the-tests-of-the-real-clients-long-enough-for-hs512-0123456789"
TI, OTHER = "01920000-0000-7000-8000-000000000002", "01920000-0000-7000-8000-000000000003"

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def airflow_python():
    venv = os.environ.get("AIRFLOW_VENV")
    if not venv:
        pytest.skip("AIRFLOW_VENV names no environment with Airflow's clients; see requirements-airflow.txt")
    return Path(venv).absolute() / "bin" / "python"


@pytest.fixture(scope="module", params=[False, True], ids=["open", "with a secret"])
def secured(request):
    return request.param


def serve(secured, folder):
    """A served process of its own for each driver; its admin's password is ``right``."""
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({"admin": "right"}))
    environ = {**os.environ, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords)}
    secret = ["--jwt-secret", SECRET] if secured else []
    return ServerProcess(["--db", ":memory:", "--fixture", str(DEMO), *secret], environ)


def drive(python, script, *arguments):
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_COLOR": "1"}
    program = [python, HERE / "airflow" / script, *arguments]
    done = subprocess.run(program, capture_output=True, text=True, env=environ, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def by_sdk(airflow_python, secured, tmp_path_factory):
    with serve(secured, tmp_path_factory.mktemp("sdk")) as process:
        token = tokens.for_task_instance(SECRET, TI)
        return drive(airflow_python, "drive_sdk.py", process.url, token, TI, OTHER)


@pytest.fixture(scope="module")
def by_client(airflow_python, secured, tmp_path_factory):
    with serve(secured, tmp_path_factory.mktemp("client")) as process:
        return drive(airflow_python, "drive_client.py", process.url, "admin", "right")


def test_sdk_task_state_survives_any_key_and_keeps_types(by_sdk):
    keys = ["plain", "a/b", "100%", "with space", "é☕", "q?x#y", "k" * 512]
    assert by_sdk["tasks"]["by_key"] == [{"key": key} for key in keys]
    values = ["text", 0, 1.5, True, [1, None, {"a": []}], {"b": {"c": -0.0}}, 2**63 - 1]
    assert json.dumps(by_sdk["tasks"]["round_trip"]) == json.dumps(values)


def test_sdk_reads_a_missing_task_key_as_its_own_error(by_sdk):
    gone = {"error": "TASK_STORE_NOT_FOUND"}
    assert (by_sdk["tasks"]["deleted"], by_sdk["tasks"]["cleared"]) == (gone, gone)


@pytest.mark.parametrize("way", ["by_name", "by_uri"])
def test_sdk_asset_state_is_one_by_name_and_by_uri(by_sdk, way):
    gone = {"error": "ASSET_STORE_NOT_FOUND"}
    assert by_sdk[way] == {"read": {"at": 1}, "by_uri": {"at": 1}, "deleted": gone, "cleared": gone}


def test_sdk_token_reaches_only_its_own_task_instance(by_sdk, secured):
    expected = (403, 403) if secured else (None, None)
    assert (by_sdk["another_task"], by_sdk["another_tasks_get"]) == expected


def test_client_calls_every_method_of_the_task_class(by_client):
    seen = by_client["tasks"]
    assert seen["uncalled"] == []
    assert (seen["value"], seen["patched"], seen["expiry_kept"]) == ({"n": 1}, [2], True)
    assert (seen["listed"], seen["total"], seen["cleared"]) == (["a/b", "job_id"], 4, 0)
    assert seen["deleted"] == "Task state store key 'a/b' not found"


def test_client_calls_every_method_of_the_asset_class(by_client):
    seen = by_client["asset"]
    assert seen["uncalled"] == []
    assert (seen["value"], seen["by"], seen["cleared"]) == ("v", "api", 0)
    assert seen["listed"] == ["k", "row_counts", "watermark"]


def test_client_from_dict_sends_null_which_never_expires(by_client):
    assert by_client["tasks"]["from_dict_expires_at"] is None


def test_client_finds_assets_version_and_health(by_client):
    assert (by_client["assets"], by_client["version"], by_client["health"]) == (["orders"], "3.3.2", "healthy")

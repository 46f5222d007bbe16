"""``stateroom run``: its options; tests/run/test_run.py has runs."""

import pytest
from click.testing import CliRunner

from state.cli.main import cli

DAG = "dag.py"


@pytest.fixture
def invoke(tmp_path, monkeypatch, served):
    """Runs the command on an empty Dag file, and returns its message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / DAG).touch()
    monkeypatch.setenv("STATEROOM_URL", served.url)
    for name in ("STATEROOM_AIRFLOW_PYTHON", "STATEROOM_BACKEND_BASE"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*options):
        result = CliRunner().invoke(cli, ["run", DAG, "submit", *options])
        assert result.exit_code == 2
        return result.output.splitlines()[-1]

    return invoke


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--xcom", "submit"], "expected --xcom TASK=JSON"),
        (["--xcom", "submit=job-1"], "'job-1' is not JSON: Expecting value"),
        (["--var", "=50"], "expected --var KEY=VALUE"),
        (["--conn", "postgres://me:s3cr3t@db?ssl=1"], "expected --conn ID=URI"),
        (["--conn", "db=me:s3cr3t@db"], "invalid connection 'db': it is neither a URI nor a JSON"),
        (["--conf", "[1]"], "'[1]' is not a JSON object"),
        (["--backend", "s3"], "unknown backend 's3'; use one of metastore, file, object, memory"),
        (["--backend", "memory"], "the memory backend ends with its process"),
        (["--backend", "file"], "the file backend needs its base: set STATEROOM_BACKEND_BASE"),
        (["--airflow-python", "nowhere"], "there is no Python at 'nowhere'"),
    ],
)
def test_a_bad_option_ends_with_a_sentence(invoke, options, message):
    output = invoke(*options)
    assert message in output
    assert "s3cr3t" not in output


@pytest.mark.parametrize("keep", ["--keep", "--no-keep"])
def test_an_environment_without_airflow_is_named(invoke, tmp_path, monkeypatch, keep):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No such module' >&2\nexit 1\n")
    python.chmod(0o755)
    message = invoke("--airflow-python", str(python), keep)
    assert f"the environment of {python} has no Airflow 3.3 or newer" in message
    assert "there: pip install apache-airflow-core" in message

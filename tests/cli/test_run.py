"""``stateroom run``: its options; tests/run/test_run.py has runs."""

import pytest
from click.testing import CliRunner

from state.cli.main import cli
from state.cli.run import _summary
from state.cli.shared import connection
from state.client.runs import Result
from state.model.scopes import TaskScope

DAG = "dag.py"
NOWHERE = "http://127.0.0.1:1"  # nothing listens there


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
        (["--xcom", "submit=[NaN]"], "xcoms['submit'] is not JSON: Out of range float"),
        (["--var", "=50"], "expected --var KEY=VALUE"),
        (["--conn", "postgres://me:s3cr3t@db?ssl=1"], "expected --conn ID=URI"),
        (["--conn", "db=me:s3cr3t@db"], "invalid connection 'db': it is neither a URI nor a JSON"),
        (["--conf", "[1]"], "'[1]' is not a JSON object"),
        (["--backend", "s3"], "unknown backend 's3'; use one of metastore, file, object, memory"),
        (["--backend", "memory"], "the memory backend ends with its process"),
        (["--backend", "file"], "the file backend needs its base: set STATEROOM_BACKEND_BASE"),
        (["--run-id", "a/b"], "no run of Airflow has the id 'a/b': it is of letters, digits"),
        (["--map-index", "-5"], "no task instance has the map index -5: it is 0 or more"),
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


@pytest.fixture
def no_service(tmp_path, monkeypatch):
    """Runs the command where no service is named, and none listens at the default address."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / DAG).touch()
    for name in ("STATEROOM_URL", "STATEROOM_NAMESPACE", "STATEROOM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connection, "DEFAULT_URL", NOWHERE)
    arguments = ["run", DAG, "submit", "--airflow-python", "nowhere"]
    return lambda *more, **kwargs: CliRunner().invoke(cli, [*arguments, *more], **kwargs)


def test_without_a_service_a_run_has_one_of_its_own(no_service):
    result = no_service()
    first, *_, last = result.output.splitlines()
    assert first == connection.NOT_KEPT
    assert len(first) < 80
    assert "there is no Python at 'nowhere'" in last


def test_a_service_at_the_default_address_is_used(no_service, monkeypatch, served):
    monkeypatch.setattr(connection, "DEFAULT_URL", served.url)
    result = no_service()
    assert connection.NOT_KEPT not in result.output
    assert "there is no Python at 'nowhere'" in result.output


@pytest.mark.parametrize("options", [["--ns", "nightly"], ["--token", "t"]])
def test_an_option_of_a_service_wants_one_that_runs(no_service, options):
    result = no_service(*options)
    assert result.exit_code == 11
    assert "service unreachable" in result.output


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STATEROOM_URL", NOWHERE),
        ("STATEROOM_NAMESPACE", "nightly"),
        ("STATEROOM_TOKEN", "t"),
    ],
)
def test_a_variable_of_a_service_wants_one_that_runs(no_service, variable, value):
    result = no_service(env={variable: value})
    assert result.exit_code == 11
    assert "service unreachable" in result.output


def result_of(error):
    """The result of a failed attempt."""
    scope = TaskScope("etl", "test", "load")
    return Result(scope, 1, 0, "ti", "failed", [], error, [], {}, {}, [], None, None, None)


def test_control_characters_of_an_error_are_escaped():
    summary = _summary(result_of("Traceback:\nValueError: \x1b[2Jno"))
    assert summary.splitlines()[1:3] == ["Traceback:", "ValueError: \\x1b[2Jno"]

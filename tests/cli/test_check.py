"""``stateroom check``: how the backend gets its options."""

import json

import pytest
from click.testing import CliRunner

from state.cli.check import _argument
from state.cli.check import check as command
from state.cli.main import cli
from state.conformance.versions import DEFAULT, VERSIONS
from tests.support.backends.broken import Sound
from tests.support.packages import NEEDS_FSSPEC

NESTED = f"{__name__}.Nested"


class Nested(Sound):
    """Gets its folder in an object, as the object backend gets the options of its storage."""

    def __init__(self, storage):
        super().__init__(storage["root"])


@pytest.fixture
def check():
    def check(*arguments, **environ):
        call = ["check", *arguments, "--only", "round_trip"]
        return CliRunner().invoke(cli, call, env=environ)

    return check


def test_an_option_can_be_a_json_object(check, tmp_path):
    result = check(NESTED, "--option", f"storage={json.dumps({'root': str(tmp_path)})}")
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir())


def test_an_option_that_is_no_json_is_refused(check):
    result = check(NESTED, "--option", "storage={'root': 1}")
    assert result.exit_code == 2
    assert "--option storage: invalid JSON: Expecting property name" in result.output


def test_the_environment_configures_a_built_in_backend(check, tmp_path):
    result = check("file", STATEROOM_BACKEND_BASE=str(tmp_path))
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir())


def test_a_missing_option_is_one_sentence(check):
    result = check("object")
    assert result.exit_code == 2
    assert "the object backend needs its base: set STATEROOM_BACKEND_BASE" in result.output
    assert "FAIL" not in result.output


def test_a_backend_that_cannot_be_created_says_why(check):
    result = check(NESTED, "--option", "storage=[]")
    assert "cannot be created: TypeError: list indices" in result.output


@pytest.mark.parametrize("value", ["nan", "inf", "1e12", "0", "-1"])
def test_a_deadline_is_a_number_of_seconds(check, value):
    result = check(NESTED, "--timeout", value)
    assert result.exit_code == 2
    assert "Invalid value for '--timeout'" in result.output


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("0.5", 0.5), ("5s", "5s"), ("-1", "-1"), ("007", "007")]
)
def test_an_option_may_be_a_number(text, value):
    assert _argument(f"timeout={text}") == ("timeout", value)


@NEEDS_FSSPEC
def test_the_object_backend_takes_its_own_deadline(check):
    options = ["--option", "base=memory://m", "--option", "timeout=20.5"]
    result = check("object", *options)
    assert result.exit_code == 0, result.output


@pytest.fixture
def judge():
    """Runs the checks that ask for a version."""

    def judge(*arguments):
        return CliRunner().invoke(cli, ["check", *arguments])

    return judge


INLINE = ["--only", "inline_is_none", "--only", "exists_in_version"]


def test_the_versions_of_the_option_are_those_of_the_table():
    [option] = [option for option in command.params if option.name == "airflow"]
    assert list(option.type.choices) == list(VERSIONS)
    assert option.default == DEFAULT


@pytest.mark.parametrize(("version", "status"), [("3.3", 1), ("3.4", 1), ("main", 0)])
def test_a_threshold_is_judged_by_the_version(judge, tmp_path, version, status):
    options = ["--option", f"base={tmp_path}", "--option", "threshold=100"]
    result = judge("file", *options, *INLINE, "--airflow", version)
    assert result.exit_code == status, result.output
    assert result.output.startswith(f"file, for Airflow {version}: ")


def test_without_a_version_it_is_the_released_one(judge, tmp_path):
    result = judge("file", "--option", f"base={tmp_path}", *INLINE)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("file, for Airflow 3.3: 2 passed")


def test_the_files_of_results_name_the_version(tmp_path):
    junit = tmp_path / "junit.xml"
    call = ["check", "file", "--option", f"base={tmp_path}", *INLINE, "--airflow", "3.4"]
    result = CliRunner().invoke(cli, ["--json", *call, "--junit", str(junit)])
    assert json.loads(result.output)["airflow"] == "3.4"
    assert '<property name="airflow" value="3.4" />' in junit.read_text()


@pytest.fixture
def dag_file(tmp_path):
    """A file that cannot be imported here, with an operator that only 3.4 can run."""
    path = tmp_path / "etl.py"
    path.write_text(
        "import nothing_of_this_name\n"
        "class Poll(BaseOperator):\n"
        "    async def aexecute(self, context):\n"
        '        await context["task_state_store"].aget("job_id")\n'
    )
    return str(path)


def test_a_file_is_read_and_not_imported(judge, dag_file):
    result = judge(dag_file)
    assert result.exit_code == 1
    assert "etl.py:4: task_state_store.aget is there from 3.4 on" in " ".join(result.output.split())


def test_a_file_passes_for_the_version_that_has_it(judge, dag_file):
    assert judge(dag_file, "--airflow", "3.4").exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ("def :", "is not Python: invalid syntax")]
)
def test_a_file_that_cannot_be_read_is_one_sentence(judge, tmp_path, content, words):
    path = tmp_path / "broken.py"
    if content:
        path.write_text(content)
    result = judge(str(path))
    assert result.exit_code == 2
    assert words in result.output


def test_a_file_takes_no_options_of_a_backend(judge, dag_file):
    result = judge(dag_file, "--option", "base=/tmp")
    assert result.exit_code == 2
    assert "--option and --only are for backends" in result.output

"""``stateroom check``: how the backend gets its options."""

import json

import pytest
from click.testing import CliRunner

from state.cli.check import _argument
from state.cli.main import cli
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

"""The table of versions says what the installed Airflow has, and the kit reads it by that."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from state.conformance import uses
from state.conformance.versions import USES, VERSIONS

pytestmark = pytest.mark.airflow
SCRIPT = Path(__file__).parent / "version_facts.py"


@pytest.fixture(scope="module")
def told(airflow_python, tmp_path_factory):
    """What ``version_facts.py`` says of the installed Airflow."""
    environ = {**os.environ, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("home"))}
    result = subprocess.run([airflow_python, SCRIPT], env=environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def version(told):
    """The row of the installed version; Task SDK 1.3 is that of Airflow 3.3."""
    minor = told["sdk"].split(".")[1]
    return VERSIONS[f"3.{minor}"]


def test_every_use_of_the_table_is_as_it_says(told, version):
    assert {what: use.exists_in(version) for what, use in USES.items()} == told["facts"]


def test_the_default_hooks_return_what_the_table_says(told, version):
    expected = [None, None] if version.none_is_inline else ["[1]", "[1]"]
    assert told["inline"] == expected


def test_of_airflows_own_sources_one_example_uses_what_it_lacks(told, version):
    """3.3.2 ships ``example_task_state_store_async``, whose methods came with 3.4."""
    package = Path(told["package"])
    sources = [*package.glob("example_dags/*.py"), *package.glob("providers/**/*.py")]
    lacking = {path.name for path in sources if uses.missing(uses.in_file(path), version)}
    assert lacking == ({"example_task_state_store_async.py"} if version.name == "3.3" else set())

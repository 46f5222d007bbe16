"""What the real Task SDK of 3.3 and 3.4 does with inline values, and with calls that it lacks."""

from pathlib import Path

import pytest

from state.conformance import VERSIONS, check_file
from state.model.envelope import MARKER
from tests.support.backends import inline

pytestmark = pytest.mark.airflow

INLINE = Path(__file__).parent / "dags/inline.py"
ASYNC_STATE = Path(__file__).parent / "dags/async_state.py"
VALUE = {"job": 17}
TEXT = '{"job": 17}'
KINDS = pytest.mark.parametrize(
    ("task", "scope"), [("write", "inline/write"), ("write_asset", "asset orders")]
)
DEFAULTS = pytest.mark.parametrize("name", ["Default", "OurDefault"])


@pytest.fixture(scope="module", autouse=True)
def backends(kept_airflow):
    """Where the worker finds the backends."""
    kept_airflow.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def run(stateroom):
    """Runs a task of the file with a backend; its return value is what the task has read."""

    def run(task, name):
        result = stateroom.run(INLINE, task, backend=f"{inline.__name__}.{name}")
        assert result.state == "success", result.error
        return result.xcom

    return run


@KINDS
def test_none_is_stored_as_a_broken_envelope(stateroom, run, task, scope):
    assert run(task, "Nothing") == {MARKER: None}
    assert stateroom.state[scope] == {"key": {MARKER: None}}


@KINDS
@pytest.mark.parametrize("name", ["Default", "OurDefault", "Text"])
def test_json_text_is_read_back_as_the_value(stateroom, run, task, scope, name):
    assert run(task, name) == VALUE
    assert stateroom.state[scope] == {"key": {MARKER: TEXT}}


@pytest.mark.parametrize("name", ["AssetsByDefault", "OurAssetsByDefault"])
def test_a_pair_that_is_not_overridden_is_inline(stateroom, run, name):
    assert run("write_asset", name) == VALUE
    assert stateroom.state["asset orders"] == {"key": {MARKER: TEXT}}


@DEFAULTS
def test_our_accessor_reads_what_a_real_worker_wrote(stateroom, run, name):
    run("write", name)
    run("write_asset", name)
    stateroom.backend(getattr(inline, name))
    assert stateroom.task("inline", "write").get("key") == VALUE
    assert stateroom.asset("orders").get("key") == VALUE


@DEFAULTS
def test_a_real_worker_reads_what_our_accessor_wrote(stateroom, run, name):
    run("write_asset", name)  # so that the asset is there
    stateroom.backend(getattr(inline, name))
    stateroom.task("inline", "read").set("key", "by ours")
    stateroom.asset("orders").set("key", "by ours")
    assert stateroom.state["asset orders"] == {"key": "by ours"}
    assert run("read", name) == "by ours"
    assert run("read_asset", name) == "by ours"


def test_our_accessor_reads_a_pair_that_is_not_overridden(stateroom, run):
    run("write_asset", "AssetsByDefault")
    stateroom.backend(inline.AssetsByDefault)
    assert stateroom.asset("orders").get("key") == VALUE


def test_aget_works_just_where_the_check_lets_it_pass(stateroom):
    version = VERSIONS[stateroom.run(ASYNC_STATE, "version").xcom]
    is_allowed = check_file(ASYNC_STATE, version).outcome == "passed"
    result = stateroom.run(ASYNC_STATE, "read")
    assert (result.state == "success") is is_allowed
    assert ("has no attribute 'aget'" in str(result.error)) is not is_allowed

"""The kit judges by a version of Airflow: inline values, and what a source uses."""

import importlib
import json
import textwrap
from xml.etree import ElementTree

import pytest

from state.backends.base import BaseStoreBackend
from state.backends.files import FileBackend
from state.conformance import report, uses
from state.conformance.check_versions import check_file
from state.conformance.runner import run_one
from state.conformance.samples import CHECKS
from state.conformance.versions import USES, VERSIONS
from tests.support.backends.broken import (
    AttemptInReference,
    InlineAsNone,
    InlineAsText,
    InlineByDefault,
    Sound,
)

BY_NAME = {check.name: check for check in CHECKS}


@pytest.fixture
def judge(tmp_path):
    """Runs the check of inline values on a class, by a version."""

    def judge(cls, version, *arguments, **options):
        return run_one(
            BY_NAME["inline_is_none"],
            lambda: cls(tmp_path, *arguments, **options),
            cls.__name__,
            version=VERSIONS[version],
        )

    return judge


@pytest.mark.parametrize(
    ("cls", "version", "outcome"),
    [
        (InlineAsNone, "3.3", "failed"),
        (InlineAsNone, "3.4", "failed"),
        (InlineAsNone, "main", "passed"),
        (InlineAsText, "3.3", "passed"),
        (InlineAsText, "3.4", "passed"),
        (InlineAsText, "main", "failed"),
        (InlineByDefault, "3.3", "passed"),
        (InlineByDefault, "3.4", "passed"),
        (InlineByDefault, "main", "passed"),
        (Sound, "3.3", "passed"),
        (Sound, "main", "passed"),
    ],
)
def test_an_inline_value_is_judged_by_the_version(judge, cls, version, outcome):
    result = judge(cls, version)
    assert result.outcome == outcome, result.detail


class TasksOnly(Sound):
    """Takes the hooks for assets back that its base overrides."""

    serialize_asset_state_store_to_ref = BaseStoreBackend.serialize_asset_state_store_to_ref
    deserialize_asset_state_store_from_ref = BaseStoreBackend.deserialize_asset_state_store_from_ref


@pytest.mark.parametrize("version", VERSIONS)
def test_hooks_taken_from_the_base_class_are_no_hooks(judge, version):
    assert judge(TasksOnly, version).outcome == "passed"


def test_the_proposals_hooks_are_in_no_version(judge):
    result = judge(AttemptInReference, "3.3")
    assert result.outcome == "not applicable"
    assert "no Airflow calls" in result.detail
    found = uses.missing(uses.in_class(AttemptInReference), VERSIONS["main"])
    assert "def serialize_task_state_to_ref is in no Airflow; it is called" in found[0]


@pytest.mark.parametrize("version", ["3.3", "3.4"])
def test_the_reason_says_what_is_stored(judge, version):
    result = judge(InlineAsNone, version)
    assert f'Airflow {version} stores {{"__airflow_state_ref__": null}}' in result.detail
    assert "Return super().serialize_" in result.check.advice


def test_a_text_is_a_reference_to_airflows_main(judge):
    assert "Airflow main stores as a reference" in judge(InlineAsText, "main").detail


@pytest.mark.parametrize("version", VERSIONS)
def test_the_base_class_is_as_before_after_a_check(judge, version):
    before = vars(BaseStoreBackend)["serialize_task_state_store_to_ref"]
    judge(InlineByDefault, version)
    assert vars(BaseStoreBackend)["serialize_task_state_store_to_ref"] is before


@pytest.mark.parametrize(
    ("threshold", "version", "outcome"),
    [(0, "3.3", "passed"), (2, "3.3", "failed"), (100, "3.4", "failed"), (100, "main", "passed")],
)
def test_a_threshold_of_a_built_in_backend_is_judged(judge, threshold, version, outcome):
    result = judge(FileBackend, version, threshold=threshold)
    assert result.outcome == outcome, result.detail


def test_a_report_names_the_version(judge):
    results = [judge(InlineAsNone, "3.4")]
    version = VERSIONS["3.4"]
    assert report.text("Mine", results, version).startswith("Mine, for Airflow 3.4: 1 failed")
    assert json.loads(report.as_json("Mine", results, version))["airflow"] == "3.4"
    suite = ElementTree.fromstring(report.junit("Mine", results, version))
    assert suite.find("properties/property[@name='airflow']").get("value") == "3.4"


@pytest.fixture
def found(tmp_path):
    """What is found in a source, as the table spells it."""

    def found(source):
        path = tmp_path / "source.py"
        path.write_text(textwrap.dedent(source))
        return [use.what for use in uses.in_file(path)]

    return found


ACCESSORS = [
    'await context["task_state_store"].aget("key")',
    'await context.get("task_state_store").aget("key")',
    'store = context["task_state_store"]; await store.aget("key")',
    'store = cast(Store, context["task_state_store"]); await store.aget("key")',
    'await (store := context["task_state_store"]).aget("key")',
    'self.store = context["task_state_store"]; await self.store.aget("key")',
    "await task_state_store.aget('key')",
    "await typed.aget('key')",
]


@pytest.mark.parametrize("line", ACCESSORS)
def test_an_async_call_of_task_state_is_found(found, line):
    source = (
        f"async def act(self, context, task_state_store, typed: TaskStateStoreAccessor): {line}"
    )
    assert found(source) == ["task_state_store.aget"]


def test_an_attribute_is_followed_from_method_to_method(found):
    source = """
        class Operator:
            async def poll(self):
                await self.store.aset("key", 1)
            def execute(self, context):
                self.store = context["task_state_store"]
        class Other:
            async def poll(self):
                await self.store.aset("key", 1)
    """
    assert found(source) == ["task_state_store.aset"]


@pytest.mark.parametrize(
    "line",
    [
        'await context["asset_state_store"].aget("key")',
        'store = context["task_state_store"]; store.get("key")',
        'store = context["task_state_store"]; store = other; await store.aget("key")',
        'store = context["task_state_store"]\n    if hasattr(store, "aget"): await store.aget("k")',
        'if AIRFLOW_V_3_4_PLUS: await context["task_state_store"].aget("key")',
        "if airflow.__version__ > '3.4': await context['task_state_store'].aget('key')",
        "x = (await context['task_state_store'].aget('k')) if AIRFLOW_V_3_4_PLUS else 1",
    ],
)
def test_other_calls_and_calls_for_one_version_are_not(found, line):
    assert found(f"async def act(context, other):\n    {line}") == []


@pytest.mark.parametrize(
    "source",
    [
        "from airflow.sdk.state import StoreScope",
        "from airflow.sdk import state\ndef path(x: state.StoreScope): ...",
        "import airflow.sdk.state as s\ns.StoreScope",
        "import airflow.sdk.state\nairflow.sdk.state.StoreScope",
    ],
)
def test_an_import_of_the_scopes_union_is_found(found, source):
    assert found(source) == ["airflow.sdk.state.StoreScope"]


@pytest.mark.parametrize(
    "source",
    [
        "from airflow.state import StoreScope",
        "if TYPE_CHECKING:\n    from airflow.sdk.state import StoreScope",
        "try:\n    from airflow.sdk.state import StoreScope\nexcept ImportError: pass",
    ],
)
def test_an_import_that_works_everywhere_is_not(found, source):
    assert found(source) == []


SCOPES = {
    "scope.region_index": "TaskScope.region_index",
    "scope.region_id": "TaskScope.region_id",
    "TaskScope('d', 'r', 't', region_index=1)": "TaskScope(region_index=…)",
    "TaskScope('d', 'r', 't', region_id=x)": "TaskScope(region_id=…)",
    "replace(scope, map_index=1)": "replace(scope, map_index=…)",
    "dataclasses.replace(scope, map_index=1)": "replace(scope, map_index=…)",
    "replace(self.scope, map_index=1)": "replace(scope, map_index=…)",
    "asdict(scope)['map_index']": 'asdict(scope)["map_index"]',
    "vars(scope)['map_index']": 'vars(scope)["map_index"]',
    "json.dumps(asdict(scope))": "json.dumps(asdict(scope))",
    "super().set_asset_state_store(try_number=1)": "set_asset_state_store(try_number=…)",
}


@pytest.mark.parametrize(("line", "what"), SCOPES.items())
def test_a_use_of_a_scope_is_found(found, line, what):
    source = f"""
        class Backend:
            def __init__(self):
                self.scope = TaskScope("d", "r", "t")
            def path(self, scope, key):
                {line}
    """
    assert found(source) == [what]


@pytest.mark.parametrize(
    "line", ["scope.map_index", "replace(scope, task_id='x')", "replace(row, map_index=1)"]
)
def test_what_every_version_has_is_not_found(found, line):
    assert found(f"def path(scope, row): {line}") == []


def test_an_override_that_lacks_the_writers_members_is_found(found):
    head = "class Mirror(MetastoreBackend):\n    def set_asset_state_store(self, scope, key, value"
    lacking = "def set_asset_state_store without task_instance_id"
    assert found(f"{head}, *, kind): ...") == [lacking]
    assert found(f"{head}, **writer): ...") == []
    assert found(f"{head}, *, kind, task_instance_id=None): ...") == []


@pytest.mark.parametrize(
    ("what", "versions"),
    [
        ("task_state_store.aget", ["3.4", "main"]),
        ("replace(scope, map_index=…)", ["3.3"]),
        ("def serialize_task_state_to_ref", []),
    ],
)
def test_a_use_belongs_to_versions(what, versions):
    assert [name for name, row in VERSIONS.items() if USES[what].exists_in(row)] == versions


def test_a_line_names_the_file_the_versions_and_what_to_do(tmp_path):
    path = tmp_path / "etl.py"
    path.write_text("\nfrom airflow.sdk.state import StoreScope\n")
    result = check_file(path, VERSIONS["3.3"])
    assert result.outcome == "failed"
    assert "etl.py:2: airflow.sdk.state.StoreScope is there from 3.4 on; write" in result.detail
    assert check_file(path, VERSIONS["3.4"]).outcome == "passed"


def test_a_class_is_read_with_what_it_names_of_its_module(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from tests.support.backends.broken import Sound\n"
        "def region(scope): return scope.region_index\n"
        "class One(Sound):\n    def region(self, scope): return region(scope)\n"
        "class Two(One): pass\n"
        "class Other(Sound): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mine = importlib.import_module("mine")
    assert [use.what for use in uses.in_class(mine.Two)] == ["TaskScope.region_index"]
    assert uses.in_class(mine.Other) == []


def test_a_class_without_a_source_is_not_judged():
    names = {"__name__": "nowhere", "BaseStoreBackend": BaseStoreBackend}
    exec("class Mine(BaseStoreBackend): pass", names)
    assert uses.in_class(names["Mine"]) is None

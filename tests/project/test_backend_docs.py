"""The documents on backends and the envelope match the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from state.backends import loading
from state.backends.hooks import Hooks
from state.conformance.versions import USES, VERSIONS
from state.model.scopes import AssetScope, TaskScope
from state.testing import BackendContract

DOCS = Path(__file__).parents[2] / "docs"


def run(name):
    """Run the Python blocks of a document in order; return what they defined."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE
    )
    assert blocks
    names = {"__name__": "document"}
    for block in blocks:
        exec(compile(block, name, "exec"), names)
    return names


def test_the_code_about_the_envelope_runs():
    run("envelope.md")


@pytest.mark.parametrize("scope", [TaskScope("dag", "run", "task"), AssetScope(name="asset")])
def test_the_backend_that_the_document_writes_is_one(scope):
    hooks = Hooks(run("backends.md")["SqliteBackend"](":memory:"), "mine")
    refs = [hooks.serialize(scope, key, [1], None) for key in ("one", "two")]
    assert hooks.deserialize(scope, refs[0]) == [1]
    hooks.delete(scope, "one")
    hooks.clear(scope)
    assert hooks.backend.db.execute("SELECT count(*) FROM objects").fetchone() == (0,)


def test_the_backend_that_the_document_writes_is_short():
    [code] = re.findall(
        r"^(class SqliteBackend.*?)^def ",
        (DOCS / "backends.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert len(code.splitlines()) <= 30


@pytest.mark.slow  # each of its writes waits for the disk
class TestSqliteBackend(BackendContract):
    """The class that the document tells its readers to test so."""

    @pytest.fixture
    def make_backend(self, tmp_path):
        cls = run("backends.md")["SqliteBackend"]
        return lambda: cls(tmp_path / "values.sqlite")


@pytest.mark.slow
class TestSharedBackend(BackendContract):
    """The class that the document shows for two workers at once."""

    @pytest.fixture
    def make_backend(self, tmp_path):
        cls = run("backends.md")["SharedBackend"]
        return lambda: cls(tmp_path / "values.sqlite")


@pytest.mark.slow
class TestLargeToSqlite(BackendContract):
    """The class that the document shows for small values."""

    @pytest.fixture
    def make_backend(self, tmp_path):
        cls = run("backends.md")["LargeToSqlite"]
        return lambda: cls(tmp_path / "values.sqlite")


def test_every_use_of_the_table_of_versions_is_documented():
    text = (DOCS / "backends.md").read_text()
    names = {name for what in USES for name in re.findall(r"\w+_\w+|a[gsdc]et|StoreScope", what)}
    assert {name for name in [*VERSIONS, *names] if name not in text} == set()


def test_every_built_in_backend_and_option_is_documented():
    text = (DOCS / "backends.md").read_text()
    for word in [
        loading.METASTORE,
        *loading.BUILTIN,
        *loading._OPTIONS,
        *loading._OPTIONS.values(),
    ]:
        assert f"`{word}`" in text
    assert "AIRFLOW__WORKERS__STATE_STORE_BACKEND" in text
    assert "AIRFLOW__WORKERS__STATE_BACKEND" in text

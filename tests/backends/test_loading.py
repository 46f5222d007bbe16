"""Loading a backend by name, and its options from the environment."""

from __future__ import annotations

import pytest

from state.backends import loading
from state.backends.base import BaseStoreBackend
from state.backends.files import FileBackend
from state.backends.hooks import import_class
from state.backends.loading import load, options_from
from state.errors import BadBackend, SettingError
from tests.support.packages import NEEDS_FSSPEC

HERE = "tests.backends.test_loading"
EACH_BUILT_IN = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[NEEDS_FSSPEC] if name == "object" else [])
        for name in loading.BUILTIN
    ],
)


class Fussy(BaseStoreBackend):
    def __init__(self, where):
        raise OSError(f"cannot reach {where}")

    def serialize_task_state_store_to_ref(self, *, value, key, scope):
        return key

    def deserialize_task_state_store_from_ref(self, stored):
        return stored

    def delete(self, scope, key, *, session=None): ...

    def clear(self, scope, *, all_map_indices=False, session=None): ...


NOT_A_CLASS = 1


def test_metastore_is_the_database_itself():
    assert load("metastore") is None


@EACH_BUILT_IN
def test_each_built_in_backend_loads_by_its_name(name, tmp_path):
    hooks = load(name, base=f"file://{tmp_path}", realm="db/ns")
    assert hooks.name == name


@EACH_BUILT_IN
def test_a_real_worker_has_each_backend_that_outlives_it(name, monkeypatch, tmp_path):
    options = {"base": f"file://{tmp_path}"}
    environ = loading.variables(name, "db/ns", options)
    cls = loading.class_of(name)
    if getattr(cls, "in_process", False):
        assert environ == {}
        return
    for variable, text in environ.items():
        monkeypatch.setenv(variable, text)
    backend = import_class(environ["AIRFLOW__WORKERS__STATE_STORE_BACKEND"])()
    assert isinstance(backend, cls)


def test_a_class_loads_by_its_dotted_path():
    assert isinstance(load("state.backends.files.FileBackend", base="/base").backend, FileBackend)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "files",
            "unknown backend 'files'; use one of metastore, file, object, memory, or the",
        ),
        ("nowhere.Backend", "No module named 'nowhere'"),
        (f"{HERE}.Missing", "has no attribute 'Missing'"),
        (f"{HERE}.NOT_A_CLASS", "is not a class"),
        ("pathlib.Path", "overrides no hook; a backend needs at least one pair"),
        (".", "cannot be imported"),
    ],
)
def test_a_load_error_says_why(spec, message):
    with pytest.raises(BadBackend) as caught:
        load(spec)
    assert message in str(caught.value)


def test_a_constructor_error_is_shown_with_its_message():
    with pytest.raises(BadBackend, match=r"Fussy' cannot be created: OSError: cannot reach there"):
        load(f"{HERE}.Fussy", where="there")


def test_a_built_in_backend_says_which_option_is_missing():
    with pytest.raises(
        BadBackend, match="the file backend needs its base: set STATEROOM_BACKEND_BASE"
    ):
        load("file")


def test_a_built_in_backend_says_which_option_it_does_not_take():
    with pytest.raises(
        BadBackend, match="the file backend takes no compression; it takes base, realm, threshold"
    ):
        load("file", base="/base", compression="gzip")


def test_builtin_backend_options_come_from_the_environment():
    environ = {
        "STATEROOM_BACKEND_BASE": "/base",
        "STATEROOM_BACKEND_THRESHOLD": "100",
        "STATEROOM_BACKEND_COMPRESSION": "gzip",
        "STATEROOM_BACKEND_TIMEOUT": "2.5",
    }
    assert options_from(environ) == {
        "base": "/base",
        "threshold": 100,
        "compression": "gzip",
        "timeout": 2.5,
    }
    assert options_from(environ, "file") == {"base": "/base", "threshold": 100}
    assert options_from(environ, "a.Backend") == {}
    assert options_from({}) == {}


@pytest.mark.parametrize("text", ["-1", "1.5", "many"])
def test_a_threshold_is_a_number(text):
    with pytest.raises(SettingError, match="STATEROOM_BACKEND_THRESHOLD"):
        options_from({"STATEROOM_BACKEND_THRESHOLD": text})


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_is_a_number_of_seconds(text):
    with pytest.raises(SettingError, match="STATEROOM_BACKEND_TIMEOUT"):
        options_from({"STATEROOM_BACKEND_TIMEOUT": text})


def test_without_fsspec_the_object_backend_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(BadBackend, match="pip install fsspec s3fs"):
        load("object", base="memory://base")


@NEEDS_FSSPEC
@pytest.mark.parametrize("base", ["s4://bucket", "nonsense://bucket"])
def test_an_unknown_storage_is_named(base):
    with pytest.raises(BadBackend, match="cannot reach its base: Protocol not known"):
        load("object", base=base)

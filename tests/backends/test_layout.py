"""Paths of objects: any text becomes a safe name, and different texts differ."""

from __future__ import annotations

import re
import unicodedata

import pytest

from state.backends import layout
from state.errors import BadBackend
from state.model.scopes import AssetScope, TaskScope
from tests.support.objects import TRICKY

TWINS = [
    ("Key", "key"),
    ("STRASSE", "straße"),
    (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
    ("ı", "i"),
    ("a.", "a"),
    ("a ", "a"),
    ("a/b", "a_b"),
    ("k" * 200 + "1", "k" * 200 + "2"),
    ("a" + "~" + "0" * 32, "a"),
]


@pytest.mark.parametrize("text", ["key", "job_id", "run-2", "v1.2", "-1", "_", "x" * 100])
def test_a_safe_text_is_its_own_name(text):
    assert layout.segment(text) == text


@pytest.mark.parametrize("text", TRICKY)
def test_any_text_becomes_one_safe_name(text):
    name = layout.segment(text)
    assert re.fullmatch(r"[a-z0-9_.~-]{1,100}", name)
    assert name.strip(".") == name
    assert name != text


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_stay_apart_where_a_file_system_folds_names(one, other):
    folded = [
        unicodedata.normalize("NFC", layout.segment(text)).casefold() for text in (one, other)
    ]
    assert folded[0] != folded[1]


def test_all_tricky_names_differ():
    names = {
        layout.segment(text).casefold()
        for text in [*TRICKY, *(text for pair in TWINS for text in pair)]
    }
    assert len(names) == len({*TRICKY, *(text for pair in TWINS for text in pair)})


def test_a_name_that_was_encoded_is_not_taken_for_a_safe_one():
    assert layout.segment(layout.segment("A")) != layout.segment("A")


def test_a_dag_called_assets_is_not_an_asset():
    assert layout.scope_path(TaskScope("assets", "a", "b")) == "tasks/assets/a/b/-1"
    assert layout.scope_path(AssetScope(name="a")) == "assets/a"


def test_asset_path_uses_its_name_even_with_a_uri():
    assert layout.scope_path(AssetScope(name="a", uri="s3://a")) == layout.scope_path(
        AssetScope(name="a")
    )


def test_a_name_and_a_uri_of_the_same_text_are_two_assets():
    scopes = AssetScope(name="x"), AssetScope(uri="x"), AssetScope(asset_id=1)
    assert [layout.scope_path(scope) for scope in scopes] == [
        "assets/x",
        "assets-by-uri/x",
        "assets-by-id/1",
    ]


@pytest.mark.parametrize("key", TRICKY)
def test_every_object_path_is_recognised_and_fits_into_s3(key):
    scope = TaskScope("d" * 250, "run é" * 50, "T" * 250, 12)
    realm = layout.realm("0123456789abcdef/" + "n" * 100)
    path = f"{realm}/{layout.object_path(scope, key, '0' * 64)}.gzip"
    assert layout.parse(path)["sha256"] == "0" * 64
    assert layout.parse(path)["codec"] == "gzip"
    assert layout.is_unfinished(layout.unfinished(path))
    assert len(path) < 920


@pytest.mark.parametrize("name", ["0" * 64, "0" * 64 + ".gzip", "0" * 64 + "-" + "1" * 16 + ".xz"])
def test_names_with_and_without_a_random_part_are_objects(name):
    path = f"local/default/assets/orders/key/{name}"
    assert layout.parse(path)["sha256"] == "0" * 64
    assert layout.base_of(f"s3://bucket/{path}") == "s3://bucket"
    assert layout.is_unfinished(layout.unfinished(path))


@pytest.mark.parametrize(
    "name", ["0" * 63, "0" * 64 + "-", "0" * 64 + "-1", "0" * 64 + "-" + "A" * 16]
)
def test_another_name_is_no_object(name):
    assert layout.parse(f"local/default/assets/orders/key/{name}") is None


@pytest.mark.parametrize("realm", ["", "local"])
def test_a_realm_has_two_parts(realm):
    with pytest.raises(BadBackend, match="<database id>/<namespace>"):
        layout.realm(realm)

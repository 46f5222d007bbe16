"""Contracts as test classes, for Stateroom's tests and for those of others; it needs pytest.

Subclass a contract and define its fixture::

    class TestMine(KeyspaceContract):
        @pytest.fixture
        def keyspaces(self):
            return Mine("first"), Mine("second")
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ..conformance import report
from ..conformance.harness import TIMEOUT
from ..conformance.runner import Check, run_one
from ..conformance.samples import CHECKS
from ..conformance.versions import DEFAULT, VERSIONS
from ..errors import KeyNotFound

JSON_VALUES: tuple[Any, ...] = (
    True,
    0,
    -1,
    2**63,
    10**30,
    0.1,
    -1.5e300,
    "",
    "ünï ✓ 🚚",
    'line\nfeed, quote " and NUL \x00',
    [],
    [None, [1, "two"], {}],
    {},
    {"a": {"b": [None, False, 1.5]}, "ü": None, "": ""},
    {"__airflow_state_ref__": "s3://bucket/key"},
)
HOSTILE_KEYS = (
    "/",
    "/a",
    "a/",
    "a//b",
    "../a",
    "a/../b",
    "...",
    "%2F",
    "%",
    "a b",
    " ",
    "+",
    "?a=1&b=2",
    "#a",
    ";a",
    "ü",
    "🚚",
    "'; DROP TABLE entries; --",
    '"',
    "\\",
    "a\x00b",
    "null",
    "k" * 1000,
)


class KeyspaceContract:
    """The contract of every keyspace.

    The fixture ``keyspaces`` returns two empty keyspaces, of different task instances or assets.
    """

    @pytest.fixture
    def keyspace(self, keyspaces: tuple[Any, Any]) -> Any:
        return keyspaces[0]

    @pytest.mark.parametrize("value", JSON_VALUES, ids=repr)
    def test_a_value_comes_back_as_it_was_set(self, keyspace: Any, value: Any) -> None:
        keyspace.set("k", value)
        stored = keyspace.get("k")
        assert stored == value
        assert type(stored) is type(value)

    def test_a_missing_key_is_an_error_that_names_it(self, keyspace: Any) -> None:
        with pytest.raises(KeyNotFound, match="'it'") as caught:
            keyspace.get("it")
        assert caught.value.key == "it"

    def test_overwriting_keeps_nothing_of_the_old_value(self, keyspace: Any) -> None:
        keyspace.set("k", {"old": 1, "both": 1})
        keyspace.set("k", {"both": 2})
        assert keyspace.get("k") == {"both": 2}

    def test_a_value_that_is_changed_after_it_was_set_stays_as_set(self, keyspace: Any) -> None:
        value = {"list": [1]}
        keyspace.set("k", value)
        value["list"].append(2)
        assert keyspace.get("k") == {"list": [1]}

    def test_delete_removes_one_key(self, keyspace: Any) -> None:
        keyspace.set("k", 1)
        keyspace.set("other", 2)
        keyspace.delete("k")
        with pytest.raises(KeyNotFound):
            keyspace.get("k")
        assert keyspace.get("other") == 2

    def test_deleting_a_missing_key_does_nothing(self, keyspace: Any) -> None:
        keyspace.set("other", 2)
        keyspace.delete("k")
        assert keyspace.get("other") == 2

    def test_clear_removes_every_key_and_may_be_repeated(self, keyspace: Any) -> None:
        for key in ("a", "b"):
            keyspace.set(key, 1)
        keyspace.clear()
        keyspace.clear()
        for key in ("a", "b"):
            with pytest.raises(KeyNotFound):
                keyspace.get(key)

    def test_a_deleted_key_may_be_set_again(self, keyspace: Any) -> None:
        keyspace.set("k", 1)
        keyspace.delete("k")
        keyspace.set("k", 2)
        assert keyspace.get("k") == 2

    @pytest.mark.parametrize("key", HOSTILE_KEYS, ids=lambda key: ascii(key)[:24])
    def test_a_hostile_key_names_itself_and_nothing_else(self, keyspace: Any, key: str) -> None:
        keyspace.set("a", "bystander")
        keyspace.set(key, "mine")
        assert keyspace.get(key) == "mine"
        keyspace.delete(key)
        with pytest.raises(KeyNotFound):
            keyspace.get(key)
        assert keyspace.get("a") == "bystander"

    def test_keys_that_look_alike_are_different(self, keyspace: Any) -> None:
        keys = ["key", "Key", "key ", "ke\u0301y", "k\u00e9y", "key/", "/key", "key%20"]
        for number, key in enumerate(keys):
            keyspace.set(key, number)
        assert [keyspace.get(key) for key in keys] == list(range(len(keys)))

    def test_two_keyspaces_share_nothing(self, keyspaces: tuple[Any, Any]) -> None:
        first, second = keyspaces
        first.set("k", 1)
        second.set("k", 2)
        second.delete("k")
        second.clear()
        assert first.get("k") == 1
        with pytest.raises(KeyNotFound):
            second.get("k")


class ExpiryContract:
    """The contract of a task instance's keyspace, for ``expires_at``.

    The fixtures are those of :class:`KeyspaceContract`.
    """

    @pytest.mark.parametrize("days", [-1, 30])
    def test_an_expired_key_is_there_until_it_is_cleaned_away(
        self, keyspace: Any, days: int
    ) -> None:
        keyspace.set("k", 1, datetime.now(timezone.utc) + timedelta(days=days))
        assert keyspace.get("k") == 1

    def test_any_zone_will_do(self, keyspace: Any) -> None:
        keyspace.set("k", 1, datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
        assert keyspace.get("k") == 1


class ListingContract:
    """The contract of a keyspace with ``list``; the fixtures are :class:`KeyspaceContract`'s."""

    def test_keys_are_listed_in_code_point_order(self, keyspace: Any) -> None:
        keys = ["b", "a", "B", "a/b", "ü", "🚚", "\uffff", "10", "9", ""]
        for key in keys:
            keyspace.set(key, 1)
        entries, total = keyspace.list()
        assert [entry.key for entry in entries] == sorted(keys)
        assert total == len(keys)

    @pytest.mark.parametrize(
        ("limit", "offset", "expected"), [(2, 0, "ab"), (2, 3, "de"), (9, 4, "e"), (2, 5, "")]
    )
    def test_a_page_knows_how_many_there_are_in_all(
        self, keyspace: Any, limit: int, offset: int, expected: str
    ) -> None:
        for key in "edcba":
            keyspace.set(key, 1)
        entries, total = keyspace.list(limit, offset)
        assert "".join(entry.key for entry in entries) == expected
        assert total == 5

    def test_setting_again_forgets_the_expiry(self, keyspace: Any) -> None:
        keyspace.set("k", 1, datetime(2030, 1, 1, tzinfo=timezone.utc))
        assert keyspace.entry("k").expires_at == "2030-01-01T00:00:00.000000Z"
        keyspace.set("k", 2)
        assert keyspace.entry("k").expires_at is None

    def test_replacing_keeps_the_expiry(self, keyspace: Any) -> None:
        keyspace.set("k", 1, datetime(2030, 1, 1, tzinfo=timezone.utc))
        keyspace.replace("k", 2)
        entry = keyspace.entry("k")
        assert entry.value == 2
        assert entry.expires_at == "2030-01-01T00:00:00.000000Z"

    def test_a_key_that_is_not_there_cannot_be_replaced(self, keyspace: Any) -> None:
        with pytest.raises(KeyNotFound):
            keyspace.replace("k", 2)
        assert keyspace.list() == ([], 0)


class BackendContract:
    """The conformance kit, a test for each check, in a thread of its own.

    The fixture ``make_backend`` returns a callable that creates an instance of the backend, each
    time with the same configuration.
    """

    check_timeout = TIMEOUT  # seconds of each check; one that takes longer fails
    airflow = DEFAULT  # the version by which it is judged: 3.3, 3.4 or main

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
    def test_backend(self, make_backend: Any, check: Check) -> None:
        version = VERSIONS[self.airflow]
        result = run_one(check, make_backend, timeout=self.check_timeout, version=version)
        if result.outcome == "not applicable":
            pytest.skip(result.detail)
        assert result.outcome == "passed", report.text(type(self).__name__, [result], version)

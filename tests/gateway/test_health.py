"""Checks and orphans: what is reported, and what removal must not delete."""

import os
import time
from pathlib import Path

import pytest

from state.backends.deadlines import Calls
from state.backends.hooks import Hooks
from state.errors import BackendTimeout
from state.gateway import health as upkeep
from state.gateway.backend import Backend
from state.gateway.gateway import Gateway
from state.gateway.orphans import Orphan, orphans, remove_orphans
from state.model import envelope
from state.model.clock import Clock
from state.model.reference_facts import OLDER_THAN, Facts, Verdict
from state.model.scopes import API_WRITER, TaskScope
from state.store import keyspaces
from state.store.store import Store
from state.store.tables import assets, references, task_instances
from tests.support.backends import small

SCOPE = TaskScope("etl", "r1", "load")
DAY = 24 * 3600


class Kept:
    """One database, its backend, and a task instance's gateway over both."""

    def __init__(self, store, base, cls=small.Folder, name="tests.Folder"):
        self.store = store
        self.namespace = store.namespace()
        self.files = cls(str(base), f"{store.identity.database_id}/default")
        self.backend = Backend(Hooks(self.files, name), Calls(), 10)
        ti_id = task_instances.create_task_instance(self.namespace, SCOPE)["id"]
        self.task = keyspaces.task_instance(self.namespace, ti_id)
        self.values = Gateway.of_task(self.backend, self.namespace, ti_id, API_WRITER)

    def put(self, key, value):
        self.values.set(key, value)
        return envelope.unwrap(self.task.get(key))

    def loose(self, value, key="loose"):
        """An object without a row, as an unfinished set leaves it."""
        return self.files.serialize_task_state_store_to_ref(value=value, key=key, scope=SCOPE)

    def health(self, key="k"):
        return {
            row["key"]: row["health"]
            for row in references.page(self.namespace, None, None, 100, 0)[0]
        }[key]

    def check(self):
        return upkeep.check(self.namespace, self.backend, 0, 100)["health"]

    def remove(self, older_than=OLDER_THAN, limit=100):
        result = remove_orphans(self.namespace, self.backend, older_than, limit)
        return [decision.orphan.ref for decision in result["removed"]], {
            decision.orphan.ref: decision.verdict for decision in result["left"]
        }


def test_the_json_text_of_a_value_needs_no_object(kept):
    kept.task.set("k", envelope.wrap('["rows"]'))
    kept.check()
    assert kept.health() == "ok"


def age(ref, seconds):
    moment = time.time() - seconds
    os.utime(ref, (moment, moment))


def age_ledger(kept, seconds):
    with kept.store.transaction() as db:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - seconds))
        db.execute("UPDATE refs SET written_at = ?", (moment,))


@pytest.fixture
def base(tmp_path):
    return tmp_path / "objects"


@pytest.fixture
def kept(store, base):
    return Kept(store, base)


# ---------------------------------------------------------------- health


def test_a_whole_object_is_ok(kept):
    kept.put("k", {"a": 1})
    assert kept.check() == {"ok": 1}
    assert kept.health() == "ok"


def test_an_asset_is_checked_too(kept):
    assets.create_asset(kept.namespace, "orders")
    Gateway.of_asset(kept.backend, kept.namespace, "name", "orders", API_WRITER).set("k", 1)
    assert kept.check() == {"ok": 1}


@pytest.mark.parametrize(
    ("damage", "health"),
    [
        (os.unlink, "missing"),
        (lambda ref: Path(ref).write_text("2"), "corrupt"),
        (lambda ref: Path(ref).write_text('{"'), "corrupt"),
    ],
)
def test_a_damaged_object_is_found(kept, damage, health):
    damage(kept.put("k", 1))
    assert kept.check() == {health: 1}
    assert kept.health() == health


def test_a_mutable_backends_other_value_is_changed(kept, monkeypatch):
    monkeypatch.setattr(small.PlainFolder, "immutable", False)
    Path(kept.put("k", 1)).write_text("2")
    assert kept.check() == {"changed": 1}


def test_another_backends_reference_is_foreign(kept):
    kept.task.set("k", envelope.wrap("s3://elsewhere/x"), facts=Facts.of("other", 1))
    assert kept.check() == {"foreign": 1}


def test_undecidable_references_stay_unchecked(store, base):
    kept = Kept(store, base, small.PlainFolder)
    kept.task.set("k", envelope.wrap(kept.loose(1)), facts=Facts.of(kept.backend.name, 1))
    assert kept.check() == {"unchecked": 1}


def test_backend_error_is_reported_and_the_check_continues(store, base):
    kept = Kept(store, base, small.Raising)
    kept.put("k", 1)
    kept.put("l", 2)
    kept.files.errors["deserialize"] = PermissionError("s3://u:p@h denied")
    page = upkeep.check(kept.namespace, kept.backend, 0, 100)
    assert page["health"] == {"unchecked": 2}
    assert all("PermissionError: s3://***@h denied" in error["message"] for error in page["errors"])


def test_a_hanging_backend_ends_the_check(store, base):
    kept = Kept(store, base, small.Hanging)
    kept.put("k", 1)
    kept.files.hang_in = "deserialize"
    with pytest.raises(BackendTimeout):
        upkeep.check(kept.namespace, Backend(kept.backend.hooks, kept.backend.calls, 0.05), 0, 100)
    kept.files.go_on.set()


def test_a_check_works_page_by_page(kept):
    for number in range(5):
        kept.put(f"k{number}", number)
    pages = []
    after = 0
    while after is not None:
        page = upkeep.check(kept.namespace, kept.backend, after, 2)
        pages.append((page["checked"], page["remaining"]))
        after = page["next"]
    assert pages == [(2, 3), (2, 1), (1, 0)]


def test_a_released_reference_without_object_is_deleted(kept):
    os.unlink(kept.put("k", 1))
    kept.task.delete("k")
    assert kept.check() == {"gone": 1}
    assert references.page(kept.namespace, None, None, 10, 0) == ([], 0)


def test_a_released_reference_with_an_object_is_an_orphan(kept):
    kept.put("k", 1)
    kept.task.delete("k")
    assert kept.check() == {"orphan": 1}
    assert kept.health() == "orphan"


# ---------------------------------------------------------------- orphans


def test_an_old_orphan_is_removed_and_forgotten(kept):
    ref = kept.put("k", 1)
    kept.task.delete("k")
    age(ref, 2 * DAY)
    age_ledger(kept, 2 * DAY)
    assert kept.remove() == ([ref], {})
    assert not os.path.exists(ref)
    assert references.page(kept.namespace, None, None, 10, 0)[1] == 0


def test_old_object_under_our_prefix_not_in_ledger_is_removed(kept):
    ref = kept.loose(1)
    age(ref, 2 * DAY)
    assert kept.remove() == ([ref], {})


def test_a_row_keeps_even_an_old_object(kept):
    ref = kept.put("k", 1)
    age(ref, 99 * DAY)
    age_ledger(kept, 99 * DAY)
    assert kept.remove(older_than=0) == ([], {})
    assert os.path.exists(ref)


def test_the_object_of_a_set_that_is_under_way_stays(kept):
    ref = kept.loose(1)
    assert kept.remove() == ([], {ref: Verdict.TOO_YOUNG})


def test_an_object_just_short_of_the_age_stays(kept):
    ref = kept.loose(1)
    age(ref, DAY - 60)
    assert kept.remove() == ([], {ref: Verdict.TOO_YOUNG})


def test_age_counts_in_real_time_despite_a_namespace_clock(kept, monkeypatch):
    ref = kept.put("k", 1)
    kept.task.delete("k")
    later = kept.namespace.clock.now().replace(year=2999)
    monkeypatch.setattr(kept.namespace, "clock", Clock(frozen_at=later))
    assert kept.remove() == ([], {ref: Verdict.TOO_YOUNG})


def test_a_set_of_the_same_object_makes_it_young(kept):
    ref = kept.put("k", 1)
    age_ledger(kept, 2 * DAY)
    kept.put("k", 1)
    kept.task.delete("k")
    age(ref, 2 * DAY)
    assert kept.remove()[1] == {ref: Verdict.TOO_YOUNG}


def test_rewritten_object_is_young_despite_its_ledger_row(kept):
    ref = kept.put("k", 1)
    kept.task.delete("k")
    age_ledger(kept, 2 * DAY)
    assert kept.remove()[1] == {ref: Verdict.TOO_YOUNG}


def test_another_databases_object_stays(kept, base, tmp_path):
    other = Kept(Store(str(tmp_path / "other.db")), base)
    ref = other.put("k", 1)
    listing = Kept(kept.store, base, small.Listing)
    age(ref, 99 * DAY)
    assert listing.remove(older_than=0) == ([], {ref: Verdict.UNKNOWN_OWNER})
    other.store.close()


@pytest.mark.parametrize("name", ["tests.Folder", "file"])
def test_another_databases_object_in_our_ledger_is_not_removed(kept, base, tmp_path, name):
    other = Kept(Store(str(tmp_path / "other.db")), base)
    ref = other.put("k", 1)
    thief = Kept(kept.store, base, small.Listing if name == "file" else small.Folder, name)
    thief.task.set("stolen", envelope.wrap(ref), facts=Facts.of(name, 1))
    thief.task.delete("stolen")
    age_ledger(thief, 99 * DAY)
    assert thief.remove(older_than=0) == ([], {ref: Verdict.UNKNOWN_OWNER})
    assert os.path.exists(ref)
    other.store.close()


def test_another_namespaces_object_stays(kept):
    with kept.store.transaction() as db:
        db.execute("INSERT INTO namespaces (name) VALUES ('other')")
    other = kept.store.namespace("other")
    assets.create_asset(other, "orders")
    ref = kept.loose(1)
    keyspaces.asset(other, name="orders").set("k", envelope.wrap(ref))
    age(ref, 99 * DAY)
    age_ledger(kept, 99 * DAY)
    assert kept.remove(older_than=0) == ([], {})


def test_row_written_between_listing_and_removal_keeps_object(kept, monkeypatch):
    ref = kept.loose(1)
    verdict = Orphan.verdict

    def slow(orphan, older_than):
        kept.task.set("k", envelope.wrap(ref))
        return verdict(orphan, older_than)

    monkeypatch.setattr(Orphan, "verdict", slow)
    assert kept.remove(older_than=0) == ([], {ref: Verdict.IN_USE})
    assert os.path.exists(ref)


def test_object_set_and_deleted_meanwhile_is_young_again(kept, monkeypatch):
    ref = kept.loose(1)
    age(ref, 2 * DAY)
    verdict = Orphan.verdict

    def slow(orphan, older_than):
        kept.task.set("k", envelope.wrap(ref))
        kept.task.delete("k")
        return verdict(orphan, older_than)

    monkeypatch.setattr(Orphan, "verdict", slow)
    assert kept.remove()[1] == {ref: Verdict.IN_USE}


def test_an_object_that_a_row_is_to_point_at_is_not_removed(kept, monkeypatch):
    """It is an orphan until its row is set."""
    written = kept.task.set
    left = {}

    def set(*args, **kwargs):
        removed, reasons = kept.remove(older_than=0)
        assert removed == []
        left.update(reasons)
        return written(*args, **kwargs)

    monkeypatch.setattr(kept.values._keyspace, "set", set)
    kept.values.set("k", 1)
    assert list(left.values()) == [Verdict.IN_USE]
    assert kept.values.get("k") == 1


def test_a_backend_that_cannot_list_has_orphans_too(store, base):
    kept = Kept(store, base, small.PlainFolder)
    ref = kept.put("k", 1)
    kept.task.delete("k")
    assert kept.remove(older_than=0) == ([], {ref: Verdict.NOT_SUPPORTED})


def test_another_backends_orphan_stays(kept):
    kept.task.set("k", envelope.wrap("s3://elsewhere/x"), facts=Facts.of("other", 1))
    kept.task.delete("k")
    assert kept.remove(older_than=0) == ([], {"s3://elsewhere/x": Verdict.UNKNOWN_OWNER})


def test_a_failed_removal_is_reported_with_the_reason(store, base):
    kept = Kept(store, base, small.Raising)
    kept.files.errors["remove_ref"] = OSError("disk")
    kept.loose(1)
    result = remove_orphans(kept.namespace, kept.backend, 0, 100)
    (decision,) = result["left"]
    assert decision.verdict is Verdict.FAILED
    assert "OSError: disk" in decision.why
    assert result["removed"] == []


def test_removal_stops_at_its_limit(kept):
    for number in range(5):
        kept.loose(number)
    result = remove_orphans(kept.namespace, kept.backend, 0, 2)
    assert len(result["removed"]) == 2
    assert result["more"] is True
    assert len(list(kept.files.iter_refs())) == 3


def test_an_endless_list_of_objects_ends(store, base, monkeypatch):
    monkeypatch.setattr("state.gateway.orphans._LISTING", 0.05)  # of 10 s
    kept = Kept(store, base, small.EndlessListing)
    with pytest.raises(BackendTimeout, match=r"after 0\.5 s, .* had listed [\d,]+00 objects"):
        list(orphans(kept.namespace, kept.backend))
    with pytest.raises(BackendTimeout, match="--backend-timeout"):
        kept.remove()


def test_the_removal_of_objects_does_not_shorten_their_list(kept, monkeypatch):
    monkeypatch.setattr("state.gateway.orphans._CHUNK", 2)
    monkeypatch.setattr("state.gateway.orphans._LISTING", 0.05)  # of 10 s
    for number in range(6):
        kept.loose(number)
    remove = kept.files.remove_ref

    def slow(ref):
        time.sleep(0.2)
        remove(ref)

    monkeypatch.setattr(kept.files, "remove_ref", slow)
    assert len(kept.remove(older_than=0)[0]) == 6


def test_orphans_beyond_one_chunk_are_all_found(kept, monkeypatch):
    monkeypatch.setattr("state.gateway.orphans._CHUNK", 2)
    for number in range(5):
        kept.loose(number)
    assert len(list(orphans(kept.namespace, kept.backend))) == 5

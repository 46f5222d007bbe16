"""Explain why a key exists or not, and which similar keys exist."""

import re
from datetime import datetime, timedelta, timezone

import pytest

from state.errors import OutOfRange
from state.model.clock import Clock, to_text
from state.model.scopes import AssetScope, AssetStateStoreWriterKind, TaskScope, Writer
from state.store import fixtures, keyspaces
from state.store.explain.explain import explain
from state.store.journal.journal import Event
from state.store.store import Store
from state.store.tables import assets, expiry, scopes, task_instances
from state.store.tables.namespaces import set_clock
from state.store.tables.task_instances import Report
from tests.support.world import EXTRACT, MAPPED, RUN, TI

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
SUBMIT = TaskScope("etl", "run+1", "submit")
ORDERS = AssetScope(name="orders")


@pytest.fixture
def namespace(store):
    """A namespace with a frozen clock, a running task instance and an asset."""
    namespace = store.namespace()
    set_clock(namespace, Clock().freeze().set(NOW))
    task_instances.create_task_instance(namespace, SUBMIT)
    assets.create_asset(namespace, "orders", "s3://warehouse/orders")
    return namespace


@pytest.fixture
def put(namespace):
    """Sets a key that expires after some days, or never."""

    def put(key="job_id", days=None, scope=SUBMIT, **options):
        if scopes.scope_id(namespace, scope) is None:
            task_instances.create_task_instance(namespace, scope)
        keyspaces.task(namespace, scope).set(
            key, 1, None if days is None else NOW + timedelta(days=days), **options
        )

    return put


@pytest.fixture
def sentence(namespace):
    return lambda scope=SUBMIT, key="job_id", **how: explain(namespace, scope, key, **how)[
        "sentence"
    ]


def retry(namespace, days):
    """Report the attempt as up for retry in some days; return its id."""
    ti_id = task_instances.create_task_instance(namespace, SUBMIT)["id"]
    task_instances.set_state(
        namespace, ti_id, Report("up_for_retry", retry_delay=days * 86_400), False
    )
    return ti_id


def advance(namespace, days):
    set_clock(namespace, namespace.clock.advance(timedelta(days=days)))


# ---------------------------------------------------------------- when a key expires


@pytest.mark.parametrize(
    ("by", "counted"),
    [
        (
            "worker",
            "The worker counted that by its own clock; it expires by this namespace's, "
            "which is frozen at 2030",
        ),
        (
            "namespace",
            "That was counted by this namespace's clock, which is frozen at 2030-01-01T00:00:00Z.",
        ),
        ("caller", "The caller gave that moment itself; it expires by this namespace's"),
        (None, "That was counted by an unknown clock; it expires by"),
    ],
)
def test_a_key_that_expires_says_when_and_by_which_clock(put, sentence, by, counted):
    put(days=29, expires_by=by)
    expiry = (
        "'job_id' expires in 29 days, at 2030-01-30T00:00:00Z, "
        "and is removed by the next clean after that. "
    )
    assert sentence().startswith(expiry + counted)


def test_a_real_clock_adds_no_explanation(namespace, put, sentence):
    set_clock(namespace, Clock())
    put(days=29, expires_by="worker")
    assert sentence().endswith(" The worker counted that by its own clock.")


def test_a_clock_that_is_ahead_is_mentioned(namespace, put, sentence):
    set_clock(namespace, Clock().advance(timedelta(days=3)))
    put(days=29, expires_by="worker")
    assert "which is 3 days ahead of real time and shows 20" in sentence()


def test_an_expired_key_says_why_it_is_still_readable(namespace, put, sentence):
    put(days=30)
    advance(namespace, days=31)
    why = (
        "and is still readable: as in Airflow, "
        "an expired key is readable until a clean runs, and none has run since."
    )
    assert f"'job_id' expired 1 day ago, at 2030-01-31T00:00:00Z, {why}" in sentence()
    assert explain(namespace, SUBMIT, "job_id")["expired"] is True


def test_a_key_written_with_a_past_expiry_is_explained(put, sentence):
    put(days=-1)
    assert "it had expired already when it was written" in sentence()


def test_a_key_without_expiry_stays_until_it_is_deleted(namespace, put, sentence):
    put()
    keyspaces.asset(namespace, name="orders").set("watermark", 1)
    assert sentence() == "'job_id' never expires: it stays until it is deleted."
    assert "asset state does not expire" in sentence(ORDERS, "watermark")


@pytest.mark.parametrize("days", [None, 1])
def test_clear_on_success_is_mentioned(put, sentence, days):
    put(days=days)
    assert "the task succeeds" in sentence(clears=True)
    assert "clear_on_success" not in sentence()


def test_warning_for_a_retry_delay_beyond_the_expiry(namespace, put, sentence):
    put(days=30)
    retry(namespace, days=40)
    warning = "Warning: the next attempt is due in 40 days (retry_delay 40 days), "
    assert f"{warning}10 days after the expiry." in sentence()
    advance(namespace, days=41)
    assert "Warning: the next attempt is due since 2030-02-10T00:00:00Z" in sentence()


def test_no_warning_for_a_timely_or_running_retry(namespace, put, sentence):
    put(days=30)
    retry(namespace, days=29)
    assert "Warning" not in sentence()
    retry(namespace, days=40)
    task_instances.create_task_instance(namespace, SUBMIT)
    assert "Warning" not in sentence()


def test_a_retry_beyond_the_calendar_is_late_too(namespace, put, sentence):
    put(days=30)
    retry(namespace, days=1e9)
    assert "Warning" in sentence()


def test_an_attempt_that_read_too_late_is_named(namespace, put, sentence):
    put()
    old = retry(namespace, days=0)
    namespace.journal.note(read_in_vain(namespace, old))
    assert sentence().endswith(
        "Try 2, superseded at 2030-01-01T00:00:00Z, requested it after that and was "
        "answered 404: its id is no longer valid."
    )


def read_in_vain(namespace, ti_id):
    writer = Writer(AssetStateStoreWriterKind.TASK, ti_id, "execution")
    return Event("get", writer, scopes.scope_id_of_attempt(namespace, ti_id), "job_id", 404)


# ---------------------------------------------------------------- how it was deleted


def test_unwritten_key_is_explained_with_the_journals_start(sentence):
    begins = "There is no 'job_id' here. No write of it is in the journal, which begins at "
    assert re.fullmatch(re.escape(begins) + r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\.", sentence())


def test_a_deleted_key_says_when_and_by_whom(namespace, put, sentence):
    put()
    ti_id = task_instances.create_task_instance(namespace, SUBMIT)["id"]
    writer = Writer(AssetStateStoreWriterKind.TASK, ti_id, "execution")
    keyspaces.task_instance(namespace, ti_id, writer).delete("job_id")
    keyspaces.task(namespace, SUBMIT).delete("job_id")  # already deleted: not this one
    advance(namespace, days=2)
    deleted = "It was deleted by attempt 2 2 days ago, at 2030-01-01T00:00:00Z."
    assert sentence() == f"There is no 'job_id' here. {deleted}"


def test_cleaned_key_is_explained_with_its_expiry_and_late_retry(namespace, put, sentence):
    put(days=30)
    retry(namespace, days=40)
    advance(namespace, days=31)
    expiry.clean(namespace, False, 0)
    assert (
        "It had expired at 2030-01-31T00:00:00Z, and a clean removed it less than a second ago"
        in sentence()
    )
    assert (
        "due at 2030-02-10T00:00:00Z: its retry_delay of 40 days was longer than what was left"
        in sentence()
    )


def test_a_cleared_key_names_who_cleared_it(namespace, put, sentence):
    put()
    keyspaces.task(namespace, SUBMIT).clear()
    assert "It was deleted when all keys were cleared by the Core API" in sentence()


def test_a_success_that_cleared_the_key_is_named(namespace, put, sentence):
    put()
    task_instances.set_state(
        namespace,
        task_instances.create_task_instance(namespace, SUBMIT)["id"],
        Report("success"),
        clear_on_success=True,
    )
    assert "It was deleted when the task reported success" in sentence()


def test_reset_is_explained_without_its_task_instance(namespace, put, sentence):
    put()
    fixtures.apply(namespace, {}, forget=True)
    assert sentence().startswith("There is no run of a dag 'etl'. It was deleted by the reset ")


def test_without_a_journal_nothing_is_known():
    store = Store(journal_limit=0)
    assets.create_asset(store.namespace(), "orders")
    sentence = explain(store.namespace(), ORDERS, "k")["sentence"]
    assert (
        sentence
        == "There is no 'k' here. There is no journal, so it is unknown whether it ever existed."
    )
    store.close()


# ---------------------------------------------------------------- similar keys


@pytest.mark.parametrize(
    ("scope", "unknown", "why"),
    [
        (
            TaskScope("etl", "run+1", "submit", 3),
            "no map index 3",
            "the same task has it without a map index",
        ),
        (
            TaskScope("etl", "run+1", "load"),
            "is mapped in that run",
            "the same task has it for map index 1",
        ),
        (
            TaskScope("etl", "run+1", "load", 7),
            "no map index 7",
            "the same task has it for map index 1",
        ),
        (
            TaskScope("etl", "run+2", "submit"),
            "no run 'run+2'",
            "the same task has it in the run run+1",
        ),
        (
            TaskScope("etl", "run 1", "submit"),
            "no run 'run 1'",
            "the same task has it in the run run+1; a + in a query has to be sent as %2B",
        ),
        (
            TaskScope("elt", "run+1", "submit"),
            "no run of a dag 'elt'",
            "the same run and task of dag etl has it",
        ),
        (
            TaskScope("etl", "run+1", "sbmit"),
            "no task 'sbmit'",
            "the task submit of the same run has it",
        ),
    ],
)
def test_unknown_scope_is_named_with_the_key_elsewhere(namespace, put, scope, unknown, why):
    put()
    put(scope=TaskScope("etl", "run+1", "load", 1))
    explanation = explain(namespace, scope, "job_id")
    assert unknown in explanation["sentence"]
    assert why in [miss["why"] for miss in explanation["near"]]


def test_nearest_map_indices_are_named_and_the_rest_counted(namespace, put):
    for index in range(9):
        put(scope=TaskScope("etl", "run+1", "load", index))
    near = explain(namespace, TaskScope("etl", "run+1", "load", 20), "job_id")["near"]
    assert [miss["scope"]["map_index"] for miss in near] == [8, 7, 6]
    assert near[0]["why"] == "the same task has it for map index 8 (and 8 more like it)"


@pytest.mark.parametrize("key", ["job-id", "JobId", "jobid", "job_ids"])
def test_a_similar_key_is_suggested(namespace, put, key):
    put("job_id")
    put("watermark")
    explanation = explain(namespace, SUBMIT, key)
    assert explanation["near"] == [
        {"scope": vars(SUBMIT), "key": "job_id", "why": "did you mean 'job_id'?"}
    ]


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        (
            AssetScope(name="s3://warehouse/orders"),
            "this is the uri of the asset named orders, which has it",
        ),
        (AssetScope(name="order"), "the asset orders has it"),
        (
            AssetScope(name="retired"),
            "is not active: workers do not reach it, the Core API does by id 9",
        ),
        (SUBMIT, "the asset orders has it, as asset state"),
    ],
)
def test_an_asset_by_its_uri_inactive_or_another(namespace, scope, why):
    keyspaces.asset(namespace, name="orders").set("watermark", 1)
    retired = {"id": 9, "name": "retired", "uri": "r", "active": False}
    entry = {"asset": "retired", "key": "watermark", "value": 1}
    fixtures.apply(namespace, {"assets": [retired], "asset_state_store": [entry]})
    assert why in explain(namespace, scope, "watermark")["near"][0]["why"]


def test_task_state_requested_from_an_asset(namespace, put):
    put()
    why = explain(namespace, ORDERS, "job_id")["near"][0]["why"]
    assert why == "the task submit of dag etl has it, as task state"


def test_a_superseded_id_names_the_current_one(namespace, put):
    put()
    old = retry(namespace, days=0)
    explanation = explain(namespace, None, "job_id", ti_id=old)
    assert explanation["found"] is False
    assert explanation["scope"] == vars(SUBMIT)
    assert (
        "This id was that of attempt 2, superseded at 2030-01-01T00:00:00Z: a read with it"
        in explanation["sentence"]
    )
    assert explanation["near"][0]["key"] == "job_id"
    assert "current id" in explanation["near"][0]["why"]


def test_a_superseded_id_of_a_deleted_key_says_both(namespace, put, sentence):
    put()
    old = retry(namespace, days=0)
    keyspaces.task(namespace, SUBMIT).delete("job_id")
    assert "superseded" in sentence(None, ti_id=old)
    assert "It was deleted by the Core API" in sentence(None, ti_id=old)


def test_unknown_and_known_ids(namespace, put, sentence):
    put()
    current = task_instances.create_task_instance(namespace, SUBMIT)["id"]
    assert "ever had the id 019b" in sentence(None, ti_id=TI)
    assert sentence(None, ti_id=current) == sentence()


def test_keys_of_another_namespace_are_not_suggested(store, namespace, put):
    put()
    other = store.create_namespace("other")
    explanation = explain(other, SUBMIT, "job_id")
    assert explanation["near"] == []
    assert "No write of it is in the journal." in explanation["sentence"]


def test_a_long_key_is_shortened_and_a_hostile_one_escaped(sentence):
    assert len(sentence(key="k" * 500)) < 250
    assert "\x1b" not in sentence(key="\x1b[31m")


def test_a_map_index_beyond_the_database_is_refused(namespace):
    assert explain(namespace, TaskScope("etl", "run+1", "submit", 2**63 - 1), "k")["found"] is False
    with pytest.raises(OutOfRange):
        explain(namespace, TaskScope("etl", "run+1", "submit", 2**63), "k")


# ---------------------------------------------------------------- over HTTP


@pytest.fixture
def ask(world):
    return lambda **query: world.get("/_stateroom/explain", query_string=query)


def test_a_key_is_explained(world, ask):
    world.put(
        "/_stateroom/fixture",
        json={
            "task_state_store": [
                {**EXTRACT, "key": "old", "value": 1, "expires_at": "2020-01-01T00:00:00Z"}
            ]
        },
    )
    explanation = ask(**EXTRACT, key="old").json
    assert "is still readable" in explanation.pop("sentence")
    assert explanation == {
        "key": "old",
        "scope": {**EXTRACT, "map_index": -1},
        "found": True,
        "expires_at": "2020-01-01T00:00:00Z",
        "expired": True,
        "expires_by": "caller",
        "near": [],
    }


def test_the_clock_of_an_expiry_depends_on_the_writer(world, ask):
    moment = to_text(datetime.now(timezone.utc) + timedelta(days=1))
    world.put(f"/execution/store/ti/{TI}/w", json={"value": 1, "expires_at": moment})
    world.put(f"/_stateroom/values/ti/{TI}?key=g", json={"value": 1, "retention": 60})
    assert [ask(ti_id=TI, key=key).json["expires_by"] for key in ("w", "g", "job_id")] == [
        "worker",
        "namespace",
        None,
    ]


def test_the_setting_clear_on_success_is_explained(world, ask):
    world.put("/_stateroom/fixture", json={"config": {"clear_on_success": True}})
    assert "clear_on_success" in ask(**EXTRACT, key="job_id").json["sentence"]


def test_a_missing_key_of_a_mapped_task_is_not_an_error(ask):
    answer = ask(dag_id="etl", run_id=RUN, task_id="mapped", key="job_id")
    assert answer.status_code == 200
    assert answer.json["found"] is False
    assert [miss["scope"]["task_id"] for miss in answer.json["near"]] == ["extract"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"key": "k"},
        {"asset": "orders"},
        {"asset": "orders", "key": ""},
        {"ti_id": "x", "key": "k"},
        {"asset": "orders", "ti_id": MAPPED, "key": "k"},
        {**EXTRACT, "map_index": 2**63, "key": "k"},
    ],
)
def test_explain_without_a_key_or_a_single_scope_is_refused(ask, query):
    assert ask(**query).status_code == 422

"""Explain why a key exists or not, and which similar keys exist."""

import re
from datetime import datetime, timedelta, timezone

import pytest

from state.errors import OutOfRange
from state.model.clock import Clock, to_text
from state.model.scopes import AssetScope, AssetStateStoreWriterKind, TaskScope, Writer
from state.store import fixtures
from state.store.explain.explain import explain
from state.store.journal.journal import Event
from state.store.store import Store
from state.store.tables import assets, expiry, scopes, task_instances
from state.store.tables.namespaces import set_clock
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

    def put(key="job_id", days=None, scope=SUBMIT, **said):
        if scopes.scope_id(namespace, scope=scope) is None:
            task_instances.create_task_instance(namespace, scope)
        scopes.task(namespace, scope).set(
            key, 1, None if days is None else NOW + timedelta(days=days), **said
        )

    return put


@pytest.fixture
def said(namespace):
    return lambda scope=SUBMIT, key="job_id", **how: explain(namespace, scope, key, **how)[
        "sentence"
    ]


def retry(namespace, days):
    """Report the attempt as up for retry in some days; return its id."""
    ti_id = task_instances.create_task_instance(namespace, SUBMIT)["id"]
    task_instances.set_state(namespace, ti_id, "up_for_retry", False, retry_delay=days * 86_400)
    return ti_id


def advance(namespace, days):
    set_clock(namespace, namespace.clock.advance(timedelta(days=days)))


# ---------------------------------------------------------------- when a key expires


@pytest.mark.parametrize(
    ("by", "counted"),
    [
        (
            "worker",
            "The worker counted that by its own clock; it expires by this namespace's, which is frozen at 2030",
        ),
        (
            "namespace",
            "That was counted by this namespace's clock, which is frozen at 2030-01-01T00:00:00Z.",
        ),
        ("caller", "The caller gave that moment itself; it expires by this namespace's"),
        (None, "By whose clock that was counted is not known; it expires by"),
    ],
)
def test_a_key_that_will_expire_says_when_and_by_whose_clock(put, said, by, counted):
    put(days=29, expires_by=by)
    first = "'job_id' expires in 29 days, at 2030-01-30T00:00:00Z, and is removed by the next clean after that. "
    assert said().startswith(first + counted)


def test_by_a_real_clock_there_is_nothing_more_to_say(namespace, put, said):
    set_clock(namespace, Clock())
    put(days=29, expires_by="worker")
    assert said().endswith(" The worker counted that by its own clock.")


def test_a_clock_that_is_ahead_is_told(namespace, put, said):
    set_clock(namespace, Clock().advance(timedelta(days=3)))
    put(days=29, expires_by="worker")
    assert "which is 3 days ahead of real time and shows 20" in said()


def test_an_expired_key_says_why_it_is_still_readable(namespace, put, said):
    put(days=30)
    advance(namespace, days=31)
    why = "and is still readable: as in Airflow, an expired key is readable until a clean runs, and none has run since."
    assert f"'job_id' expired 1 day ago, at 2030-01-31T00:00:00Z, {why}" in said()
    assert explain(namespace, SUBMIT, "job_id")["expired"] is True


def test_a_key_that_was_expired_when_it_was_written_says_so(put, said):
    put(days=-1)
    assert "it was so already when it was written" in said()


def test_a_key_without_expiry_stays_until_somebody_deletes_it(namespace, put, said):
    put()
    scopes.asset(namespace, name="orders").set("watermark", 1)
    assert said() == "'job_id' never expires: it stays until somebody deletes it."
    assert "asset state does not expire" in said(ORDERS, "watermark")


@pytest.mark.parametrize("days", [None, 1])
def test_clear_on_success_is_told(put, said, days):
    put(days=days)
    assert "the task succeeds" in said(clears=True)
    assert "clear_on_success" not in said()


def test_a_retry_delay_longer_than_what_is_left_is_called_out(namespace, put, said):
    put(days=30)
    retry(namespace, days=40)
    assert (
        "Beware: the next attempt is due only in 40 days (retry_delay 40 days), 10 days after the expiry."
        in said()
    )
    advance(namespace, days=41)
    assert "Beware: the next attempt is due since 2030-02-10T00:00:00Z" in said()


def test_no_warning_for_a_timely_or_running_retry(namespace, put, said):
    put(days=30)
    retry(namespace, days=29)
    assert "Beware" not in said()
    retry(namespace, days=40)
    task_instances.create_task_instance(namespace, SUBMIT)
    assert "Beware" not in said()


def test_a_retry_beyond_the_calendar_is_late_too(namespace, put, said):
    put(days=30)
    retry(namespace, days=1e9)
    assert "Beware" in said()


def test_an_attempt_that_asked_too_late_is_named(namespace, put, said):
    put()
    old = retry(namespace, days=0)
    namespace.journal.note(read_in_vain(namespace, old))
    assert said().endswith(
        "Try 2, superseded at 2030-01-01T00:00:00Z, asked for it after that and was told 404: "
        "its id is gone."
    )


def read_in_vain(namespace, ti_id):
    writer = Writer(AssetStateStoreWriterKind.TASK, ti_id, "execution")
    return Event("get", writer, scopes.scope_id(namespace, ti_id=ti_id), "job_id", 404)


# ---------------------------------------------------------------- how it was deleted


def test_unwritten_key_is_explained_with_the_journals_start(said):
    begins = "There is no 'job_id' here. No write of it is in the journal, which begins at "
    assert re.fullmatch(re.escape(begins) + r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\.", said())


def test_a_deleted_key_says_when_and_by_whom(namespace, put, said):
    put()
    ti_id = task_instances.create_task_instance(namespace, SUBMIT)["id"]
    writer = Writer(AssetStateStoreWriterKind.TASK, ti_id, "execution")
    scopes.task_instance(namespace, ti_id, writer).delete("job_id")
    scopes.task(namespace, SUBMIT).delete("job_id")  # it is gone already: not this one
    advance(namespace, days=2)
    assert (
        said()
        == "There is no 'job_id' here. It was deleted by try 2 2 days ago, at 2030-01-01T00:00:00Z."
    )


def test_cleaned_key_is_explained_with_its_expiry_and_late_retry(namespace, put, said):
    put(days=30)
    retry(namespace, days=40)
    advance(namespace, days=31)
    expiry.clean(namespace, False, 0)
    assert (
        "It had expired at 2030-01-31T00:00:00Z, and a clean removed it less than a second ago"
        in said()
    )
    assert (
        "due only at 2030-02-10T00:00:00Z: its retry_delay of 40 days was longer than what was left"
        in said()
    )


def test_a_cleared_key_says_who_cleared(namespace, put, said):
    put()
    scopes.task(namespace, SUBMIT).clear()
    assert "It was deleted when all keys were cleared by the API" in said()


def test_a_success_that_cleared_is_told(namespace, put, said):
    put()
    task_instances.set_state(
        namespace,
        task_instances.create_task_instance(namespace, SUBMIT)["id"],
        "success",
        clear_on_success=True,
    )
    assert "It was deleted when the task reported success" in said()


def test_reset_is_explained_without_its_task_instance(namespace, put, said):
    put()
    fixtures.apply(namespace, {}, forget=True)
    assert said().startswith("There is no run of a dag 'etl'. It was deleted by the reset ")


def test_without_a_journal_nothing_is_known():
    store = Store(journal_limit=0)
    assets.create_asset(store.namespace(), "orders")
    sentence = explain(store.namespace(), ORDERS, "k")["sentence"]
    assert (
        sentence
        == "There is no 'k' here. No journal is kept, so it is not known whether it ever was."
    )
    store.close()


# ---------------------------------------------------------------- similar keys


@pytest.mark.parametrize(
    ("asked", "unknown", "why"),
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
            "a + in a query has to be sent as %2B",
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
def test_what_is_unknown_and_where_the_key_is(namespace, put, asked, unknown, why):
    put()
    put(scope=TaskScope("etl", "run+1", "load", 1))
    told = explain(namespace, asked, "job_id")
    assert unknown in told["sentence"]
    assert why in told["sentence"] + str(told["near"])


def test_nearest_map_indices_are_named_and_the_rest_counted(namespace, put):
    for index in range(9):
        put(scope=TaskScope("etl", "run+1", "load", index))
    near = explain(namespace, TaskScope("etl", "run+1", "load", 20), "job_id")["near"]
    assert [miss["scope"]["map_index"] for miss in near] == [8, 7, 6]
    assert near[0]["why"] == "the same task has it for map index 8 (and 8 more like it)"


@pytest.mark.parametrize("asked", ["job-id", "JobId", "jobid", "job_ids"])
def test_a_key_that_is_spelt_alike_is_named(namespace, put, asked):
    put("job_id")
    put("watermark")
    told = explain(namespace, SUBMIT, asked)
    assert told["near"] == [
        {"scope": vars(SUBMIT), "key": "job_id", "why": "did you mean 'job_id'?"}
    ]


@pytest.mark.parametrize(
    ("asked", "why"),
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
def test_an_asset_by_its_uri_inactive_or_another(namespace, asked, why):
    scopes.asset(namespace, name="orders").set("watermark", 1)
    retired = {"id": 9, "name": "retired", "uri": "r", "active": False}
    entry = {"asset": "retired", "key": "watermark", "value": 1}
    fixtures.apply(namespace, {"assets": [retired], "asset_state_store": [entry]})
    assert why in explain(namespace, asked, "watermark")["near"][0]["why"]


def test_task_state_that_is_looked_for_on_an_asset(namespace, put):
    put()
    why = explain(namespace, ORDERS, "job_id")["near"][0]["why"]
    assert why == "the task submit of dag etl has it, as task state"


def test_a_superseded_id_is_led_to_the_current_one(namespace, put):
    put()
    old = retry(namespace, days=0)
    told = explain(namespace, None, "job_id", ti_id=old)
    assert told["found"] is False
    assert told["scope"] == vars(SUBMIT)
    assert (
        "This id was that of try 2, superseded at 2030-01-01T00:00:00Z: whoever asks by it"
        in told["sentence"]
    )
    assert told["near"][0]["key"] == "job_id"
    assert "current id" in told["near"][0]["why"]


def test_a_superseded_id_of_a_key_that_went_says_both(namespace, put, said):
    put()
    old = retry(namespace, days=0)
    scopes.task(namespace, SUBMIT).delete("job_id")
    assert "superseded" in said(None, ti_id=old)
    assert "It was deleted by the API" in said(None, ti_id=old)


def test_ids_that_never_were_and_ids_that_are(namespace, put, said):
    put()
    current = task_instances.create_task_instance(namespace, SUBMIT)["id"]
    assert "ever had the id 019b" in said(None, ti_id=TI)
    assert said(None, ti_id=current) == said()


def test_another_namespace_is_never_near(store, namespace, put):
    put()
    other = store.create_namespace("other")
    told = explain(other, SUBMIT, "job_id")
    assert told["near"] == []
    assert "No write of it is in the journal." in told["sentence"]


def test_a_long_key_is_shortened_and_a_hostile_one_escaped(said):
    assert len(said(key="k" * 500)) < 250
    assert "\x1b" not in said(key="\x1b[31m")


def test_a_map_index_that_no_row_can_hold(namespace):
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
    told = ask(**EXTRACT, key="old").json
    assert "is still readable" in told.pop("sentence")
    assert told == {
        "key": "old",
        "scope": {**EXTRACT, "map_index": -1},
        "found": True,
        "expires_at": "2020-01-01T00:00:00Z",
        "expired": True,
        "expires_by": "caller",
        "near": [],
    }


def test_who_counted_depends_on_who_wrote(world, ask):
    moment = to_text(datetime.now(timezone.utc) + timedelta(days=1))
    world.put(f"/execution/store/ti/{TI}/w", json={"value": 1, "expires_at": moment})
    world.put(f"/_stateroom/values/ti/{TI}?key=g", json={"value": 1, "retention": 60})
    assert [ask(ti_id=TI, key=key).json["expires_by"] for key in ("w", "g", "job_id")] == [
        "worker",
        "namespace",
        None,
    ]


def test_the_setting_clear_on_success_is_seen(world, ask):
    world.put("/_stateroom/fixture", json={"config": {"clear_on_success": True}})
    assert "clear_on_success" in ask(**EXTRACT, key="job_id").json["sentence"]


def test_a_missing_key_of_a_mapped_task_is_no_error(ask):
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

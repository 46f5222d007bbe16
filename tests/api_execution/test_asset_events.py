"""Assets, their aliases and their events, as tasks read them; and the events that tasks make."""

import pytest

from tests.support.shop import (
    FIRST,
    MAKE,
    MANUAL,
    ORDERS,
    TI,
    USE,
    event,
    outlet,
    success,
)

EVENTS = "/execution/asset-events"
STATE = f"/execution/task-instances/{MAKE}/state"
STATES = f"/execution/task-instances/states?dag_id=shop&task_ids=make&run_ids={MANUAL}"
ASSET = outlet("orders", "s3://b/orders")
ALIAS = outlet("both", None, "AssetAlias")


def events(client, query=ORDERS, by="by-asset"):
    answer = client.get(f"{EVENTS}/{by}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json["asset_events"]


def ids(client, query, by="by-asset"):
    return [event["id"] for event in events(client, query, by)]


def state_of_make(client):
    return client.get(STATES).json["task_states"][MANUAL]["make"]


def report(client, outlets, outlet_events=()):
    answer = client.patch(STATE, json=success(outlets, outlet_events))
    assert answer.status_code == 204, answer.text
    assert state_of_make(client) == "success"


def test_an_asset_has_its_group_and_its_extra(shop):
    assert shop.get("/execution/assets/by-name?name=orders").json["extra"] == {"n": 1}
    assert shop.get("/execution/assets/by-name?name=customers").json["group"] == "people"


@pytest.mark.parametrize(("alias", "names"), [("both", ["orders", "customers"]), ("none", [])])
def test_an_alias_stands_for_assets(shop, alias, names):
    assets = shop.get(f"/execution/assets/by-alias?alias_name={alias}").json
    assert [asset["name"] for asset in assets] == names


def test_an_unknown_alias_stands_for_none(shop):
    assert shop.get("/execution/assets/by-alias?alias_name=nope").json == []
    assert shop.get("/execution/assets/by-alias?name=both").status_code == 422


def test_an_event_with_all_its_facts(shop):
    assert events(shop)[0] == {
        "id": 1,
        "timestamp": "2026-02-01T10:00:00Z",
        "extra": {"rows": 10},
        "asset": {
            "name": "orders",
            "uri": "s3://b/orders",
            "group": "asset",
            "extra": {"n": 1},
        },
        "created_dagruns": [
            {
                "run_id": MANUAL,
                "dag_id": "shop",
                "logical_date": "2026-02-01T12:30:00Z",
                "start_date": "2026-02-01T12:30:02Z",
                "end_date": None,
                "state": "running",
                "data_interval_start": None,
                "data_interval_end": None,
                "partition_key": "p1",
            }
        ],
        "source_task_id": "make",
        "source_dag_id": "shop",
        "source_run_id": FIRST,
        "source_map_index": -1,
        "partition_key": None,
    }


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (ORDERS, [1, 2]),
        ("name=orders&uri=", [1, 2]),
        ("name=&uri=s3://b/orders", [1, 2]),
        ("name=orders&uri=s3://old/orders", []),
        ("name=&uri=s3://old/orders", []),
        (f"{ORDERS}&ascending=false", [2, 1]),
        (f"{ORDERS}&limit=1", [1]),
        (f"{ORDERS}&limit=0", [1, 2]),
        (f"{ORDERS}&limit=-1", [1, 2]),
        (f"{ORDERS}&after=2026-02-01T11:00:00Z", [2]),
        (f"{ORDERS}&before=2026-02-01T10:30:00Z", [1]),
    ],
)
def test_events_of_an_asset_by_filters(shop, query, numbers):
    assert ids(shop, query) == numbers


@pytest.mark.parametrize(("alias", "numbers"), [("both", [1]), ("none", []), ("nope", [])])
def test_events_that_came_from_an_alias(shop, alias, numbers):
    assert ids(shop, f"name={alias}", "by-asset-alias") == numbers


def test_events_need_a_name_or_a_uri(shop):
    answer = shop.get(f"{EVENTS}/by-asset?name=&uri=")
    message = "name and uri cannot both be None"
    assert answer.status_code == 400
    assert answer.json == {"detail": {"reason": "Missing parameter", "message": message}}


@pytest.mark.parametrize(
    ("query", "locs"),
    [
        ("", [["query", "name"], ["query", "uri"]]),
        (f"{ORDERS}&after=x&limit=x", [["query", "after"], ["query", "limit"]]),
        (f"{ORDERS}&ascending=x", [["query", "ascending"]]),
    ],
)
def test_an_invalid_query_for_events(shop, query, locs):
    answer = shop.get(f"{EVENTS}/by-asset?{query}")
    assert answer.status_code == 422
    assert [item["loc"] for item in answer.json["detail"]] == locs


def test_an_event_consumed_by_a_waiting_run_says_why(shop):
    answer = shop.get(f"{EVENTS}/by-asset?name=customers&uri=")
    assert answer.status_code == 409
    assert answer.json["detail"]["reason"] == "run_not_started"
    assert "give it a start_date" in answer.json["detail"]["message"]


def test_a_run_context_has_the_events_that_its_run_consumed(shop):
    process = {"state": "running", "hostname": "h", "unixname": "u", "pid": 1}
    process["start_date"] = "2026-02-01T12:40:00Z"
    answer = shop.patch(f"/execution/task-instances/{USE}/run", json=process)
    assert answer.json["dag_run"]["consumed_asset_events"] == [
        {
            "asset": {"name": "orders", "uri": "s3://b/orders", "extra": {"n": 1}},
            "extra": {"rows": 10},
            "source_task_id": "make",
            "source_dag_id": "shop",
            "source_run_id": FIRST,
            "source_map_index": -1,
            "source_aliases": [{"name": "both"}],
            "timestamp": "2026-02-01T10:00:00Z",
            "partition_key": None,
        }
    ]


# ---------------------------------------------------------------- made by a task


@pytest.mark.parametrize(
    "made_by",
    [
        ASSET,
        outlet("orders", None, "AssetNameRef"),
        outlet(None, "s3://b/orders", "AssetUriRef"),
    ],
)
def test_a_success_makes_an_event_of_its_outlet(shop, made_by):
    report(shop, [made_by])
    made = events(shop)[-1]
    assert made["id"] == 4
    assert made["extra"] == {}
    assert made["source_task_id"] == "make"
    assert made["source_run_id"] == MANUAL
    assert made["source_map_index"] == -1


def test_an_event_has_the_extra_and_the_key_that_the_task_gave(shop):
    given = event("orders", "s3://b/orders", {"rows": 2}, partition_key="p7")
    report(shop, [ASSET], [given, event("orders", "s3://b/orders")])
    made = events(shop)[2:]
    assert [each["extra"] for each in made] == [{"rows": 2}, {}]
    assert [each["partition_key"] for each in made] == ["p7", "p1"]


def test_a_success_without_outlets_makes_no_event(shop):
    report(shop, [], [event("orders", "s3://b/orders")])
    assert ids(shop, ORDERS) == [1, 2]


@pytest.mark.parametrize(
    "ignored",
    [outlet("retired", "s3://b/retired"), outlet("nope", "s3://nope"), outlet("orders", "s3://x")],
)
def test_an_outlet_that_is_not_active_makes_no_event(new_shop, ignored):
    report(new_shop, [ignored])
    query = f"name={ignored['name']}&uri={ignored['uri']}"
    assert ids(new_shop, query) == []
    notes = [row["note"] for row in new_shop.get("/_stateroom/journal").json["events"]]
    note = f"running → success; no event of {ignored['name']!r}, which is no active asset"
    assert note in notes


def test_the_journal_names_the_assets_of_new_events(new_shop):
    report(new_shop, [ASSET])
    notes = [row["note"] for row in new_shop.get("/_stateroom/journal").json["events"]]
    assert "running → success, with an event of the asset 'orders'" in notes


@pytest.mark.parametrize("alias", ["none", "not_yet_there"])
def test_an_event_by_way_of_an_alias(shop, alias):
    by_alias = event("customers", "s3://b/customers", {"n": 1}, source_alias_name=alias)
    report(shop, [outlet(alias, None, "AssetAlias")], [by_alias])
    assert ids(shop, f"name={alias}", "by-asset-alias") == [4]
    assets = shop.get(f"/execution/assets/by-alias?alias_name={alias}").json
    assert [asset["name"] for asset in assets] == ["customers"]


def test_each_event_of_a_task_has_a_moment_of_its_own(shop):
    report(shop, [ASSET], [event("orders", "s3://b/orders", {"n": n}) for n in range(3)])
    assert len({made["timestamp"] for made in events(shop)[2:]}) == 3


def test_an_alias_may_bring_up_a_new_asset(shop):
    new = event("new", "s3://new", source_alias_name="both", dest_asset_extra={"a": 1})
    report(shop, [ALIAS], [new])
    assert events(shop, "name=new&uri=s3://new")[0]["asset"]["extra"] == {"a": 1}
    assert shop.get("/execution/assets/by-name?name=new").status_code == 404


def test_an_event_of_an_alias_that_is_no_outlet_is_ignored(shop):
    report(shop, [ASSET], [event("orders", "s3://b/orders", source_alias_name="both")])
    assert ids(shop, "name=both", "by-asset-alias") == [1]
    assert ids(shop, ORDERS) == [1, 2, 4]


@pytest.mark.parametrize(
    ("malformed", "problem"),
    [
        ({"x": 1}, "outlet_events[0] has no dest_asset_key of a name and a uri"),
        ({"dest_asset_key": {"name": "orders"}, "extra": {}}, "has no dest_asset_key"),
        ({"dest_asset_key": {"name": "o", "uri": "u"}}, "outlet_events[0] has no extra"),
        ({"dest_asset_key": {"name": [], "uri": "u"}, "extra": {}}, "that is not a string"),
    ],
)
def test_a_malformed_event_makes_the_task_failed(new_shop, malformed, problem):
    good = event("orders", "s3://b/orders")
    answer = new_shop.patch(STATE, json=success([ASSET], [malformed, good]))
    assert answer.status_code == 204
    assert state_of_make(new_shop) == "failed"
    assert ids(new_shop, ORDERS) == [1, 2]
    notes = [row["note"] or "" for row in new_shop.get("/_stateroom/journal").json["events"]]
    assert any(problem in note for note in notes)


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        (" ", "must not be empty or whitespace-only; got ' '."),
        ("x" * 251, "must be at most 250 characters; got 251."),
        (5, "must be a string; got 5."),
    ],
)
def test_an_invalid_partition_key_is_refused(shop, key, rule):
    bad = event("orders", "s3://b/orders", partition_key=key)
    answer = shop.patch(STATE, json=success([ASSET], [bad]))
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "invalid_partition_key"
    assert answer.json["detail"]["message"] == f"partition_key in outlet event {rule}"
    assert state_of_make(shop) == "running"


def test_the_same_success_twice_makes_one_event(shop):
    report(shop, [ASSET])
    assert shop.patch(STATE, json=success([ASSET])).status_code == 200
    assert ids(shop, ORDERS) == [1, 2, 4]


def test_a_failed_task_makes_no_event(shop):
    failed = {"state": "failed", "end_date": "2026-02-01T12:45:30Z"}
    url = f"/execution/task-instances/{TI}/state"
    assert shop.patch(url, json=failed).status_code == 204
    assert ids(shop, ORDERS) == [1, 2]


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ([1], "it is not an object"),
        ({"a": float("nan")}, "NaN and Infinity are not JSON"),
        ({"a": "\ud800"}, "a lone surrogate is not Unicode text"),
    ],
)
def test_an_extra_that_cannot_be_sent_says_why(shop, extra, why):
    bad = {"dest_asset_key": {"name": "orders", "uri": "s3://b/orders"}, "extra": extra}
    report(shop, [ASSET], [bad])
    answer = shop.get(f"{EVENTS}/by-asset?{ORDERS}")
    assert answer.status_code == 422
    assert answer.json["detail"]["reason"] == "unreadable_event"
    assert answer.json["detail"]["message"].startswith("the extra of asset event 4 cannot be sent")
    assert why in answer.json["detail"]["message"]

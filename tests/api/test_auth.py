"""Who may do what, and what a hostile page cannot do, rule by rule."""

import http.client
import json
import re
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

import jwt
import pytest

from state.model import tokens
from state.model.clock import Clock
from tests.support.world import (
    ASSET_KEY,
    CORE_ASSET,
    CORE_TASK,
    EXTRACT,
    MAPPED,
    SECRET,
    TASK_KEY,
    TI,
    WORLD,
    admin,
    bearer,
)
from web.operation import operation_of

OTHER_SECRET = "another secret, also long enough to sign tokens with HS512, and only for fixtures"
FIXTURE = "/_stateroom/fixture"
NIL = "00000000-0000-0000-0000-000000000000"
OTHER = TASK_KEY.replace(TI, MAPPED)


def worker(ti_id=TI, secret=SECRET, lifetime=600):
    return bearer(tokens.for_task_instance(secret, ti_id, lifetime))


def role(name):
    return bearer(tokens.for_role(SECRET, name))


def signed(**claims):
    """A worker's token with unusual claims."""
    now = int(time.time())
    usual = {"aud": tokens.EXECUTION_AUDIENCE, "iat": now, "nbf": now, "exp": now + 600, "sub": TI}
    return bearer(jwt.encode({**usual, **claims}, SECRET, "HS512"))


def writer(client):
    return client.get(CORE_ASSET + "/watermark", headers=admin()).json["last_updated_by"]["kind"]


# ---------------------------------------------------------------- open: no secret


@pytest.mark.parametrize("path", [TASK_KEY, ASSET_KEY, CORE_TASK, CORE_ASSET, FIXTURE])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}]
)
def test_without_a_secret_anyone_may_do_anything(world, path, headers):
    assert world.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "api"),
        (worker(), "task"),
        (worker(secret=OTHER_SECRET), "task"),
        (worker(NIL), "watcher"),
    ],
)
def test_without_a_secret_the_token_still_names_the_writer(world, headers, kind):
    world.put(ASSET_KEY, json={"value": 1}, headers=headers)
    assert writer(world) == kind


@pytest.mark.parametrize("subject", [[], {}, 5, None, "x"])
def test_an_unknown_subject_is_recorded_as_the_api(world, subject):
    token = bearer(jwt.encode({"sub": subject}, OTHER_SECRET, "HS512"))
    assert world.put(ASSET_KEY, json={"value": 1}, headers=token).status_code == 204
    assert writer(world) == "api"


# ---------------------------------------------------------------- a secret given at start: workers

REFUSED_WORKERS = [
    ({}, 401),
    ({"Authorization": "Bearer"}, 401),
    (bearer("nonsense"), 403),
    (worker(secret=OTHER_SECRET), 403),
    (worker(lifetime=-60), 403),
    (worker(MAPPED), 403),
    (worker(NIL), 403),
    (role("admin"), 403),
    (signed(scope="workload"), 403),
    (signed(sub="not a uuid"), 403),
    (signed(sub=[]), 403),
    (signed(exp="soon"), 403),
    (bearer(jwt.encode({"sub": TI}, None, "none")), 403),
]


@pytest.mark.parametrize(("headers", "status"), REFUSED_WORKERS)
def test_a_worker_without_its_own_good_token_is_refused(guarded, headers, status):
    answer = guarded.get(TASK_KEY, headers=headers)
    assert answer.status_code == status
    assert list(answer.json) == ["detail"]


def test_a_worker_reaches_its_own_task_and_any_asset(guarded):
    statuses = [
        guarded.get(path, headers=worker()).status_code for path in (TASK_KEY, ASSET_KEY, OTHER)
    ]
    assert statuses == [200, 200, 403]


def test_a_cached_token_is_still_checked_for_its_owner(guarded):
    token = worker()
    for _ in range(2):
        statuses = [guarded.get(path, headers=token).status_code for path in (TASK_KEY, OTHER)]
        assert statuses == [200, 403]


def test_a_remembered_token_is_good_only_until_it_expires(guarded):
    token = worker(lifetime=1 - tokens.LEEWAY)
    assert guarded.get(TASK_KEY, headers=token).status_code == 200
    time.sleep(1.1)
    assert guarded.get(TASK_KEY, headers=token).status_code == 403


def test_a_remembered_token_is_not_checked_twice(guarded, monkeypatch):
    token = worker()
    guarded.get(TASK_KEY, headers=token)
    monkeypatch.delattr(tokens, "verified")
    assert guarded.get(TASK_KEY, headers=token).status_code == 200


def test_an_expiry_that_is_a_text_can_be_remembered_too(guarded):
    token = signed(exp=str(int(time.time()) + 600))
    assert [guarded.get(TASK_KEY, headers=token).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("year", [1990, 2090])
def test_tokens_are_checked_by_real_time_at_any_clock(guarded, year):
    namespace = guarded.application.extensions["stateroom"].store.namespace()
    namespace.set_clock(Clock(frozen_at=datetime(year, 1, 1, tzinfo=timezone.utc)))
    assert guarded.get(TASK_KEY, headers=worker()).status_code == 200
    assert guarded.get(TASK_KEY, headers=worker(lifetime=-60)).status_code == 403


@pytest.mark.parametrize("year", [1990, 9999])
def test_an_admin_can_reset_a_clock_that_expires_tokens(guarded, year):
    change = {"now": f"{year}-01-01T00:00:00Z", "tokens": True}
    assert guarded.patch("/_stateroom/clock", json=change, headers=admin()).status_code == 200
    assert guarded.get(TASK_KEY, headers=worker()).status_code == 403
    assert guarded.delete("/_stateroom/clock", headers=admin()).status_code == 204
    assert guarded.get(TASK_KEY, headers=worker()).status_code == 200


def test_a_token_that_expires_soon_is_refreshed(guarded):
    answer = guarded.get(TASK_KEY, headers=worker(lifetime=25))
    fresh = answer.headers["Refreshed-API-Token"]
    assert tokens.unverified(fresh)["exp"] > time.time() + 500
    assert guarded.get(TASK_KEY, headers=bearer(fresh)).status_code == 200


def test_a_token_that_does_not_expire_soon_is_not_refreshed(guarded):
    answer = guarded.get(TASK_KEY, headers=worker(lifetime=600))
    assert "Refreshed-API-Token" not in answer.headers


@pytest.mark.parametrize("path", [TASK_KEY, "/_stateroom/journal", "/key", "/openapi.json"])
@pytest.mark.parametrize(
    ("who", "suggested"), [(None, False), (worker(secret=OTHER_SECRET), False), (worker(), True)]
)
def test_names_of_namespaces_are_suggested_only_with_a_token(guarded, path, who, suggested):
    guarded.post("/_stateroom/namespaces", json={"name": "unreleased"}, headers=admin())
    answer = guarded.get("/ns/unrelaesed" + path, headers=who)
    assert answer.status_code == 404
    assert ("unreleased" in answer.text) == suggested


# ---------------------------------------------------------------- a secret given at start: people

MAY = [
    ("viewer", 200, 403, 403, 403),
    ("user", 200, 204, 403, 403),
    ("op", 200, 204, 204, 403),
    ("admin", 200, 204, 204, 200),
    ("ADMIN", 200, 204, 204, 200),
    ("stranger", 403, 403, 403, 403),
]


@pytest.mark.parametrize(("name", "read", "task", "asset", "control"), MAY)
def test_what_each_role_may_do(guarded, name, read, task, asset, control):
    body = {"value": 1}
    headers = role(name)
    assert guarded.get(CORE_TASK, headers=headers).status_code == read
    assert guarded.get(CORE_ASSET, headers=headers).status_code == read
    assert guarded.put(CORE_TASK + "/k", json=body, headers=headers).status_code == task
    assert guarded.put(CORE_ASSET + "/k", json=body, headers=headers).status_code == asset
    assert guarded.get(FIXTURE, headers=headers).status_code == control


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer(tokens.for_role(SECRET, "admin", lifetime=-60)), 401),
        (bearer(tokens.for_role(OTHER_SECRET, "admin")), 403),
        (worker(), 403),
    ],
)
@pytest.mark.parametrize("path", [CORE_TASK, FIXTURE])
def test_a_person_without_a_good_token_is_refused(guarded, path, headers, status):
    assert guarded.get(path, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/_stateroom/reset", "/_stateroom/clean", "/_stateroom/assets"])
def test_the_control_api_wants_an_admin(guarded, path):
    assert guarded.post(path).json["detail"]["reason"] == "not_authenticated"
    assert guarded.post(path, headers=role("op")).json["detail"]["reason"] == "forbidden"
    assert guarded.get(CORE_ASSET + "/watermark", headers=admin()).status_code == 200


def execution_routes(app):
    """The method, a path and the metadata of each route of the Execution API."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/execution/"):
            path = re.sub(r"<any\((\w+).*?>", r"\1", rule.rule)
            for method in rule.methods:
                yield method, re.sub(r"<.*?>", "x", path), operation_of(app, rule.endpoint)


def test_each_route_of_workers_but_the_open_ones_needs_a_token(guarded):
    routes = list(execution_routes(guarded.application))
    refused = [guarded.open(path, method=method).status_code == 401 for method, path, _ in routes]
    assert refused == [not operation.open for _, _, operation in routes]


def test_health_needs_no_token_and_shows_no_secret(guarded):
    answer = guarded.get("/_stateroom/health")
    assert answer.status_code == 200
    assert SECRET not in answer.text


def test_an_open_control_needs_no_token_and_the_rest_does(start):
    client = start(jwt_secret=SECRET, open_control=True).test_client()
    assert client.put(FIXTURE, json=WORLD).status_code == 204
    assert [client.get(path).status_code for path in (TASK_KEY, CORE_TASK)] == [401, 401]


# ---------------------------------------------------------------- a fixture's secret

WITH_SECRET = {"config": {"jwt_secret": OTHER_SECRET}}


def test_a_fixtures_secret_closes_airflows_paths_only(start):
    client = start().test_client()
    client.put(FIXTURE, json={**WORLD, **WITH_SECRET})
    assert [client.get(path).status_code for path in (TASK_KEY, CORE_TASK, FIXTURE)] == [
        401,
        401,
        200,
    ]
    assert client.get(TASK_KEY, headers=worker(secret=OTHER_SECRET)).status_code == 200


@pytest.mark.parametrize(
    "forget",
    [("POST", "/_stateroom/reset", None), ("PUT", FIXTURE, {"config": {"jwt_secret": None}})],
)
def test_reset_and_null_forget_a_fixtures_secret(start, forget):
    client = start().test_client()
    client.put(FIXTURE, json=WITH_SECRET)
    assert client.get("/api/v2/assets").status_code == 401
    method, path, body = forget
    client.open(path, method=method, json=body)
    assert client.get("/api/v2/assets").status_code == 200


def test_a_document_that_says_nothing_of_it_leaves_the_secret(start):
    client = start().test_client()
    client.put(FIXTURE, json=WITH_SECRET)
    client.put(FIXTURE, json={"config": {"clear_on_success": True}})
    assert client.get("/api/v2/assets").status_code == 401


def test_the_secret_of_the_start_wins_over_a_fixtures(guarded):
    answer = guarded.put(FIXTURE, json=WITH_SECRET, headers=admin())
    assert answer.headers["Stateroom-Ignored"] == "config.jwt_secret"
    assert guarded.get(TASK_KEY, headers=worker()).status_code == 200
    assert guarded.get(TASK_KEY, headers=worker(secret=OTHER_SECRET)).status_code == 403


def test_with_an_open_control_a_fixtures_secret_wins(start):
    client = start(jwt_secret=SECRET, open_control=True).test_client()
    client.put(FIXTURE, json={**WORLD, **WITH_SECRET})
    assert client.get(TASK_KEY, headers=worker(secret=OTHER_SECRET)).status_code == 200
    assert client.get(TASK_KEY, headers=worker()).status_code == 403


def test_a_fixtures_secret_is_neither_stored_nor_exported(start, tmp_path):
    app = start(db=str(tmp_path / "state.db"))
    client = app.test_client()
    client.put(FIXTURE, json={**WORLD, **WITH_SECRET})
    assert OTHER_SECRET not in client.get(FIXTURE).text
    app.extensions["stateroom"].store.close()
    assert [
        file.name for file in tmp_path.iterdir() if OTHER_SECRET.encode() in file.read_bytes()
    ] == []


def test_the_secret_of_a_start_fixture_holds_after_a_restart(start, tmp_path):
    fixture = tmp_path / "fixture.json"
    db = str(tmp_path / "state.db")
    fixture.write_text(json.dumps({**WORLD, **WITH_SECRET}))
    for _ in range(2):
        app = start(db=db, fixture=str(fixture))
        assert app.test_client().get(TASK_KEY).status_code == 401
        app.extensions["stateroom"].store.close()


def test_neither_secrets_nor_tokens_are_logged(start, caplog):
    caplog.set_level("DEBUG")
    client = start(jwt_secret=SECRET).test_client()
    token = admin()
    client.put(FIXTURE, json={**WORLD, **WITH_SECRET}, headers=token)
    for path in (FIXTURE, CORE_TASK, "/api/v2/nowhere", TASK_KEY):
        client.get(path, headers=token)
    assert not [
        word for word in (SECRET, OTHER_SECRET, token["Authorization"][7:]) if word in caplog.text
    ]


# ---------------------------------------------------------------- web pages: the Host

ALLOWED_HOSTS = [
    "localhost",
    "LOCALHOST:8103",
    "localhost.",
    "a.b.localhost:1",
    "127.0.0.1",
    "127.0.0.1:8103",
    "10.1.2.3",
    "[::1]",
    "[::1]:8103",
    "[fe80::1]",
    "stateroom.test",
    "StateRoom.Test.:80",
    "",
]
FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:8103",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "notlocalhost",
    "evil.example.",
    "stateroom.test.evil.example",
    "0x7f.1",
    "2130706433",
    "[::1",
    "::1",
]
PATHS = [
    "/execution/health",
    TASK_KEY,
    CORE_TASK,
    "/api/v2/version",
    "/_stateroom/health",
    FIXTURE,
    "/nowhere",
]


@pytest.fixture(scope="module")
def named():
    from app import create_app

    app = create_app({"db": ":memory:", "allow_host": "other.test, StateRoom.Test."})
    yield app.test_client()
    app.extensions["stateroom"].store.close()


@pytest.mark.parametrize("host", ALLOWED_HOSTS)
def test_a_host_that_no_foreign_name_server_can_point_here(named, host):
    assert named.get("/api/v2/version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_host_that_was_rebound_is_misdirected(named, host):
    assert named.get("/api/v2/version", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_host_rule_holds_on_every_path(named, path, method):
    answer = named.open(path, method=method, headers={"Host": "evil.example:8103"})
    assert answer.status_code == 421
    assert answer.content_type == "application/json"
    assert "--allow-host" in answer.text


# ---------------------------------------------------------------- web pages: the origin

WRITES = [
    ("PUT", TASK_KEY, {"value": 1}),
    ("DELETE", TASK_KEY, None),
    ("PUT", ASSET_KEY, {"value": 1}),
    ("PUT", CORE_TASK + "/job_id", {"value": 1}),
    ("PATCH", CORE_TASK + "/job_id", {"value": 1}),
    ("DELETE", CORE_ASSET, None),
    ("POST", "/_stateroom/reset", None),
    ("PUT", FIXTURE, {}),
    ("POST", "/auth/token", {"username": "admin", "password": "admin"}),
    ("POST", "/nowhere", None),
]
HOSTILE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "https://127.0.0.1:8103"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("headers", HOSTILE, ids=lambda headers: " ".join(*headers.items()))
def test_a_page_of_another_origin_may_not_write(world, method, path, body, headers):
    before = world.get(FIXTURE).json
    answer = world.open(
        path, method=method, json=body, headers={"Host": "127.0.0.1:8103", **headers}
    )
    assert answer.status_code == 403
    assert answer.content_type == "application/json"
    assert world.get(FIXTURE).json == before


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1:8103"}, {"Sec-Fetch-Site": "same-origin"}, {}]
)
def test_a_page_of_our_own_may_write(world, headers):
    answer = world.post("/_stateroom/clean", headers={"Host": "127.0.0.1:8103", **headers})
    assert answer.status_code == 200


def test_a_link_on_a_foreign_page_may_be_followed(world):
    assert world.get("/api/v2/version", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_no_answer_lets_a_foreign_page_read_it(world):
    answer = world.get(FIXTURE, headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers.keys() if name.lower().startswith("access-control")]


# ---------- web pages: what a form or a simple fetch can send

SIMPLE = [
    "text/plain",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json-seq",
    None,
]


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize(
    "path", ["/_stateroom/assets", "/_stateroom/task-instances", "/_stateroom/reset"]
)
def test_only_json_is_read_by_the_control_api(world, path, kind):
    answer = world.post(path, data='{"name": "new"}', content_type=kind)
    assert answer.status_code == 415
    assert answer.json["detail"]["reason"] == "unsupported_media_type"
    assert world.get("/api/v2/assets").json["total_entries"] == 1


def test_a_form_without_fields_is_not_json_either(world):
    answer = world.post(
        "/_stateroom/reset", data="", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
def test_json_may_be_spelled_as_usual(world, kind):
    assert (
        world.post("/_stateroom/assets", data='{"name": "new"}', content_type=kind).status_code
        == 201
    )


def test_the_type_of_a_chunked_body_is_checked_too(served):
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc)
    body = iter([b'{"name": ', b'"smuggled"}'])
    connection.request(
        "POST", "/_stateroom/assets", body, {"Content-Type": "text/plain"}, encode_chunked=True
    )
    assert connection.getresponse().status == 415
    connection.close()


def test_a_cookie_token_does_not_open_the_store_to_other_pages(guarded):
    guarded.set_cookie("_token", tokens.for_role(SECRET, "admin"))
    assert guarded.get(CORE_TASK).status_code == 200
    hostile = {"Origin": "https://evil.example"}
    assert guarded.put(CORE_TASK + "/k", json={"value": 1}, headers=hostile).status_code == 403


def test_an_attempts_token_is_good_for_that_attempt_only(guarded):
    attempt = guarded.post("/_stateroom/task-instances", json=EXTRACT, headers=admin()).json
    own = TASK_KEY.replace(TI, attempt["id"])
    assert [
        guarded.get(path, headers=bearer(attempt["token"])).status_code for path in (own, OTHER)
    ] == [200, 403]

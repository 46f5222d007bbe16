"""The pages as text: what stands on them, how lists are asked, what a form may do."""

import html
import json
import re
import shlex
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest

from state.cli.entries import set_entry
from tests.support.pages import HTML, KEY, RAW, TASK, form_token, send, text_of
from tests.support.world import ASSET_KEY, CORE_TASK, EXTRACT, SECRET, TASK_KEY, TI, admin, bearer
from web.pages.examples import set_command

ADDRESSES = (
    "/",
    TASK,
    "/asset?asset_id=1",
    KEY + "job_id",
    "/ask?asset_id=1",
    "/references",
    "/references/orphans",
    "/journal",
    "/journal/event?seq=1",
    "/then",
    "/bench",
    "/bench/ask?action=reset",
    "/nowhere",
)
PARTS = {
    "/live",
    "/journal/copy",
    "/journal/timeline.svg",
    "/key/raw",
    "/task/raw",
}  # a part of a page, and plain text
REFERENCE = {"__airflow_state_ref__": "s3://user:sesame@bucket/key?X-Amz-Signature=abc"}


def put(client, key, value, **more):
    assert (
        client.put(f"/execution/store/ti/{TI}/{key}", json={"value": value, **more}).status_code
        == 204
    )


def page_of(client, path):
    return client.get(path).get_data(as_text=True)


def tabs(answer):
    return re.findall(r"(Dag runs|Task instances|Assets|Keys) ([\d,]+)", text_of(answer))


def test_the_overview_counts_what_there_is(world):
    assert tabs(world.get("/")) == [
        ("Dag runs", "1"),
        ("Task instances", "2"),
        ("Assets", "1"),
        ("Keys", "2"),
    ]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("q=job", ["1", "1", "0", "1"]),
        ("q=EXTRACT+etl", ["1", "1", "0", "1"]),
        ("q=orders", ["0", "0", "1", "1"]),
        ("q=%25", ["0", "0", "0", "0"]),
        ("q=_", ["1", "2", "0", "1"]),
        ("only=references", ["0", "0", "0", "0"]),
        ("dag_id=etl", ["1", "2", "0", "1"]),
        ("dag_id=other", ["0", "0", "0", "0"]),
    ],
)
def test_search_and_filters_count_what_fits(world, query, numbers):
    assert [number for _, number in tabs(world.get(f"/?{query}"))] == numbers


@pytest.mark.parametrize("show", ["runs", "tasks", "assets", "keys"])
def test_every_column_of_a_list_sorts(world, show):
    page = world.get(f"/?show={show}").get_data(as_text=True)
    columns = set(re.findall(r"[?&;]sort=(-?\w+)", page))
    assert len(columns) > 3
    for column in columns:
        assert world.get(f"/?show={show}&sort={column}").status_code == 200


@pytest.mark.parametrize(
    "query", ["sort=nothing", "show=nothing", "only=nothing", "page=0", "page=x", "page=9999999999"]
)
def test_an_invalid_query_is_refused_with_what_was_expected(world, query):
    answer = world.get(f"/?{query}", headers=HTML)
    assert answer.status_code == 400
    assert "expected" in text_of(answer)


@pytest.mark.parametrize(
    "path", ["/task", "/key", TASK.replace("extract", "load"), "/asset?asset_id=9"]
)
def test_a_missing_page_leads_back_to_the_overview(world, path):
    answer = world.get(path, headers=HTML)
    assert answer.status_code in (400, 404)
    assert answer.content_type == "text/html; charset=utf-8"
    assert "Back to the overview" in text_of(answer)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        (KEY + "job-id", "job_id"),
        (KEY.replace("extract", "mapped") + "job_id&map_index=0", "job_id"),
        ("/key?asset=orders&key=watermarks", "watermark"),
    ],
)
def test_a_key_that_is_not_there_leads_to_where_it_is(world, path, near):
    answer = world.get(path, headers=HTML)
    (link,) = re.findall(r'<li><a href="([^"]+)">', answer.get_data(as_text=True))
    assert answer.status_code == 404
    assert world.get(html.unescape(link)).status_code == 200
    assert f"key={near}" in link


def test_a_key_says_when_it_is_removed(world):
    put(world, "cursor", 1, expires_at="2040-01-01T00:00:00Z")
    assert "is removed by the next clean after that" in text_of(world.get(KEY + "cursor"))


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("/nowhere", HTML["Accept"], "text/html; charset=utf-8"),
        ("/nowhere", "*/*", "application/json"),
        ("/api/v2/nowhere", HTML["Accept"], "application/json"),
        ("/_stateroom/nowhere", HTML["Accept"], "application/json"),
        ("/execution/nowhere", HTML["Accept"], "application/json"),
    ],
)
def test_an_unknown_path_is_a_page_for_browsers_outside_the_apis(world, path, accept, expected):
    answer = world.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.content_type == expected


def test_an_unknown_namespace_lists_similar_ones(world):
    world.post("/_stateroom/namespaces", json={"name": "nightly"})
    answer = world.get("/ns/nightyl/", headers=HTML)
    assert answer.status_code == 404
    assert 'href="/ns/nightly/"' in answer.get_data(as_text=True)
    world.delete("/_stateroom/namespaces/nightly")


def test_links_stay_in_the_namespace(world):
    world.post("/_stateroom/namespaces", json={"name": "one"})
    world.post("/ns/one/_stateroom/assets", json={"name": "orders"})
    page = world.get("/ns/one/?show=assets").get_data(as_text=True)
    links = set(re.findall(r'(?:href|action|src|data-url)="([^"]+)"', page))
    assert links
    assert [link for link in links if not link.startswith(("/ns/one/", "#"))] == []
    world.delete("/_stateroom/namespaces/one")


def test_an_empty_list_names_a_filter_only_if_there_is_one(world):
    world.post("/_stateroom/namespaces", json={"name": "one"})
    world.post("/ns/one/_stateroom/assets", json={"name": "orders"})
    assert "Nothing here yet" in text_of(world.get("/ns/one/?show=runs"))
    assert "“ orders ”" in text_of(world.get("/ns/one/?show=runs&q=orders"))
    world.delete("/_stateroom/namespaces/one")


def test_every_page_is_among_the_addresses(world):
    rules = [rule for rule in world.application.url_map.iter_rules() if "GET" in rule.methods]
    pages = {rule.rule for rule in rules if rule.endpoint.startswith("ui.members.")}
    assert {urlsplit(path).path for path in ADDRESSES} == (pages - PARTS) | {"/nowhere"}


def test_links_lead_from_the_overview_to_every_page(world):
    addresses = ["/", "/?show=tasks", "/?show=assets", "/?show=keys"]
    paths = {"/"}
    for address in addresses:  # which grows
        page = world.get(address).get_data(as_text=True)
        for link in re.findall(r' (?:href|action)="(/(?!static|ns/)[^"]*)"', page):
            path = urlsplit(link).path
            if path not in paths:
                paths.add(path)
                addresses.append(html.unescape(link))
    assert paths >= {urlsplit(path).path for path in ADDRESSES} - {"/nowhere"}


def test_a_link_keeps_the_parameters_that_it_does_not_change(world):
    page = world.get("/?path=1&of_a_new_view=2&page=1&sort=-run").get_data(as_text=True)
    links = [html.unescape(link) for link in re.findall(r'href="(/[^"]*)"', page)]
    assert "/?path=1&of_a_new_view=2&sort=keys" in links


def test_every_page_is_fenced_in(world):
    for path in ADDRESSES:
        headers = world.get(path, headers=HTML).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_no_page_has_inline_script_or_style(world):
    for path in ADDRESSES:
        page = world.get(path, headers=HTML).get_data(as_text=True)
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style| style=| on[a-z]+=|javascript:", page)
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_a_key_shows_kind_size_writer_and_expiry(world):
    put(world, "report", REFERENCE)
    shown = text_of(world.get(KEY + "report"))
    assert "Kind reference" in shown
    assert "Expires never" in shown
    assert "not checked yet" in shown


@pytest.mark.parametrize(
    ("delete", "name"),
    [
        (lambda world: world.delete(TASK_KEY), "attempt 1"),
        (lambda world: world.delete(f"{CORE_TASK}/job_id"), "the Core API"),
        (lambda world: world.delete(f"/_stateroom/values/ti/{TI}?key=job_id"), "the gateway"),
        (lambda world: send(world, KEY + "job_id", action="delete"), "the web pages"),
    ],
)
def test_an_actor_has_one_name_on_each_page_and_in_explain(world, delete, name):
    assert delete(world).status_code < 300
    (history,) = re.findall('data-label="By">(.*?)</td>', page_of(world, KEY + "job_id"))[:1]
    latest = re.findall('<span class="actor">([^<]*)</span>', page_of(world, "/"))[0]
    key = {**EXTRACT, "key": "job_id"}
    explanation = world.get("/_stateroom/explain", query_string=key).json["sentence"]
    assert history == name
    assert latest == name
    assert f"deleted by {name} " in explanation


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda world: world.put(f"/execution/store/ti/{TI}/new", json={"value": 1}), "attempt 1"),
        (lambda world: world.put(f"{CORE_TASK}/new", json={"value": 1}), "the Core API"),
        (
            lambda world: world.put(f"/_stateroom/values/ti/{TI}?key=new", json={"value": 1}),
            "the gateway",
        ),
        (
            lambda world: send(world, TASK, action="add", key="new", value="1", expires="never"),
            "the web pages",
        ),
    ],
)
def test_a_writer_has_that_name_on_its_key_and_in_lists(world, write, name):
    assert write(world).status_code < 300
    assert f"just now by {name} " in text_of(world.get(KEY + "new"))
    assert f"just now by {name} " in text_of(world.get("/?show=keys&q=new"))


@pytest.mark.parametrize(
    "path", ["/?show=keys", "/?show=keys&only=references", TASK, KEY + "report", "/references", "/"]
)
def test_credentials_in_references_are_masked_everywhere(world, path):
    put(world, "report", REFERENCE)
    page = world.get(path).get_data(as_text=True)
    assert "sesame" not in page
    assert "=abc" not in page
    assert "report" in page + path


def test_the_past_of_a_reference_is_masked_too(world):
    put(world, "report", REFERENCE)
    put(world, "report", 1)
    history = world.get(KEY + "report").get_data(as_text=True)
    first, second = re.findall(r"at=(\d+)", history)[:2]
    compared = world.get(f"{KEY}report&a={first}&b={second}").get_data(as_text=True)
    earlier = world.get(f"{KEY}report&at={second}").get_data(as_text=True)
    assert "s3://" in history + compared
    assert "sesame" not in history + compared + earlier


def test_a_long_json_text_in_an_envelope_is_shown(world):
    """It is kind ``reference``, and has no row in the ledger."""
    value = {"__airflow_state_ref__": json.dumps(["x" * 10_000])}
    put(world, "long", value)
    assert world.get(KEY + "long").status_code == 200
    assert json.loads(world.get(RAW + "long").text) == value


def test_the_raw_value_is_plain_text(world):
    put(world, "page", {"html": "<script>"})
    answer = world.get(RAW + "page")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.get_data(as_text=True) == '{"html": "<script>"}'
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud800"',
        "NaN",
        "[" * 500 + "]" * 500,
        '{"\\udfff": "\\u0000"}',
        "1" + "0" * 5000,
        '""',
        "null",
    ],
)
def test_values_that_hardly_can_be_shown_are_shown(world, text):
    store = world.application.extensions["stateroom"].store
    with store.transaction() as db:
        db.execute("UPDATE entries SET value = ?, size = ? WHERE key = 'job_id'", (text, len(text)))
    assert world.get(KEY + "job_id").status_code == 200
    assert world.get("/?show=keys").status_code == 200


@pytest.mark.parametrize(("seconds", "is_marked"), [(-1, False), (0, False), (1, True)])
def test_a_key_that_has_expired_is_marked(world, seconds, is_marked):
    """At its very moment it has not; the next clean removes it after that."""
    moment = "2030-01-01T00:00:00Z"
    assert world.patch("/_stateroom/clock", json={"now": moment, "frozen": True}).status_code == 200
    body = {"value": 1, "expires_at": moment}
    world.put(TASK_KEY, json=body)
    clock = datetime(2030, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    world.patch("/_stateroom/clock", json={"now": clock.isoformat()})
    page = world.get(KEY + "job_id").get_data(as_text=True)
    assert ('<span class="badge is-expired">' in page) == is_marked
    assert ("readable until the next clean" in page) == is_marked


# ---------------------------------------------------------------- forms


def test_a_form_without_its_token_is_shown_again(world):
    answer = world.post(KEY + "job_id", data={"action": "save", "value": "13", "expires": "never"})
    assert answer.status_code == 403
    assert 'name="value" value="13"' in answer.get_data(as_text=True)
    assert world.get(RAW + "job_id").get_data(as_text=True) == '"job-42"'


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(world):
    cookie = world.get("/bench").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie


def created(world, token, key, value):
    """The cookie after a form that creates a key, before any page is shown."""
    fields = {"csrf": token, "action": "add", "key": key, "value": value, "expires": "never"}
    return world.post(TASK, data=fields).headers["Set-Cookie"]


def test_unshown_messages_do_not_outgrow_the_cookie(world):
    token = form_token(world.get("/bench"))
    for key in ("first", "second"):
        cookie = created(world, token, key, f'"{key * 90}"')
        assert len(cookie) < 4093  # browsers drop a longer one
    page = world.get("/").get_data(as_text=True)
    assert "second" * 90 in page
    assert "first" * 90 not in page


def test_a_message_too_long_for_the_cookie_loses_its_lines(world):
    token = form_token(world.get("/bench"))
    key = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(500))
    cookie = created(world, token, key, "1")
    assert len(cookie) < 4093
    page = world.get("/").get_data(as_text=True)
    assert 'role="status"' in page
    assert "curl" not in page[page.index('role="status"') :][:500]


def test_a_form_from_another_site_is_refused(world):
    token = form_token(world.get("/bench"))
    fields = {"csrf": token, "action": "delete"}
    answer = world.post(KEY + "job_id", data=fields, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert world.get(RAW + "job_id").status_code == 200


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "Write JSON"),
        ("{", "Line 1, column 2"),
        ('{"a": 1,\n"b" 2}', "Line 2, column 5"),
        ("job-42", "Text needs double quotes"),
        ("NaN", "NaN is not JSON"),
        ("null", "delete the key instead"),
        ('{"__airflow_state_ref__": "x"}', "which only a backend makes"),
        ('"' + "x" * 70_000 + '"', "max_value_storage_bytes allows 65,535"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_wrong_input_is_named_and_nothing_of_it_is_lost(world, typed, complaint):
    seen = re.search(
        r'name="seen" value="([^"]*)"', world.get(KEY + "job_id").get_data(as_text=True)
    )[1]
    answer = send(world, KEY + "job_id", action="save", seen=seen, value=typed, expires="never")
    assert answer.status_code == 422
    assert complaint in text_of(answer)
    assert world.get(RAW + "job_id").get_data(as_text=True) == '"job-42"'
    assert typed[:1000].replace('"', "&#34;") in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("fields", "expires"),
    [
        ({"expires": "never"}, None),
        ({"expires": "at", "expires_at": "2040-01-01T10:00"}, "2040-01-01T10:00:00Z"),
        ({"expires": "at", "expires_at": "2040-01-01T10:00:00+02:00"}, "2040-01-01T08:00:00Z"),
    ],
)
def test_expiry_is_what_was_chosen(world, fields, expires):
    answer = send(world, TASK, action="add", key="new", value="[1]", **fields)
    assert answer.status_code == 200
    assert "is stored" in text_of(answer)
    stored = world.get(
        "/api/v2/dags/etl/dagRuns/manual__2026-01-01T00:00:00+00:00"
        "/taskInstances/extract/state-store/new"
    )
    assert stored.json["value"] == [1]
    assert stored.json["expires_at"] == expires


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"key": "", "value": "1"}, "Write a key"),
        ({"key": "k" * 513, "value": "1"}, "at most 512 characters"),
        ({"key": "job_id", "value": "1"}, "This key exists already"),
        ({"key": "a\nb", "value": "1"}, "line break"),
        ({"key": "new", "value": "1", "expires": "at", "expires_at": "tomorrow"}, "Write a time"),
        (
            {"key": "new", "value": "1", "expires": "at", "expires_at": ""},
            "Write when the value expires",
        ),
    ],
)
def test_a_key_that_cannot_be_added_says_why(world, fields, complaint):
    answer = send(world, TASK, action="add", **fields)
    assert answer.status_code == 422
    assert complaint in text_of(answer)


def test_an_edit_keeps_the_expiry_if_asked(world):
    put(world, "cursor", 1, expires_at="2040-01-01T00:00:00Z")
    seen = re.search(
        r'name="seen" value="([^"]*)"', world.get(KEY + "cursor").get_data(as_text=True)
    )[1]
    send(world, KEY + "cursor", action="save", seen=seen, value="2", expires="keep")
    assert "2040-01-01 00:00:00 UTC" in world.get(KEY + "cursor").get_data(as_text=True)
    assert world.get(RAW + "cursor").get_data(as_text=True) == "2"


def test_the_journal_says_that_it_was_the_page(world):
    before = world.get("/_stateroom/journal").json["last"]
    send(world, TASK, action="add", key="new", value="1", expires="never")
    (event,) = world.get(f"/_stateroom/journal?op=set&key=new&after={before}").json["events"]
    assert event["api"] == "page"
    assert event["actor"]["kind"] == "api"


def test_an_assets_keys_do_not_expire(world):
    answer = send(world, "/asset?asset_id=1", action="add", key="new", value="1")
    assert "Expires" not in text_of(answer)
    assert "is stored" in text_of(answer)


@pytest.mark.parametrize("path", [TASK, KEY + "job_id", "/bench"])
def test_an_unknown_action_is_refused(world, path):
    assert send(world, path, action="explode").status_code == 400


def test_a_value_at_a_moment(world):
    world.patch("/_stateroom/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
    put(world, "tide", "first")
    world.patch("/_stateroom/clock", json={"advance": 3600})
    put(world, "tide", "second")
    shown = text_of(world.get(KEY + "tide&at=2030-01-01T00:30"))
    assert "2030-01-01 00:00:00 UTC" in shown
    assert "“ first ”" in shown.replace("“first”", "“ first ”")
    assert "no value of this key at that moment" in text_of(
        world.get(KEY + "tide&at=2029-01-01T00:00")
    )
    assert "Invalid time" in text_of(world.get(KEY + "tide&at=yesterday"))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("2030-01-01T02:30%2B02:00", "first"),
        ("2029-12-31T19:30-05:00", "first"),
        ("2030-01-02", "second"),
    ],
)
def test_a_moment_may_have_an_offset_or_be_a_day(world, at, value):
    world.patch("/_stateroom/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
    put(world, "tide", "first")
    world.patch("/_stateroom/clock", json={"advance": 3600})
    put(world, "tide", "second")
    shown = page_of(world, f"{KEY}tide&at={at}").partition('id="then"')[2]
    assert f"“{value}”" in shown


def test_a_lost_update_is_marked(world):
    tokens = [
        world.post("/_stateroom/task-instances", json={"dag_id": "lost", "task_id": task_id}).json[
            "token"
        ]
        for task_id in ("one", "two")
    ]
    one, two = (bearer(token) for token in tokens)
    world.put(ASSET_KEY, json={"value": 1})
    world.get(ASSET_KEY, headers=one)
    world.put(ASSET_KEY, json={"value": 2}, headers=two)
    assert "lost update" not in text_of(world.get("/key?asset_id=1&key=watermark"))
    world.put(ASSET_KEY, json={"value": 3}, headers=one)
    assert "lost update" in text_of(world.get("/key?asset_id=1&key=watermark"))


# ---------------------------------------------------------------- a secret


def test_without_a_login_pages_lead_to_it(guarded):
    answer = guarded.get(TASK)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=%2Ftask%3F")


def test_a_login_opens_the_pages_until_its_token_expires(guarded):
    token = admin()["Authorization"].removeprefix("Bearer ")
    page = guarded.get("/login")
    answer = guarded.post(
        "/login", data={"csrf": form_token(page), "token": token, "next": "/bench"}
    )
    assert answer.headers["Location"] == "/bench"
    assert guarded.get("/bench").status_code == 200
    assert token not in str(answer.headers)


def test_logging_out_makes_a_copy_of_the_cookie_worthless(guarded):
    token = admin()["Authorization"].removeprefix("Bearer ")
    csrf = form_token(guarded.get("/login"))
    cookie = guarded.post("/login", data={"csrf": csrf, "token": token}).headers["Set-Cookie"]
    copied = {"Cookie": cookie.split(";")[0]}
    csrf = form_token(guarded.get("/bench"))
    other = guarded.application.test_client(use_cookies=False)
    assert other.get("/bench", headers=copied).status_code == 200
    guarded.post("/login", data={"csrf": csrf, "action": "logout"})
    assert other.get("/bench", headers=copied).status_code == 303


def test_a_script_may_show_its_token_instead(guarded):
    assert guarded.get("/", headers=admin()).status_code == 200
    assert guarded.get("/", headers=bearer("nonsense")).status_code == 403


@pytest.mark.parametrize(
    "target", ["//evil.example", "http://evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_a_login_leads_to_no_other_site(guarded, target):
    token = admin()["Authorization"].removeprefix("Bearer ")
    fields = {"csrf": form_token(guarded.get("/login")), "token": token, "next": target}
    assert guarded.post("/login", data=fields).headers["Location"] == "/"


def test_live_needs_the_login_too(guarded):
    assert guarded.get("/live").status_code == 401


def test_every_page_but_the_login_needs_a_login(guarded):
    rules = guarded.application.url_map.iter_rules()
    paths = {rule.rule for rule in rules if rule.endpoint.startswith("ui.") and not rule.arguments}
    assert {path for path in paths if guarded.get(path).status_code == 200} == {"/login"}


def test_every_form_but_the_logins_needs_a_login(guarded):
    rules = guarded.application.url_map.iter_rules()
    forms = {
        rule.rule for rule in rules if rule.endpoint.startswith("ui.") and "POST" in rule.methods
    }
    refused = {path for path in forms if guarded.post(path).status_code == 401}
    assert refused == forms - {"/login"}


def test_styles_and_scripts_need_no_login(guarded):
    with guarded.get("/static/style.css") as answer:
        assert answer.status_code == 200


def test_a_missing_file_of_the_pages_is_answered_with_a_page(guarded):
    assert guarded.get("/static/nothing.css").mimetype == "text/html"


def test_a_session_of_another_secret_is_none(guarded, start):
    other = start(jwt_secret="another " + SECRET).test_client()
    page = other.get("/login")
    cookie = page.headers["Set-Cookie"].split(";")[0]
    assert guarded.get("/", headers={"Cookie": cookie}).status_code == 303


def test_an_expired_key_has_a_badge(world):
    put(world, "cursor", 1, expires_at="2040-01-01T00:00:00Z")
    badge = 'class="badge is-expired"'
    for path in (TASK, KEY + "cursor"):
        assert badge not in world.get(path).get_data(as_text=True)
    world.patch("/_stateroom/clock", json={"now": "2041-01-01T00:00:00Z"})
    for path in (TASK, KEY + "cursor"):
        page = world.get(path).get_data(as_text=True)
        _, _, main = page.partition("<main")
        assert badge in main
        assert "readable until the next clean" in main


def test_the_command_that_sets_a_first_key(world):
    place = {"dag_id": "etl", "run_id": "a b", "task_id": "load", "map_index": 2}
    with world.application.test_request_context("/task"):
        words = shlex.split(set_command(place))
    group, name, *arguments = words
    assert group == "stateroom"
    assert name == "set"
    context = set_entry.make_context(name, arguments)
    assert context.params["dag_id"] == "etl"
    assert context.params["run_id"] == "a b"
    assert context.params["map_index"] == 2
    assert context.params["key"] == "cursor"


def test_a_long_run_id_is_cut_in_the_middle(world):
    page = page_of(world, "/?show=runs")
    run_id = "manual__2026-01-01T00:00:00+00:00"
    assert f'title="{run_id}">manual__2026-01-01T00:00:00…0:00</bdi>' in page


def test_an_array_shows_a_hundred_members_and_more_on_demand(world):
    put(world, "long", list(range(1500)))
    page = page_of(world, KEY + "long")
    (more,) = re.findall(r'1,400 members more: <a href="([^"]+)">show more', page)
    assert "500 members more" in page_of(world, html.unescape(more).partition("#")[0])


def test_a_value_is_shown_as_json_too_with_its_emoji(world):
    put(world, "party", {"face": "🎉", "list": [1]})
    assert '"face": "🎉",' in html.unescape(page_of(world, KEY + "party"))


def test_faults_stand_in_the_header_of_every_page(world):
    assert "1 fault" not in text_of(world.get(TASK))
    world.post("/_stateroom/faults", json={"op": "set", "status": 503})
    assert '<a class="badge is-changed" href="/bench#faults">' in page_of(world, TASK)
    assert "1 fault" in text_of(world.get(TASK))

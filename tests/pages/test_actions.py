"""What the pages do to references, as text: through the backend, never over the envelope."""

import html
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from state.client.http import StateroomClient
from state.gateway.resolve import LARGEST
from state.model.faults import BACKEND, MOMENTS, Fault
from state.process import ServerProcess
from tests.support.pages import KEY, RAW, TASK, send, text_of
from tests.support.space import Space
from tests.support.world import TASK_KEY, TI, WORLD
from web.pages.faults import EFFECTS

AWKWARD = 'it\'s a/key & $HOME `more` "and" more'
FOREIGN = {"__airflow_state_ref__": "/another/backends/object"}
REPORT = f"/_stateroom/values/ti/{TI}?key=report"


@pytest.fixture
def backed(app_with, tmp_path):
    """A client of a service with a backend, and a reference under ``report``."""
    client = app_with("Folder").test_client()
    assert client.put("/_stateroom/fixture", json=WORLD).status_code == 204
    assert client.put(REPORT, json={"value": {"rows": 3}}).status_code == 204
    return client


def objects(tmp_path):
    return list((tmp_path / "objects").rglob("*.json"))


def seen(client, key):
    return re.search(r'name="seen" value="([^"]*)"', client.get(KEY + key).get_data(as_text=True))[
        1
    ]


def save(client, key, value, **more):
    return send(
        client,
        KEY + key,
        action="save",
        seen=seen(client, key),
        value=value,
        expires="never",
        **more,
    )


def test_an_edit_makes_a_new_object_and_removes_the_old_one(backed, tmp_path):
    (before,) = objects(tmp_path)
    save(backed, "report", '{"rows": 4}')
    (after,) = objects(tmp_path)
    assert before != after
    assert backed.get(REPORT).json == {"value": {"rows": 4}}


def test_a_foreign_reference_stays_as_it_is(backed):
    backed.put(f"/execution/store/ti/{TI}/theirs", json={"value": FOREIGN})
    answer = save(backed, "theirs", '"mine"')
    assert answer.status_code == 422
    assert "Foreign: a reference is edited through the backend" in text_of(answer)
    assert "another" in backed.get(RAW + "theirs").get_data(as_text=True)


def test_a_malformed_envelope_may_be_mended(backed):
    backed.put(f"/execution/store/ti/{TI}/broken", json={"value": {"__airflow_state_ref__": 1}})
    assert save(backed, "broken", '"whole"').status_code == 200
    assert backed.get(f"/_stateroom/values/ti/{TI}?key=broken").json == {"value": "whole"}


def test_clearing_takes_the_objects_along(backed, tmp_path):
    question = text_of(backed.get(TASK.replace("/task", "/ask")))
    assert "2 keys, 1 reference among them; its object goes too" in question
    assert "2 keys deleted" in text_of(send(backed, TASK, action="clear"))
    assert objects(tmp_path) == []


def test_deleting_takes_the_object_along(backed, tmp_path):
    assert "its object goes too" in text_of(backed.get(KEY.replace("/key", "/ask", 1) + "report"))
    send(backed, KEY + "report", action="delete")
    assert objects(tmp_path) == []


def test_without_a_backend_the_warning_says_that_objects_stay(world):
    world.put(f"/execution/store/ti/{TI}/report", json={"value": FOREIGN})
    assert "its object stays, because" in text_of(world.get(TASK.replace("/task", "/ask")))


def test_a_backend_that_fails_keeps_what_was_typed(app_with):
    app = app_with("Raising")
    client = app.test_client()
    client.put("/_stateroom/fixture", json=WORLD)
    app.extensions["stateroom"].backend.hooks.backend.errors["serialize"] = OSError("disk full")
    answer = send(client, TASK, action="add", key="new", value="[1, 2]", expires="never")
    assert answer.status_code == 422
    assert "disk full" in text_of(answer)
    assert "[1, 2]</textarea>" in answer.get_data(as_text=True)


def test_an_earlier_value_is_restored_with_the_expiry_of_now(world):
    key = "restored-with-expiry"
    for value in ("first", "second"):
        body = {"value": value, "expires_at": "2040-01-01T00:00:00Z"}
        world.put(f"/execution/store/ti/{TI}/{key}", json=body)
    seq = re.findall(r"at=(\d+)", world.get(KEY + key).get_data(as_text=True))[-1]
    assert "restored" in text_of(send(world, KEY + key, action="restore", seq=seq))
    assert world.get(RAW + key).get_data(as_text=True) == '"first"'
    assert "2040-01-01" in text_of(world.get(KEY + key))


def test_an_earlier_reference_is_restored_if_its_object_exists(backed, tmp_path):
    (path,) = objects(tmp_path)
    text = path.read_text()
    backed.put(f"/execution/store/ti/{TI}/report", json={"value": "inline"})
    path.write_text(text)
    seq = re.findall(r"at=(\d+)", backed.get(KEY + "report").get_data(as_text=True))[-1]
    assert "restored" in text_of(send(backed, KEY + "report", action="restore", seq=seq))
    assert backed.get(REPORT).json == {"value": {"rows": 3}}


def test_an_earlier_reference_without_its_object_says_so(backed, tmp_path):
    save(backed, "report", "4")
    assert not [path for path in objects(tmp_path) if Path(path).read_text() != "4"]
    seq = re.findall(r"at=(\d+)", backed.get(KEY + "report").get_data(as_text=True))[-1]
    answer = send(backed, KEY + "report", action="restore", seq=seq)
    assert answer.status_code == 409
    assert "Its object cannot be read" in text_of(answer)
    assert backed.get(REPORT).json == {"value": 4}


@pytest.mark.parametrize("seq", ["", "0", "x", "99999999", "9" * 30])
def test_an_unknown_event_cannot_be_restored(world, seq):
    answer = send(world, KEY + "job_id", action="restore", seq=seq)
    assert answer.status_code == 409
    assert "not in the journal any more" in text_of(answer)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"action": "advance", "number": "x", "unit": "days"}, "not a number of days"),
        (
            {"action": "advance", "number": "4000000", "unit": "days"},
            "would leave the years 1 to 9999",
        ),
        ({"action": "set", "moment": "tomorrow"}, "Invalid time"),
        ({"action": "create_namespace", "name": "a b"}, "a b"),
        ({"action": "create_namespace", "name": "default"}, "already"),
        ({"action": "drop_namespace", "name": "default", "sure": "default"}, "cannot be dropped"),
        ({"action": "drop_namespace", "name": "one", "sure": "two"}, "Nothing was dropped"),
        ({"action": "drop_namespace", "name": "nowhere", "sure": "nowhere"}, "not found"),
        ({"action": "take_snapshot", "name": "a/b"}, "a/b"),
        ({"action": "restore_snapshot", "name": "none"}, "none"),
        ({"action": "drop_snapshot", "name": "none"}, "none"),
    ],
)
def test_the_page_of_a_namespace_says_why_it_refuses(world, fields, complaint):
    answer = send(world, "/bench", **fields)
    assert answer.status_code >= 400
    assert complaint in text_of(answer)


@pytest.fixture
def shelf(tmp_path):
    """A served namespace with a key that shells and Python have to quote."""
    environ = {**os.environ, "STATEROOM_BACKEND_BASE": str(tmp_path)}
    with ServerProcess(["--db", ":memory:", "--backend", "file"], environ) as process:
        space = Space(process.url, "shelf")
        space.put(space.task(), AWKWARD, {"text": AWKWARD})
        yield space


@pytest.fixture
def shown_lines(shelf):
    """The lines with which the page of a key says how to read it: curl's and Python's."""
    page = shelf.http.get(shelf.key_page(AWKWARD)).text
    lines = re.findall(r"<code>((?:curl|StateroomClient)[^<]*)</code>", page)
    return [html.unescape(line) for line in lines]


def test_the_line_for_curl_that_a_page_shows_works(shown_lines):
    output = subprocess.check_output(["bash", "-c", shown_lines[0]], stderr=subprocess.DEVNULL)
    assert json.loads(output) == {"value": {"text": AWKWARD}}


def test_the_line_of_python_that_a_page_shows_works(shown_lines):
    answer = eval(shown_lines[1], {"StateroomClient": StateroomClient})
    assert answer.json() == {"value": {"text": AWKWARD}}


def test_the_line_after_an_act_does_it_again(shelf):
    page = shelf.http.get(shelf.task_page())
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    fields = {
        "csrf": token,
        "action": "add",
        "key": "it's",
        "value": '{"a": "$b `c` \\\\"}',
        "expires": "never",
    }
    page = shelf.http.post(shelf.task_page(), data=fields)
    curl = html.unescape(re.search(r"<code>(curl -X PUT [^<]*)</code>", page.text)[1])
    before = shelf.http.get(f"{shelf.url}/_stateroom/journal").json()["last"]
    subprocess.run(["bash", "-c", curl], capture_output=True, check=True)
    (event,) = shelf.http.get(f"{shelf.url}/_stateroom/journal?op=set&after={before}").json()[
        "events"
    ]
    assert event["key"] == "it's"
    assert event["status"] == 204
    assert json.loads(fields["value"]) == shelf.read(
        event["actor"]["ti_id"] or shelf.task(), "it's"
    )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"what": "status", "amount": "503"}, {"op": "any", "status": 503}),
        (
            {"op": "set", "pattern": "job_*", "what": "latency", "amount": "0.5"},
            {"key": "job_*", "latency": 0.5},
        ),
        ({"when": "times", "count": "2", "what": "close_after"}, {"times": 2, "close": "after"}),
        ({"of_dag_id": "etl", "what": "truncate"}, {"scope": {"dag_id": "etl"}, "truncate": True}),
        (
            {"when": "probability", "count": "0.5", "what": "missing"},
            {"probability": 0.5, "backend": "missing"},
        ),
    ],
)
def test_a_fault_is_set_as_the_form_says(world, fields, fault):
    answer = send(world, "/bench", action="set_fault", **fields)
    assert "The fault is added" in text_of(answer)
    (found,) = world.get("/_stateroom/faults").json["faults"]
    assert fault.items() <= found.items()
    send(world, "/bench", action="remove_fault", fault_id=str(found["id"]))
    assert world.get("/_stateroom/faults").json == {"faults": []}


def test_the_form_adds_a_fault_for_each_effect_it_offers(world):
    form = world.get("/bench").get_data(as_text=True)
    choices = re.search('<select name="what">(.*?)</select>', form)[1]
    names = re.findall('value="([^"]+)"', choices)
    for name in names:
        answer = send(world, "/bench", action="set_fault", what=name, amount="500")
        assert "The fault is added" in text_of(answer), name
    faults = [Fault.from_row(row) for row in world.get("/_stateroom/faults").json["faults"]]
    world.delete("/_stateroom/faults")
    assert names == list(EFFECTS)
    assert len(set(map(str, faults))) == len(names)
    assert {fault.backend for fault in faults} == {None, *BACKEND}
    assert {fault.close for fault in faults} == {None, *MOMENTS}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"what": "status", "amount": "200"}, "status"),
        ({"what": "explode", "amount": "1"}, "unknown effect 'explode'"),
        ({"when": "status", "count": "503", "what": "truncate"}, "unknown condition 'status'"),
        ({"what": "status", "amount": "x"}, "is not a number"),
        ({"what": "corrupt", "op": "set"}, "for a get only"),
        ({"when": "probability", "count": "7", "what": "truncate"}, "probability"),
        ({"of_dag_id": "etl", "of_asset": "orders", "what": "truncate"}, "not both"),
    ],
)
def test_an_invalid_fault_is_explained_and_stays_in_the_form(world, fields, complaint):
    answer = send(world, "/bench", action="set_fault", pattern="kept", **fields)
    assert answer.status_code == 422
    assert complaint in text_of(answer)
    assert 'value="kept"' in answer.get_data(as_text=True)


def test_a_comparison_with_a_snapshot_that_is_not_there_says_so(world):
    assert "none" in text_of(world.get("/bench?a=none"))


def test_a_comparison_masks_credentials(world):
    send(world, "/bench", action="take_snapshot", name="masked")
    ref = {"__airflow_state_ref__": "s3://user:sesame@bucket/key"}
    world.put(f"/execution/store/ti/{TI}/report", json={"value": ref})
    page = world.get("/bench?a=masked")
    assert "s3://***@bucket" in text_of(page)
    assert "sesame" not in page.get_data(as_text=True)
    send(world, "/bench", action="drop_snapshot", name="masked")


@pytest.mark.parametrize(
    ("older_than", "shown"), [(0, "can be removed"), (3600, "stays: too young it is recent")]
)
def test_an_orphan_can_be_removed_or_says_why_it_stays(backed, older_than, shown):
    backed.delete(TASK_KEY.replace("job_id", "report"))
    page = text_of(backed.get(f"/references/orphans?older_than={older_than}"))
    assert shown in page
    assert ("Remove 1 object" in page) == (older_than == 0)


def test_a_value_that_is_too_large_to_show_has_a_badge(backed):
    backed.put(REPORT, json={"value": "x" * (LARGEST + 1)})
    page = send(backed, KEY + "report", action="resolve")
    assert '<span class="badge is-too-large">' in page.get_data(as_text=True)
    assert "too large The object has" in text_of(page)

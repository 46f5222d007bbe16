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


def checked_place(answer):
    """The choice that the form of a value has made."""
    page = answer.get_data(as_text=True)
    return re.search(r'name="place" value="(\w+)" checked', page)[1]


def stored(client, key):
    return json.loads(client.get(RAW + key).get_data(as_text=True))


@pytest.mark.parametrize(("key", "place"), [("job_id", "row"), ("report", "backend")])
def test_the_form_of_an_edit_leaves_a_value_where_it_is(backed, key, place):
    backed.put(f"/execution/store/ti/{TI}/job_id", json={"value": "job-42"})
    assert checked_place(backed.get(KEY + key)) == place


def test_an_edit_of_a_value_stays_in_its_row(backed):
    backed.put(f"/execution/store/ti/{TI}/job_id", json={"value": "job-42"})
    answer = save(backed, "job_id", '"job-43"', place="row")
    assert stored(backed, "job_id") == "job-43"
    assert "/state-store/job_id" in text_of(answer)


def test_a_value_goes_to_the_backend_where_that_is_chosen(backed):
    save(backed, "job_id", '"job-43"', place="backend")
    assert "__airflow_state_ref__" in stored(backed, "job_id")


def test_a_reference_that_becomes_a_value_takes_its_object_along(backed, tmp_path):
    save(backed, "report", "4", place="row")
    assert stored(backed, "report") == 4
    assert objects(tmp_path) == []


def test_a_form_that_was_refused_keeps_the_chosen_place(backed):
    assert checked_place(save(backed, "report", "oops", place="row")) == "row"


def test_without_a_backend_the_form_asks_for_no_place(world):
    assert 'name="place"' not in world.get(KEY + "job_id").get_data(as_text=True)


def test_without_a_backend_resolve_is_off_and_says_why(world):
    world.put(f"/execution/store/ti/{TI}/report", json={"value": FOREIGN})
    answer = world.get(KEY + "report")
    assert re.search(r'value="resolve" disabled', answer.get_data(as_text=True))
    assert "start it with --backend" in text_of(answer)


def test_a_missing_object_offers_the_earlier_value(backed, tmp_path):
    backed.put(f"/execution/store/ti/{TI}/lost", json={"value": "before"})
    backed.put(f"/_stateroom/values/ti/{TI}?key=lost", json={"value": "after"})
    for path in objects(tmp_path):
        path.unlink()
    answer = send(backed, KEY + "lost", action="resolve")
    page = answer.get_data(as_text=True)
    (seq,) = re.findall(r'at=(\d+)#then">restore the earlier value', page)
    send(backed, KEY + "lost", action="restore", seq=seq)
    assert stored(backed, "lost") == "before"


def test_what_a_check_found_missing_says_what_to_do(backed, tmp_path):
    backed.put(f"/_stateroom/values/ti/{TI}?key=lost", json={"value": "before"})
    for path in objects(tmp_path):
        path.unlink()
    assert "What can be done" not in text_of(backed.get(KEY + "lost"))
    send(backed, "/references")
    page = text_of(backed.get(KEY + "lost"))
    assert "was missing when it was checked just now" in page
    assert "write it anew" in page


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


def test_clearing_says_what_will_be_lost(backed):
    question = text_of(backed.get(TASK.replace("/task", "/ask")))
    assert "This removes 2 keys, 1 reference among them ." in question
    assert "A snapshot of the namespace is taken first" in question
    assert "2 keys deleted" in text_of(send(backed, TASK, action="clear"))


def undo_of(answer):
    """The snapshot that the button Undo restores."""
    page = answer.get_data(as_text=True)
    return re.search(r'name="name" value="([^"]+)">\s*<button [^>]+>Undo<', page)[1]


def test_a_clear_can_be_undone_objects_included(backed):
    undo = undo_of(send(backed, TASK, action="clear"))
    assert backed.get(REPORT).status_code == 404
    send(backed, "/bench", action="restore_snapshot", name=undo)
    assert backed.get(REPORT).json == {"value": {"rows": 3}}


def test_a_restore_can_be_undone(world):
    path = f"/execution/store/ti/{TI}/job_id"
    world.put("/_stateroom/snapshots/before")
    world.put(path, json={"value": "job-43"})
    undo = undo_of(send(world, "/bench", action="restore_snapshot", name="before"))
    assert stored(world, "job_id") != "job-43"
    send(world, "/bench", action="restore_snapshot", name=undo)
    assert stored(world, "job_id") == "job-43"


def test_a_reset_can_be_undone(world):
    question = text_of(world.get("/bench/ask?action=reset"))
    assert re.search(r"This removes .* dag runs?, .* and \d+ keys", question)
    undo = undo_of(send(world, "/bench", action="reset"))
    assert world.get(KEY + "job_id").status_code == 404
    send(world, "/bench", action="restore_snapshot", name=undo)
    assert world.get(KEY + "job_id").status_code == 200


def test_a_restore_is_asked_with_what_it_would_change(world):
    world.put("/_stateroom/snapshots/before")
    world.put(f"/execution/store/ti/{TI}/new", json={"value": 1})
    world.put(f"/execution/store/ti/{TI}/job_id", json={"value": "another"})
    question = text_of(world.get("/bench/ask?action=restore_snapshot&name=before"))
    assert "brings back 0 keys , removes 1 key and changes 1 key" in question


def test_a_drop_is_asked_with_what_the_snapshot_holds(world):
    row = world.put("/_stateroom/snapshots/before").json
    question = text_of(world.get("/bench/ask?action=drop_snapshot&name=before"))
    assert f"holds {row['keys']} key" in question


@pytest.mark.parametrize("action", ["restore_snapshot", "drop_snapshot"])
def test_an_unknown_snapshot_is_not_asked_about(world, action):
    assert world.get(f"/bench/ask?action={action}&name=none").status_code == 404


def test_an_unknown_question_names_those_there_are(world):
    answer = world.get("/bench/ask?action=destroy")
    assert answer.status_code == 400
    assert "expected restore_snapshot" in text_of(answer)


def test_deleting_takes_the_object_along(backed, tmp_path):
    assert "its object goes too" in text_of(backed.get(KEY.replace("/key", "/ask", 1) + "report"))
    send(backed, KEY + "report", action="delete")
    assert objects(tmp_path) == []


def test_without_a_backend_the_warning_says_that_objects_stay(world):
    world.put(f"/execution/store/ti/{TI}/report", json={"value": FOREIGN})
    question = world.get(KEY.replace("/key", "/ask", 1) + "report")
    assert "its object stays, because" in text_of(question)


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


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("clock", {"action": "freeze"}),
        ("clean", {"action": "clean"}),
        ("snapshot", {"action": "take_snapshot", "name": "before"}),
        ("fault", {"action": "set_fault", "what": "status", "amount": "503"}),
        ("fault", {"action": "clear_faults"}),
        ("reset", {"action": "reset"}),
    ],
)
def test_what_a_page_does_to_a_namespace_is_by_the_web_pages(world, op, fields):
    world.post("/_stateroom/faults", json={"op": "get", "status": 503})
    send(world, "/bench", **fields)
    (event, *_) = world.get(f"/_stateroom/journal?op={op}&newest=1").json["events"][::-1]
    assert event["api"] == "page"

"""The page of the journal, that of an event with its copies, and the namespace as it was."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from state.client.stateroom import Stateroom
from state.process import ServerProcess
from tests.pages import story
from tests.support.pages import text_of
from tests.support.world import TI

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def told():
    """The handle of a served namespace in which the story happened; tests must not change it."""
    with ServerProcess(["--db", ":memory:"], dict(os.environ)) as process:
        with Stateroom(process.url) as stateroom:
            story.tell(stateroom)
            yield stateroom


@pytest.fixture
def space(told):
    """A namespace of a test's own, with one task instance and its key."""
    space = told.create_namespace()
    space.task("etl", "load", map_index=1).set("progress", {"rows": 1})
    yield space
    space.drop()


def page(told, path, **params):
    answer = requests.get(told.url + path, params=params, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


def numbers(text):
    """The numbers of the events in the rows of a page."""
    return [int(number) for number in re.findall(r'<tr data-seq="(\d+)"', text)]


def expected(told, **members):
    return [event.seq for event in told.journal.find(**members)][::-1]


def event_of(told, op, **members):
    return told.journal.find(op, **members)[-1]


def test_the_journal_lists_every_event_newest_first(told):
    assert numbers(page(told, "/journal")) == expected(told)


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ({"op": "get"}, {"op": "get"}),
        ({"key": "cursor", "attempt": "2"}, {"key": "cursor", "try_number": 2}),
        ({"status": "503"}, {"status": 503}),
        ({"status": "missed"}, {"outcome": "key_not_found"}),
        ({"op": "clock moves"}, {"op": "clock"}),
        ({"task_id": "load", "map_index": "1"}, {"task_id": "load", "map_index": 1}),
    ],
)
def test_a_filter_leaves_out_what_it_does_not_match(told, query, members):
    assert numbers(page(told, "/journal", **query)) == expected(told, **members)


def test_an_attempts_calls_elsewhere_are_of_its_place_too(told):
    number = event_of(told, "set", asset="orders", try_number=3).seq
    assert number in numbers(page(told, "/journal", task_id="submit"))
    assert number in numbers(page(told, "/journal", asset="orders"))


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"op": "sett"}, "op is 'sett'"),
        ({"status": "bad"}, "status is 'bad'"),
        ({"attempt": "x"}, "attempt is 'x'"),
    ],
)
def test_a_filter_that_cannot_match_is_refused(told, query, complaint):
    answer = requests.get(f"{told.url}/journal", params=query, timeout=30)
    assert answer.status_code == 400
    assert complaint in answer.text.replace("&#39;", "'")


def test_older_events_are_a_link_away(space):
    task = space.task("etl", "many")
    for number in range(110):
        task.set("n", number)
    first = page(space, "/journal")
    older = re.search(r'rel="next" href="([^"]*)"', first)[1]
    assert numbers(first) + numbers(page(space, "/" + older.split("/", 3)[3])) == expected(space)


def test_time_is_to_the_millisecond_and_relative_on_demand(told):
    event = event_of(told, "clock")
    day = event.at[:10]
    moments = rf">{day} </span>\d\d:\d\d:\d\d\.\d{{3}}</time>"
    assert re.search(moments, page(told, "/journal"))
    assert not re.search(moments, page(told, "/journal", time="relative"))
    assert "days ago</time>" in page(told, "/journal", time="relative")


def test_a_repeated_call_after_a_fault_is_marked(told):
    assert "probably a retry" in page(told, "/journal", status="answered", op="get")


def test_a_row_leads_to_key_attempt_and_the_value_then(told):
    event = event_of(told, "get", key="cursor", try_number=2)
    row = page(told, "/journal/event", seq=event.seq)
    assert "key=cursor" in row
    assert f"attempt={event.ti_id}" in row
    then = re.search(r'href="(/key[^"]*at=\d+)#then"', row)[1].replace("&amp;", "&")
    assert "page" in page(told, then)


# ---------------------------------------------------------------- copies


def copy(told, event, kind):
    return page(told, "/journal/copy", **{"seq": event.seq, "as": kind})


def test_the_copy_for_a_shell_makes_the_same_call(space):
    event = event_of(space, "set")
    command = copy(space, event, "curl")
    before = space.journal.last
    subprocess.run(command, shell=True, check=True, capture_output=True)
    again = space.journal.events(before)[-1]
    assert (again.op, again.key, again.value) == ("set", event.key, event.value)


def test_the_copy_in_python_makes_the_same_call(space):
    from datetime import datetime

    from state.client.http import StateroomClient
    from state.model.scopes import TaskScope

    event = event_of(space, "set")
    names = {"StateroomClient": StateroomClient, "TaskScope": TaskScope, "datetime": datetime}
    before = space.journal.last
    eval(copy(space, event, "python"), names)
    again = space.journal.events(before)[-1]
    assert (again.op, again.key, again.value) == ("set", event.key, event.value)


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_what_is_no_call_on_state_is_read_again(told, kind):
    event = event_of(told, "clock")
    line = copy(told, event, kind)
    assert str(event.seq - 1) in line or str(event.seq) in line


def run_as_tests(folder, texts):
    """Run files by a pytest of their own, with the plugin; returns its output."""
    for name, text in texts.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_stateroom", "-c", os.devnull]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("STATEROOM_URL", None)
    process = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
    )
    return process.stdout + process.stderr


def test_the_copy_as_a_test_passes(told, tmp_path):
    events = {
        "task": event_of(told, "state", task_id="submit"),
        "middle": event_of(told, "clean"),
        "mapped": event_of(told, "get", task_id="load"),
        "asset": event_of(told, "set", asset="orders"),
    }
    events["middle"] = told.journal.find("delete", key="job_id")[0]
    texts = {name: copy(told, event, "test") for name, event in events.items()}
    assert "faults.add('set', key='cursor', times=1, status=503)" in texts["task"]
    assert "clock.advance(seconds=2678400.0)" in texts["task"]
    assert "4 passed" in run_as_tests(tmp_path, texts)


@pytest.mark.slow
def test_the_copy_as_a_test_begins_with_what_a_fixture_loaded(space, tmp_path):
    scope = {"dag_id": "etl", "run_id": "r", "task_id": "t"}
    document = {
        "dag_runs": [{"dag_id": "etl", "run_id": "r"}],
        "task_instances": [{**scope, "id": TI, "state": "running"}],
        "task_state_store": [{**scope, "key": "cursor", "value": {"page": 7}}],
    }
    space._client.call("PUT", "/_stateroom/fixture", json=document)
    task = space.task("etl", "t", "r")
    assert task.get("cursor") == {"page": 7}
    requests.put(
        f"{space.core_url}/dags/etl/dagRuns/r/taskInstances/t/state-store/note",
        json={"value": "by hand"},
        timeout=30,
    ).raise_for_status()
    task.clear()
    text = copy(space, event_of(space, "clear"), "test")
    assert "'cursor'" in text.partition("@pytest.fixture")[0]
    assert "1 passed" in run_as_tests(tmp_path, {"it": text})


@pytest.mark.slow
def test_the_copy_as_a_test_fails_where_state_is_lost(told, tmp_path):
    """The assertions are real: without one write the copied test fails."""
    text = copy(told, event_of(told, "get", task_id="load"), "test")
    without = text.replace("attempt_1.set('progress', {'rows': 50})", "pass")
    assert "1 failed" in run_as_tests(tmp_path, {"broken": without})


def test_an_event_of_nothing_has_no_test(told):
    event = event_of(told, "clock")
    answer = requests.get(
        f"{told.url}/journal/copy", params={"seq": event.seq, "as": "test"}, timeout=30
    )
    assert answer.status_code == 404
    assert "As a test" not in page(told, "/journal/event", seq=event.seq)


# ---------------------------------------------------------------- as it was


def rows_then(told, seq, **place):
    table = page(told, "/then", seq=seq, **place).partition("<tbody>")[2]
    cells = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in table.split("<tr")[1:]]
    return [" ".join(row) for row in cells]


def test_the_namespace_is_shown_as_it_was(told):
    event = event_of(told, "set", key="cursor", try_number=2)
    cursor, job_id = rows_then(told, event.seq)
    assert "{&#34;page&#34;: 2}" in cursor
    assert "job-4711" in job_id


def test_an_expired_key_says_so_until_it_is_removed(told):
    moved, cleaned = event_of(told, "clock"), event_of(told, "clean")
    assert all("expired" in row for row in rows_then(told, cleaned.seq - 0) if "job-4711" in row)
    assert all("expired" not in row for row in rows_then(told, moved.seq))
    removed = [event.seq for event in told.journal if event.parent == cleaned.seq]
    assert len(rows_then(told, removed[-1])) == 1  # the one that went with this event


def test_the_past_of_a_part_leaves_out_the_rest(told):
    last = told.journal.last
    assert len(rows_then(told, last, task_id="load")) == 2
    assert len(rows_then(told, last, asset="orders")) == 1


def test_the_slider_has_links_beside_it(told):
    event = event_of(told, "clock")
    text = page(told, "/then", seq=event.seq)
    assert f'type="range" id="moment" name="seq" min="1" max="{told.journal.last}"' in text
    assert f'<output for="moment">{event.seq}</output>' in text
    links = re.findall(r'href="/then\?seq=(\d+)"', text)
    assert {"1", str(event.seq - 1), str(event.seq + 1), str(told.journal.last)} <= set(links)


def drawn(told, path, **params):
    """The words and the lanes of the picture of a page."""
    text = page(told, path, **params)
    (address,) = re.findall(r'<object type="image/svg\+xml" data="([^"]+)"', text)
    svg = page(told, html.unescape(address))
    return re.findall(r'text-anchor="middle">([^<+−]+)</text>', svg), re.findall(
        r'text-anchor="end">([^<]+)</text>', svg
    )


def test_the_page_of_a_task_draws_its_attempts_as_lanes(told):
    words, lanes = drawn(told, "/task", **story.STORY)
    assert lanes[:2] == ["attempt 1", "attempt 2"]
    assert "attempt 3" in lanes
    assert [word for word in words if word in ("clock", "job_id expires", "success")] == [
        "job_id expires",
        "clock",
        "success",
    ]


def test_a_retry_that_no_worker_ran_is_one_row_too(told):
    table = page(told, "/task", **story.STORY).partition('class="list attempts"')[2]
    rows = table.partition("</table>")[0].count("<tr>")
    assert rows == 4  # the head, and three attempts


def test_the_times_of_a_picture_lead_to_the_namespace_as_it_was(told):
    svg = page(told, "/journal/timeline.svg", task_id="submit")
    (seq, *_) = re.findall(r'<a href="/then\?seq=(\d+)" target="_top"><text class="when"', svg)
    assert seq == str(event_of(told, "create", task_id="submit", try_number=1).seq)


def test_the_lanes_of_a_mapped_task_have_its_map_indices(told):
    _, lanes = drawn(told, "/task", **{**story.STORY, "task_id": "load", "map_index": 0})
    assert {"[0] attempt 1", "[0] attempt 2", "[1] attempt 1"} <= set(lanes)


def test_the_page_of_a_key_draws_what_happened_to_it(told):
    words, _ = drawn(told, "/key", **story.STORY, key="cursor")
    assert "set cursor" in words
    assert "set cursor: 503" in words
    assert "fault cursor: closed" in words
    assert "set job_id" not in words


def test_without_a_journal_the_pages_say_so(app_with):
    client = app_with("Folder", journal_limit=0).test_client()
    assert "The journal is off" in text_of(client.get("/journal"))
    assert "The journal is off" in text_of(client.get("/then"))

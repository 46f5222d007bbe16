"""The page of a task: its attempts, rendered fields, XComs and log."""

import html
import re
from datetime import timedelta

import pytest

from state.model.clock import from_text, to_text
from tests.support.pages import HTML, TASK, text_of
from tests.support.world import EXTRACT, RUN, TI

FIXTURE = "/_stateroom/fixture"
TASK_INSTANCES = "/execution/task-instances"
RAW = TASK.replace("/task", "/task/raw")
XCOM = f"/execution/xcoms/etl/{RUN}/extract"
START = {
    "state": "running",
    "hostname": "worker-1",
    "unixname": "airflow",
    "pid": 4242,
    "start_date": "2026-01-02T10:00:00Z",
}
NEXT = "019b0000-0000-7000-8000-0000000000f1"
END = "2026-01-02T10:00:02.350Z"
AIRFLOW = "/venv/lib/python3.11/site-packages/airflow"


def record(text, second=0, **more):
    moment = f"2026-01-02T10:00:{second:02}.000000Z"
    return {"timestamp": moment, "level": "info", "event": text, "logger": "task", **more}


def error(text):
    frames = [
        {"filename": f"{AIRFLOW}/sdk/task_runner.py", "lineno": 1, "name": "run"},
        {"filename": "/opt/airflow/dags/etl.py", "lineno": 7, "name": "extract"},
    ]
    detail = {"exc_type": "ConnectionError", "exc_value": text, "frames": frames}
    return {"level": "error", "error_detail": [detail]}


@pytest.fixture
def world(world):
    """A namespace of its own, because logs outlive a reset."""
    world.post("/_stateroom/namespaces", json={"name": "tasks"})
    document = world.get(FIXTURE).json

    class Client:
        def __getattr__(self, method):
            call = getattr(world, method)
            return lambda path, **more: call(f"/ns/tasks{path}", **more)

    client = Client()
    assert client.put(FIXTURE, json=document).status_code == 204
    yield client
    world.delete("/_stateroom/namespaces/tasks")


@pytest.fixture
def queued(world):
    attempt = {**EXTRACT, "id": TI, "state": "queued", "max_tries": 2}
    world.put(FIXTURE, json={"task_instances": [attempt]})
    return world


@pytest.fixture
def started(queued):
    assert queued.patch(f"{TASK_INSTANCES}/{TI}/run", json=START).status_code == 200
    return queued


@pytest.fixture
def log(world):
    def log(*records, ti_id=TI, **more):
        path = f"/_stateroom/task-instances/{ti_id}/log"
        body = {"records": list(records), **more}
        assert world.post(path, json=body).status_code == 204
        return world.get(TASK)

    return log


def end(world, state="success", **more):
    body = {"state": state, "end_date": END, **more}
    assert world.patch(f"{TASK_INSTANCES}/{TI}/state", json=body).status_code == 204


def section(answer, name):
    """The part of a page below a heading, as text."""
    pattern = rf'<section aria-labelledby="{name}">.*?</section>'
    match = re.search(pattern, answer.get_data(as_text=True), re.S)
    if match is None:
        return None
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", match[0])).split())


# ---------------------------------------------------------------- attempts


def test_an_attempt_has_its_facts(started):
    end(started)
    text = section(started.get(TASK), "attempts")
    assert "1 current success" in text
    assert "2.350 s" in text
    assert "worker-1 process 4242" in text
    assert "running → success" in text


def test_the_id_of_an_attempt_is_short_and_whole(world):
    text = section(world.get(TASK), "attempts")
    assert f"…{TI[-12:]}" in text
    assert TI in text


def test_an_attempt_that_has_not_started_says_so(queued):
    assert "queued not started" in section(queued.get(TASK), "attempts")


def test_the_error_in_the_log_is_why_it_failed(started, log):
    log(record("Task failed with exception", **error("lost the connection")))
    end(started, "failed")
    assert "ConnectionError: lost the connection" in section(started.get(TASK), "attempts")


def test_an_error_that_was_handled_is_not_why_it_ended(started, log):
    log(record("once more", **error("lost the connection")))
    end(started)
    assert "lost the connection" not in section(started.get(TASK), "attempts")


def test_a_report_that_could_not_be_processed_is_why_it_failed(started):
    started.patch(f"{TASK_INSTANCES}/{TI}/state", json={"state": "queued"})
    assert "because of a report that Airflow cannot process" in section(
        started.get(TASK), "attempts"
    )


def test_a_skipped_attempt_names_the_task_that_skipped_it(started):
    other = {**EXTRACT, "task_id": "load", "id": NEXT, "state": None}
    started.put(FIXTURE, json={"task_instances": [other]})
    path = f"{TASK_INSTANCES}/{TI}/skip-downstream"
    assert started.patch(path, json={"tasks": ["load"]}).status_code == 204
    text = section(started.get(TASK.replace("extract", "load")), "attempts")
    assert "skipped not started" in text
    assert "skipped by attempt 1 of extract" in text


def test_a_retry_is_one_attempt_with_both_of_its_ids(started):
    end(started, "up_for_retry")
    answer = started.get(TASK)
    page = answer.get_data(as_text=True)
    table = page.partition('class="list attempts"')[2].partition("</table>")[0]
    assert table.count("<tr>") == 2  # the head, and the attempt
    current = started.get("/api/v2/dags/etl/dagRuns/~/taskInstances").json["task_instances"]
    ids = [each["id"] for each in current if each["task_id"] == "extract"]
    assert all(ti_id in table for ti_id in (TI, *ids))


def test_a_superseded_attempt_that_never_ended_is_told_as_that(started):
    following = {**EXTRACT, "id": NEXT, "state": "queued", "try_number": 2}
    started.put(FIXTURE, json={"task_instances": [following]})
    assert "1 superseded running" in section(started.get(TASK), "attempts")


def test_a_later_attempt_is_a_row_of_its_own(started):
    end(started, "up_for_retry")
    following = {**EXTRACT, "id": NEXT, "state": "queued", "try_number": 2}
    started.put(FIXTURE, json={"task_instances": [following]})
    text = section(started.get(TASK), "attempts")
    assert "2 current queued" in text
    assert "1 up for retry" in text


# ---------------------------------------------------------------- rendered fields


def put_fields(client, fields):
    assert client.put(f"{TASK_INSTANCES}/{TI}/rtif", json=fields).status_code == 201
    return client.get(TASK)


def test_rendered_fields_are_shown_as_they_are_read(started):
    answer = put_fields(started, {"sql": "SELECT 1\nFROM t", "op_args": [1]})
    assert "sql : “SELECT 1 FROM t”" in section(answer, "fields")


def test_rendered_fields_with_the_names_of_secrets_are_hidden(started):
    answer = put_fields(started, {"env": {"password": "hunter2"}, "api_key": "hunter2"})
    raw = started.get(f"{RAW}&part=fields")
    assert "***" in section(answer, "fields")
    assert "hunter2" not in answer.text
    assert "hunter2" not in raw.text
    assert "***" in raw.text


def test_large_rendered_fields_are_only_in_the_raw_text(started):
    answer = put_fields(started, {"sql": "x" * 100_000})
    assert "Raw (97.7 KiB)" in section(answer, "fields")
    assert "x" * 100 not in answer.text
    raw = started.get(f"{RAW}&part=fields")
    assert "x" * 100_000 in raw.text


# ---------------------------------------------------------------- XComs


def push(client, key, value, **query):
    answer = client.post(f"{XCOM}/{key}", json=value, query_string=query)
    assert answer.status_code == 201


def raw_xcom(client, key):
    return client.get(f"{RAW}&part=xcom&key={key}")


def test_xcoms_are_shown_with_their_values_and_sizes(world):
    push(world, "return_value", {"rows": 3})
    assert 'return_value {"rows": 3} 11 B' in section(world.get(TASK), "xcoms")


def test_a_long_xcom_is_folded_and_whole_in_the_raw_text(world):
    push(world, "report", {"rows": list(range(100))})
    text = section(world.get(TASK), "xcoms")
    assert "object of 1 member" in text
    assert "99]" in raw_xcom(world, "report").text


def test_a_large_xcom_only_has_its_size_and_a_link(world):
    push(world, "large", "x" * 100_000)
    answer = world.get(TASK)
    assert "large large, raw 97.7 KiB" in section(answer, "xcoms")
    assert "x" * 200 not in answer.text
    assert len(raw_xcom(world, "large").text) == 100_002


def test_secrets_in_xcoms_are_hidden_everywhere(world):
    push(world, "api_key", "hunter2")
    push(world, "login", {"user": "me", "password": "hunter2"})
    push(world, "long", {"password": "hunter2", "rows": list(range(300))})
    answer = world.get(f"{TASK}&attempt={TI}")
    assert "api_key ***" in section(answer, "xcoms")
    assert "hunter2" not in answer.text
    for key in ("api_key", "login", "long"):
        assert "hunter2" not in raw_xcom(world, key).text


def test_xcoms_of_other_map_indices_stand_below(world):
    mapped = [
        {
            **EXTRACT,
            "task_id": "mapped",
            "map_index": index,
            "id": NEXT.replace("f1", f"e{index}"),
            "state": "running",
        }
        for index in (1, 2)
    ]
    world.put(FIXTURE, json={"task_instances": mapped})
    path = XCOM.replace("extract", "mapped")
    for index in (1, 2):
        world.post(f"{path}/return_value?map_index={index}", json=f"row {index}")
    text = section(world.get(TASK.replace("extract", "mapped") + "&map_index=2"), "xcoms")
    own, _, others = text.partition("of the other map indices")
    assert "row 2" in own
    assert 'return_value "row 1"' in others
    assert "1 XCom" in own


def test_xcoms_beyond_the_first_are_counted(world):
    place = {**EXTRACT, "value": 1}
    rows = [{**place, "key": f"key-{number:03}"} for number in range(103)]
    world.put(FIXTURE, json={"xcoms": rows})
    text = section(world.get(TASK), "xcoms")
    assert "key-099" in text
    assert "key-100" not in text
    assert "… and 3 more XComs" in text


@pytest.mark.parametrize("query", ["part=xcom&key=none", "part=fields"])
def test_a_part_that_is_not_there_is_not_found(world, query):
    answer = world.get(f"{RAW}&{query}", headers=HTML)
    assert answer.status_code == 404


def test_an_unknown_part_is_refused_with_the_known_ones(world):
    answer = world.get(f"{RAW}&part=nothing", headers=HTML)
    assert answer.status_code == 400
    assert "expected one of fields, xcom, log" in text_of(answer)


# ---------------------------------------------------------------- the log


def log_lines(answer):
    """The lines of the log, each as text."""
    page = answer.get_data(as_text=True).partition('<ol class="log">')[2].partition("</section>")[0]
    lines = re.split(r"<li[^>]*>", page)[1:]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", line)).split()) for line in lines]


def test_lines_have_their_time_level_and_members(log):
    answer = log(record("hello", 1, rows=3), record("slow", 2, level="warning", logger="etl"))
    lines = [line for line in log_lines(answer) if line.startswith("10:")]
    assert lines == ["10:00:01.000 hello rows=3", "10:00:02.000 warning slow etl"]


def test_calls_of_the_attempt_stand_between_the_lines(world, log):
    log(record("before"))
    world.put(f"/execution/store/ti/{TI}/cursor", json={"value": {"page": 1}})
    event = world.get("/_stateroom/journal?op=set").json["events"][-1]
    later = to_text(from_text(event["at"]) + timedelta(seconds=1))
    answer = log({"timestamp": later, "event": "after"})
    texts = [line.partition(" ")[2] for line in log_lines(answer)]
    assert texts[-3:] == ["before", 'set cursor = {"page": 1}', "after"]


def test_a_call_of_a_former_attempt_stands_in_its_own_log(world):
    world.put(f"/execution/store/ti/{TI}/cursor", json={"value": 1})
    world.put(FIXTURE, json={"task_instances": [{**EXTRACT, "id": NEXT, "state": "running"}]})
    world.put(f"/execution/store/ti/{NEXT}/cursor", json={"value": 2})
    assert any("set cursor = 2" in line for line in log_lines(world.get(TASK)))
    former = log_lines(world.get(f"{TASK}&attempt={TI}"))
    assert any("set cursor = 1" in line for line in former)
    assert not any("set cursor = 2" in line for line in former)


def test_the_newest_attempt_with_a_log_is_shown(world, log):
    log(record("of the first"))
    world.put(FIXTURE, json={"task_instances": [{**EXTRACT, "id": NEXT, "state": "queued"}]})
    assert any("of the first" in line for line in log_lines(world.get(TASK)))


def test_an_attempt_of_another_task_is_refused(world):
    answer = world.get(f"{TASK}&attempt={NEXT}", headers=HTML)
    assert answer.status_code == 400
    assert "expected the id of one of its attempts" in text_of(answer)


def test_an_error_has_the_traceback_of_the_users_code(log):
    answer = log(record("Task failed with exception", **error("lost it")))
    (line,) = [line for line in log_lines(answer) if "Task failed" in line]
    assert 'File "/opt/airflow/dags/etl.py", line 7, in extract ConnectionError: lost it' in line
    assert "task_runner.py" not in line


def test_a_group_is_folded_unless_it_has_an_error(log):
    quiet = [record("::group::Pre Execute"), record("parse"), record("::endgroup::")]
    loud = [record("::group::Post Execute"), record("no", level="error"), record("::endgroup::")]
    page = log(*quiet, *loud, record("last")).get_data(as_text=True)
    folds = re.findall(r'<li class="group"><details( open)?>.*?<bdi>(.*?)</bdi>', page, re.S)
    assert folds == [("", "Pre Execute"), (" open", "Post Execute")]
    assert "endgroup" not in page


def test_records_that_are_not_stored_are_counted(log):
    answer = log(record("hello"), left_out=1200)
    assert "1,200 lines before are not stored" in section(answer, "log")


def test_a_single_line_that_is_not_stored_is_counted(log):
    answer = log(record("hello"), left_out=1)
    assert "lines. 1 line before is not stored" in section(answer, "log")


def test_lines_that_are_not_shown_are_in_the_raw_text(world, log):
    answer = log(*(record(f"line {number}") for number in range(510)))
    assert "10 earlier lines are in the raw log" in section(answer, "log")
    raw = world.get(f"{RAW}&part=log")
    assert raw.text.count("\n") == 510
    assert "line 0\n" in raw.text


def test_a_long_line_is_shortened(log):
    answer = log(record("x" * 3000))
    assert "… and 1,000 characters more" in section(answer, "log")
    assert "x" * 2001 not in answer.text


def test_credentials_in_a_line_are_hidden(world, log):
    answer = log(record("GET https://me:hunter2@example.com/", url="s3://k:hunter2@b"))
    raw = world.get(f"{RAW}&part=log")
    assert "hunter2" not in answer.text
    assert "hunter2" not in raw.text


HOSTILE = "<script>alert(1)</script>\ud800"


def test_a_hostile_log_is_escaped(log):
    answer = log(record(HOSTILE, level=HOSTILE, logger=HOSTILE, **{HOSTILE: HOSTILE}))
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("odd", [{}, {"event": None}, {"level": 3, "logger": [1], "event": {}}])
def test_an_odd_record_is_shown(log, odd):
    assert log(odd).status_code == 200


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_moment_that_no_clock_shows_is_shown_as_the_one_before(log, moment):
    answer = log(record("first"), {**record("second"), "timestamp": moment})
    assert "10:00:00.000 second" in log_lines(answer)


def test_without_a_log_the_page_says_how_it_comes(world):
    text = text_of(world.get(TASK))
    assert "No rendered fields, XComs and log yet" in text
    assert "stateroom run its log" in text


def test_a_call_without_a_log_is_shown(world):
    world.put(f"/execution/store/ti/{TI}/cursor", json={"value": 1})
    assert "These are the attempt’s calls" in section(world.get(TASK), "log")
